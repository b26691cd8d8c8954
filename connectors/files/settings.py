"""The settings of files, as a source and as the place of dead letters: as they are written, and as they are used."""

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

from connectors.form import Form, SourceSettings
from connectors.table import Table
from connectors.values import Flag, Paths
from connectors.values import Path as PathText

_FOLLOW: Final = False


@dataclass(frozen=True, slots=True)
class FilesSource:
    """`[source] kind = "files"`."""

    kind: ClassVar[str] = "files"
    paths: tuple[str, ...]
    """Absolute paths and globs."""
    follow: bool = _FOLLOW
    """Keep watching the paths for new files."""


@dataclass(frozen=True, slots=True)
class FileDeadLetters:
    """`[dead_letters] kind = "files"`."""

    kind: ClassVar[str] = "files"
    directory: Path


class FilesSourceTable(Table):
    """Events are read from Amplitude Export archives: .zip, .json.gz, .json, .ndjson."""

    kind: Literal["files"]
    """Files are for archives that you have, or fetch with `python -m flows pull`: for a trial, or after an outage."""
    paths: Paths
    """Paths and globs. The files are read in the order of their names; relative paths start at the settings file."""
    follow: Flag = _FOLLOW
    """Wait for new files at these paths; otherwise the stream ends after the last line."""

    def settings(self, base: Path) -> FilesSource:
        """Return them, with absolute paths."""
        # The directory's own name may hold what a glob takes for a wildcard.
        start = Path(glob.escape(str(base)))
        return FilesSource(tuple(str(start / each) for each in self.paths), follow=self.follow)


class FileDeadLettersTable(Table):
    """Events that cannot be delivered go to files."""

    kind: Literal["files"] = "files"
    """Files need nothing else."""
    directory: PathText = "dead-letters"
    """The directory of the files; a relative path starts at the settings file. The stream never removes them."""

    def settings(self, base: Path, _: SourceSettings) -> FileDeadLetters:
        """Return them, with an absolute path."""
        return FileDeadLetters(base / self.directory)


SOURCE: Final = Form(
    FilesSourceTable,
    own_keys=("paths", "follow"),
    connector="connectors.files.kind:ArchiveSource",
    read_anew="every file",
)
DEAD_LETTERS: Final = Form(FileDeadLettersTable, own_keys=("directory",), connector="connectors.files.kind:LetterFiles")
