"""The journal: the entries whose fate became final since the last snapshots, out of reach of a crash of the process.

After a crash the engine goes back to its last snapshot and reads again; what the journal holds is not sent again, for
AppsFlyer has no de-duplication. A record reaches the operating system before the courier waits for the next answers;
a crash of the machine itself can lose what was not yet on the disk, which costs duplicates, never events.

Format of a segment: frames (see `frames.py`); the payload is a JSON list of
`[source, partition, offset, place, sync, copy, fate]`, where fate is `delivered` or a dead letter's reason.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import orjson
import structlog

from connectors.ledger.frames import append_whole, frame, read_frames
from flows.steps.event import Position

log = structlog.get_logger()

DELIVERED: Final = "delivered"
KEPT_SNAPSHOTS: Final = 3
_SUFFIX: Final = ".journal"

Entry = tuple[Position, str | None, int]
"""(event, sync or None where decode refused it, copy)"""
Watermarks = Mapping[tuple[str, int], int]
"""Source partition → the lowest offset that is not final."""


class _Segment(NamedTuple):
    path: Path
    highest: dict[tuple[str, int], int]
    """Source partition → highest offset in it."""
    sealed_at: int = 0
    """How many snapshots this run had taken when nothing more was added to it, or when it was still needed."""
    is_inherited: bool = False
    """An earlier run wrote it."""


class Journal:
    """Remembers final fates across a crash. `record` and `flush` may be called by several threads."""

    def __init__(self, directory: Path) -> None:
        """Read what an earlier run left, and begin a new segment. Raises OSError if the directory cannot be used."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lock = Lock()
        self._buffer: list[tuple[str, int, int, int, str | None, int, str]] = []
        self._known: dict[Entry, tuple[str, Path]] = {}
        """Entry → its fate, and the segment that says so."""
        self._unasked: Counter[Path] = Counter()
        """Segment → how many of its entries were not asked for yet."""
        self._sealed: list[_Segment] = []
        self._snapshots = 0
        number = 0
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            number = int(path.stem)
            self._sealed.append(self._load(path))
        self._next_number = number + 1
        self._segment, self._descriptor = self._begin()

    def __len__(self) -> int:
        """Return how many fates of an earlier run are known and were not asked for yet."""
        return len(self._known)

    def recall(self, entry: Entry) -> str | None:
        """Return the fate that an entry met in an earlier run, once: `delivered`, a dead letter's reason, or None."""
        if not self._known:
            return None
        with self._lock:
            found = self._known.pop(entry, None)
            if found is None:
                return None
            fate, path = found
            self._unasked[path] -= 1
            return fate

    def record(self, entry: Entry, fate: str) -> None:
        """Note a fate; it is durable against a crash of the process after the next `flush`."""
        position, sync, copy = entry
        with self._lock:
            self._buffer.append((*position, sync, copy, fate))

    def flush(self) -> None:
        """Hand what was noted to the operating system. Raises OSError where it cannot, as on a full disk."""
        if not self._buffer:
            return
        with self._lock:
            buffer, self._buffer = self._buffer, []
            payload = orjson.dumps(buffer)
            try:
                append_whole(self._descriptor, frame(payload))
            except OSError:
                self._buffer = buffer + self._buffer
                raise
            highest = self._segment.highest
            for source, partition, offset, *_ in buffer:
                highest[source, partition] = max(offset, highest.get((source, partition), -1))

    def snapshot_taken(self, watermarks: Watermarks | None = None, *, has_store: bool = True) -> None:
        """Begin a new segment, and remove those that no snapshot needs.

        `watermarks` are the lowest offsets that are not final. Without a recovery store a restart begins to read there,
        so a segment is kept until everything in it lies below. With one, that holds for what an earlier run wrote: it
        may be read again late, after any number of snapshots, where the source has to wait.
        """
        below = watermarks or {}
        self.flush()
        with self._lock:
            os.close(self._descriptor)
            self._snapshots += 1
            self._sealed.append(self._segment._replace(sealed_at=self._snapshots))
            self._segment, self._descriptor = self._begin()
            kept = []
            for segment in self._sealed:
                if segment.is_inherited and self._unasked[segment.path] and not _is_below(segment, below):
                    kept.append(segment._replace(sealed_at=self._snapshots))
                elif self._snapshots - segment.sealed_at < KEPT_SNAPSHOTS or not (
                    has_store or _is_below(segment, below)
                ):
                    kept.append(segment)
                else:
                    segment.path.unlink(missing_ok=True)
            self._sealed = kept

    def forget(self) -> None:
        """Forget what an earlier run left: for input that is meant to be read again from its beginning."""
        self._known.clear()
        self._unasked.clear()

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.flush()
        os.close(self._descriptor)

    def _begin(self) -> tuple[_Segment, int]:
        path = self._directory / f"{self._next_number:012d}{_SUFFIX}"
        self._next_number += 1
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        return _Segment(path, {}), descriptor

    def _load(self, path: Path) -> _Segment:
        highest: dict[tuple[str, int], int] = {}
        for source, partition, offset, place, sync, copy, fate in read_segment(path):
            entry = (Position(source, partition, offset, place), sync, copy)
            if entry in self._known:
                self._unasked[self._known[entry][1]] -= 1
            self._known[entry] = (fate, path)
            self._unasked[path] += 1
            highest[source, partition] = max(offset, highest.get((source, partition), -1))
        return _Segment(path, highest, is_inherited=True)


def read_segment(path: Path) -> Iterator[list[Any]]:
    """Yield the records of a segment; a torn or damaged end is left out, and said."""
    end = 0
    with path.open("rb") as file:
        for payload, end in read_frames(file):  # noqa: B007 - the last one is asked for below
            yield from orjson.loads(payload)
    torn = path.stat().st_size - end
    if torn:
        log.warning("the journal's end is torn, as after a crash", segment=path.name, bytes=torn)


def _is_below(segment: _Segment, watermarks: Watermarks) -> bool:
    return all(offset < watermarks.get(partition, -1) for partition, offset in segment.highest.items())
