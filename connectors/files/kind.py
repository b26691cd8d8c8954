"""The kind `files`: archives as a source, and NDJSON files as a place for dead letters."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from connectors.dead_letters import Bounds, LetterReader, LetterWriter, StoredBytes
from connectors.files.check import source_findings
from connectors.files.dead_letters import FileLetterWriter
from connectors.files.erase import erase_letters
from connectors.files.intake import any_file
from connectors.files.letter_reader import FileLetterReader, count_lines, file_ends
from connectors.files.sample import all_lines, sample_archives
from connectors.files.settings import FileDeadLetters, FilesSource
from connectors.files.source import FilesInput
from connectors.finding import Finding
from connectors.opening import Opening
from connectors.ports import LookAt
from flows.domain.event import Record
from flows.domain.slice import Slice


class ArchiveSource:
    """Archives of Amplitude's Export API. Implements `Source`."""

    unsliceable = "slices divide Kafka's partitions, files have none"
    out_of_reach = "archives: not in reach; with a new state directory they are read again"

    def __init__(self, settings: FilesSource) -> None:
        self._settings = settings

    @property
    def title(self) -> str:
        """The paths."""
        return ", ".join(self._settings.paths)

    @property
    def ends(self) -> bool:
        """Unless it follows."""
        return not self._settings.follow

    def nothing_to_read(self) -> str | None:
        """Say that no file matches."""
        if self._settings.follow or any_file(self._settings.paths):
            return None
        return f"source.paths: no file matches {self.title}, so nothing was read; correct it"

    def obstacles(self) -> Iterator[str]:
        """Yield nothing: files that are not there may come."""
        return iter(())

    def missing(self, part: Slice) -> Iterator[str]:
        """Yield nothing."""
        del part
        return iter(())

    def check(self, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
        """Yield what is found of each pattern, and in a sample of what they name."""
        return source_findings(self._settings, state_directory, look_at)

    def latest(self, limit: int | None, on_damage: Callable[[str], None]) -> Iterator[Record]:
        """Yield the first lines of some of the archives, from the first to the last; of all of them, all lines."""
        if limit is None:
            yield from all_lines(self._settings, on_damage)
            return
        archives = sample_archives(self._settings, limit)
        for problem in archives.unreadable:
            on_damage(problem)
        yield from archives.records

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> None:
        """Return None: archives are somebody else's files."""
        del is_theirs

    def open(self, opening: Opening) -> FilesInput:
        """Open them."""
        return FilesInput(self._settings, opening)

    def writer(self) -> None:
        """Return None: archives are written by Amplitude."""


class LetterFiles:
    """Dead letters in files. Implements `DeadLetterStore`."""

    def __init__(self, settings: FileDeadLetters) -> None:
        self._directory = settings.directory

    @property
    def place(self) -> str:
        """The directory."""
        return str(self._directory)

    @property
    def title(self) -> str:
        """The directory."""
        return self.place

    @property
    def identity(self) -> str:
        """The directory."""
        return self.place

    @property
    def directories(self) -> Mapping[str, Path]:
        """The one."""
        return MappingProxyType({"dead_letters.directory": self._directory})

    def obstacles(self) -> Iterator[str]:
        """Yield nothing beyond what `directories` tells."""
        return iter(())

    def missing(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())

    def check(self) -> Iterator[Finding]:
        """Yield nothing."""
        return iter(())

    def blocked(self) -> str | None:
        """Say whether the directory can be written to, or made where it is not there yet."""
        place = next(each for each in (self._directory, *self._directory.parents) if each.exists())
        return None if os.access(place, os.W_OK | os.X_OK) else f"{self._directory} cannot be written to"

    def writer(self) -> LetterWriter:
        """Open it for writing."""
        return FileLetterWriter(self._directory)

    def bounds(self) -> Bounds:
        """Return the files with their sizes, and how many lines they have."""
        ends = file_ends(self._directory)
        return Bounds(ends, count_lines(self._directory, ends))

    def read(
        self, ends: Mapping[str, int], begin: Mapping[str, int], on_damage: Callable[[object], None]
    ) -> LetterReader:
        """Read one file after another."""
        return FileLetterReader(self._directory, ends, begin, on_damage)

    def id(self) -> str | None:
        """Return None: files are known by their names, which are never used twice."""
        return None

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int | None:
        """Blank letters where they stand."""
        return erase_letters(self._directory, is_theirs)
