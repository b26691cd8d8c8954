"""The manifest of a state directory: what a start must find there, so that what is missing or foreign is noticed.

Each file tells by itself whether it is whole. What none of them can tell is that it is gone, that an older copy of it
lies there, or that of another stream's. So `manifest.json` has the id of the state, the files of the journal with their
checksums, and the oldest snapshot from which a start loses nothing. SQLite alone would go back to any older one in
silence where its write-ahead log (`*.sqlite3-wal`) is cut or removed.
"""

import os
import secrets
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

import structlog

from connectors.state.damage import READ_AGAIN, DamagedStateError
from connectors.state.durable import read_checked, write_checked
from connectors.state.layout import MANIFEST, Layout

log = structlog.get_logger()

_VERSION: Final = 1
KEPT_SNAPSHOTS: Final = 3
"""So many are fit for a start, the last one too: journal, spill and log of users keep what these need."""


class Snapshot(NamedTuple):
    """Which snapshot of which state it is, as the recovery store has it."""

    state: str
    """The id of the state directory."""
    number: int


class Listed(NamedTuple):
    """A file as the manifest knows it."""

    size: int
    """It has at least so many bytes."""
    crc32: int
    """Of these."""
    is_closed: bool
    """Nothing was added since."""

    @classmethod
    def whole(cls, content: bytes) -> Self:
        """Return how a file of that content is listed when nothing is added to it."""
        return cls(len(content), zlib.crc32(content), is_closed=True)

    def fits(self, content: bytes) -> bool:
        """Return whether a file's content is what was written."""
        size = len(content)
        return size >= self.size and (size == self.size or not self.is_closed) and self._crc32(content) == self.crc32

    def _crc32(self, content: bytes) -> int:
        return zlib.crc32(memoryview(content)[: self.size])


def check_listed(directory: Path, paths: Iterable[Path], files: Mapping[str, Listed], way_out: str) -> None:
    """Look whether each listed file is there. Raises DamagedStateError; `way_out` says what to do then."""
    names = {path.name for path in paths}
    for name in files:
        if name not in names:
            raise DamagedStateError(f"{directory / name} is missing; {way_out}")


def read_listed(path: Path, files: Mapping[str, Listed], way_out: str) -> bytes:
    """Return what a file holds, which is on the disk from now on, so that it can be listed as closed.

    Raises DamagedStateError where it is not what is listed, OSError.
    """
    with path.open("rb") as file:
        content = file.read()
        os.fsync(file.fileno())  # a process that was killed may have left it to the system
    listed = files.get(path.name)
    if listed is not None and not listed.fits(content):
        raise DamagedStateError(f"{path} is not what was written: cut, changed or foreign; {way_out}")
    return content


class Manifest:
    """The file. The worker alone writes it while the flow runs."""

    def __init__(self, directory: Path, stored: Snapshot | None = None, *, has_recovery: bool = True) -> None:
        """Read it, or begin one that the first `write` makes.

        Args:
            directory: the state directory.
            stored: the snapshot that the recovery store goes on at; None where it has none, or an earlier version's.
            has_recovery: whether there is a recovery store.

        Raises:
            DamagedStateError: it is damaged, or the recovery store is not the one that it tells of.
            OSError: it cannot be read.
        """
        self._path = directory / MANIFEST
        self._has_recovery = has_recovery
        self.state = stored.state if stored is not None else secrets.token_hex(8)
        """The id of the state directory."""
        self.files: dict[str, Listed] = {}
        """The files of the journal, or the marks of replays."""
        self.is_new = True
        """Whether there was none, as where an earlier version has stopped or somebody has removed it."""
        self._oldest = 0
        self._snapshot = stored.number if stored is not None else 0
        with suppress(FileNotFoundError):
            self._take()
            self.is_new = False
        if has_recovery:
            if self.is_new and stored is not None:
                log.warning("a file of the state is missing, and is written anew", file=str(self._path))
            self._compare(directory, stored)
            self._oldest = self._snapshot

    def next_snapshot(self) -> Snapshot:
        """Count a snapshot; it goes into the recovery store."""
        self._snapshot += 1
        return Snapshot(self.state, self._snapshot)

    def write(self, files: Mapping[str, Listed]) -> None:
        """Make durable what a start must find from now on. Raises OSError, and then nothing may be removed."""
        if self._has_recovery:
            self._oldest = max(self._oldest, self._snapshot - (KEPT_SNAPSHOTS - 1))
        self.files = dict(files)
        self._write()

    def ended(self) -> None:
        """Note that the recovery store has the last snapshot, for the flow has come to its end. Raises OSError."""
        if self._has_recovery and self._oldest < self._snapshot:
            self._oldest = self._snapshot
            self._write()

    def _write(self) -> None:
        content = {
            "version": _VERSION,
            "state": self.state,
            "oldest_snapshot": self._oldest,
            "files": {name: list(each) for name, each in self.files.items()},
        }
        write_checked(self._path, content)

    def _take(self) -> None:
        try:
            content = read_checked(self._path)
            is_known = content["version"] == _VERSION
            self.state = content["state"]
            self._oldest = content["oldest_snapshot"]
            self.files = {name: Listed(*each) for name, each in content["files"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            is_known = False
        if not is_known:
            raise DamagedStateError(
                f"{self._path} is damaged; put it back as it was, or remove it, where you know that nothing else in "
                "the state directory was lost or replaced"
            )

    def _compare(self, directory: Path, stored: Snapshot | None) -> None:
        """Compare it with the recovery store. Raises DamagedStateError."""
        if stored is not None and stored.state != self.state:
            raise DamagedStateError(
                f"{self._path} and the recovery store in {directory} are of different states ({self.state} and "
                f"{stored.state}); {READ_AGAIN}"
            )
        if self._snapshot < self._oldest:
            found = f"goes on at snapshot {self._snapshot}" if self._snapshot else "has no snapshot"
            raise DamagedStateError(
                f"the recovery store in {Layout(directory).recovery} {found}, and {self._path} knows of snapshot "
                f"{self._oldest}: the store, or its file *.sqlite3-wal, is missing, cut or an older copy; {READ_AGAIN}"
            )
