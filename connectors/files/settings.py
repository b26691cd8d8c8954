"""The settings of files, as a source and as the place of dead letters."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FilesSource:
    """`[source] kind = "files"`."""

    paths: tuple[str, ...]
    """Absolute paths and globs."""
    follow: bool = False
    """Keep watching the paths for new files."""


@dataclass(frozen=True, slots=True)
class FileDeadLetters:
    """`[dead_letters] kind = "files"`."""

    directory: Path
