"""Marks: which dead letters a replay has brought to an end, so that no later replay sends them again.

A mark stands for an event, the sync and the copy: `delivered` is the end for all dead letters of these three; that it
became a dead letter again is the end for those that were replayed, and not for the new one, which says that it was
replayed once more. So letters may be moved to other files, and one that a crash has stored twice is replayed once.

Format of a file: frames (see `frames.py`); the payload is a JSON list of `[source, partition, offset, place, sync,
copy, fate, replays, run]`. Marks are never removed by the program: some 100 bytes for each letter that was replayed.
They are of no use any more when the letters are gone, so files that are older than your dead letters may be deleted.
"""

import os
import sys
from pathlib import Path
from threading import Lock
from typing import Final

import orjson
import structlog

from connectors.ledger.frames import append_whole, frame, read_frames
from connectors.ledger.journal import DELIVERED, Entry
from flows.steps.event import Position

log = structlog.get_logger()

_SUFFIX: Final = ".marks"
_FOR_GOOD: Final = sys.maxsize
_NOT: Final = (0, "")


class Marks:
    """Remembers ends across runs. `record` and `flush` may be called by several threads."""

    def __init__(self, directory: Path, run: str, *, again: bool = False) -> None:
        """Read what earlier runs left; with `again` only what this run itself left before it was interrupted.

        Nothing is written before the first `flush` of something. Raises OSError if the directory cannot be read.
        """
        self._directory = directory
        self._run = run
        self._lock = Lock()
        self._buffer: list[tuple[str, int, int, int, str | None, int, str, int, str]] = []
        self._ended: dict[Entry, tuple[int, str]] = {}
        self.of_this_run: set[Entry] = set()
        """What this run had brought to an end before it was interrupted."""
        self._next_number = 1
        self._descriptor: int | None = None
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            self._next_number = int(path.stem) + 1
            self._load(path, again=again)

    def is_ended(self, entry: Entry, replays: int) -> bool:
        """Return whether a letter of this entry, which had been replayed so many times before, is at its end."""
        return self.fate(entry, replays) is not None

    def fate(self, entry: Entry, replays: int) -> str | None:
        """Return what became of such a letter: `delivered`, the reason for which it is a dead letter again, or None."""
        below, fate = self._ended.get(entry, _NOT)
        return fate if replays < below else None

    def record(self, entry: Entry, replays: int, fate: str) -> None:
        """Note what became of an entry by its replay of this number, counted from 1; durable after the next `flush`."""
        position, sync, copy = entry
        with self._lock:
            self._note(entry, replays, fate)
            self._buffer.append((*position, sync, copy, fate, replays, self._run))

    def flush(self) -> None:
        """Hand what was noted to the operating system. Raises OSError where it cannot, as on a full disk."""
        if not self._buffer:
            return
        with self._lock:
            if self._descriptor is None:
                self._descriptor = self._begin()
            append_whole(self._descriptor, frame(orjson.dumps(self._buffer)))
            self._buffer = []

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _note(self, entry: Entry, replays: int, fate: str) -> None:
        ended = (_FOR_GOOD if fate == DELIVERED else replays, fate)
        self._ended[entry] = max(ended, self._ended.get(entry, _NOT))

    def _begin(self) -> int:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{self._next_number:012d}{_SUFFIX}"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _load(self, path: Path, *, again: bool) -> None:
        end = 0
        with path.open("rb") as file:
            for payload, behind in read_frames(file):
                end = behind
                for source, partition, offset, place, sync, copy, fate, replays, run in orjson.loads(payload):
                    entry = (Position(source, partition, offset, place), sync, copy)
                    if run == self._run:
                        self.of_this_run.add(entry)
                    if run == self._run or not again:
                        self._note(entry, replays, fate)
        torn = path.stat().st_size - end
        if torn:
            log.warning("the marks' end is torn, as after a crash", file=path.name, bytes=torn)
