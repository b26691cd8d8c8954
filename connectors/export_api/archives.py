"""The archives that were fetched: one zip for each hour, there as a whole or not at all."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from connectors.export_api.hours import name_of
from connectors.state.durable import sync_entries


class NoArchiveError(Exception):
    """What was fetched is no zip. The message says what is wrong with it."""


class PulledArchives:
    """A directory of archives. Their names are in the order of their hours, so that they are read in that order."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, hour: datetime) -> Path:
        """Return where the archive of an hour is, or would be."""
        return self._directory / f"{name_of(hour)}.zip"

    def has(self, hour: datetime) -> bool:
        """Whether the archive of an hour is there."""
        return self.path(hour).exists()

    @contextmanager
    def part(self, hour: datetime) -> Iterator[BinaryIO]:
        """Give a file for what is fetched, under a name that no pattern reads; `keep` makes it the hour's archive.

        Without `keep` nothing is left of it. What a killed process has left is written over.
        """
        part = self._part(hour)
        try:
            with part.open("wb") as file:
                yield file
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def keep(self, hour: datetime, part: BinaryIO) -> bool:
        """Make what was fetched durable, and then the hour's archive; return False for a zip without any file.

        Raises NoArchiveError where it is no zip, OSError where the disk does not take it.
        """
        part.flush()
        os.fsync(part.fileno())
        if not _members(self._part(hour)):
            return False
        self._part(hour).rename(self.path(hour))
        sync_entries(self._directory)
        return True

    def _part(self, hour: datetime) -> Path:
        return self._directory / f".{name_of(hour)}.zip.part"


def _members(path: Path) -> int:
    """Return how many files a zip has, whose table of contents is at its end. Raises NoArchiveError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return len(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise NoArchiveError("it is no zip, or a part of one") from error
