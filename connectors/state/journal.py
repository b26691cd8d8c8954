"""The journal: the entries whose fate is final and that might be read again, out of reach of a crash of the process.

After a crash the engine goes back to its last snapshot, or without a recovery store to the group's committed offsets,
and reads again; what the journal holds is not sent again, for AppsFlyer has no de-duplication. A record reaches the
operating system before the sender waits for the next answers; a crash of the machine itself can lose what was not yet
on the disk, which costs duplicates, never events. A segment is on the disk before the snapshot that ends it is stored.

A snapshot waits for the disk four times, in an order that a crash at any moment leaves usable: the directory has the
fresh segment before the manifest lists it; the ended one is on the disk before the manifest lists it as closed; and the
manifest is there, itself and its name, before a file that it no longer lists is removed. None of it is under the lock,
so that the sender goes on writing, to the fresh segment, meanwhile.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import structlog

from connectors.state.damage import SEND_AGAIN
from connectors.state.durable import sync_entries
from connectors.state.earlier_fates import DELIVERED, EarlierFates, Entry
from connectors.state.journal_segment import head, packed, read_content
from connectors.state.layout import JOURNAL_SEGMENTS
from connectors.state.manifest import KEPT_SNAPSHOTS, Listed, Manifest, check_listed, read_listed
from connectors.state.segment_log import SegmentFile
from flows.domain.event import Position

__all__ = ["DELIVERED", "Entry", "Journal", "Released"]

log = structlog.get_logger()

_UNKNOWN: Final = Listed(0, 0, is_closed=False)
"""How much of a segment is on the disk is not known: it is written to, or could not be synced."""
Released = Mapping[tuple[str, int], int]
"""Source partition → the offset below which no start would read again, however it finds its place."""


class _Segment(NamedTuple):
    path: Path
    highest: dict[tuple[str, int], int]
    """Source partition → highest offset in it."""
    listed: Listed = _UNKNOWN
    """As the manifest has it, once nothing is added."""
    needed_at: int = 0
    """How many snapshots this run had taken when it was last needed."""


class Journal:
    """Remembers final fates across a crash. `record` and `flush` may be called by several threads.

    The worker alone takes snapshots and closes it.
    """

    def __init__(self, directory: Path, manifest: Manifest | None = None) -> None:
        """Read what an earlier run left, and begin a new segment. Without a manifest no missing file is noticed.

        Raises:
            DamagedStateError: a file is missing, foreign or changed.
            OSError: the directory cannot be used.
        """
        directory.mkdir(parents=True, exist_ok=True)
        sync_entries(directory.parent)
        self._directory = directory
        self._manifest = manifest
        self._lock = Lock()
        self._buffer: list[tuple[Entry, str]] = []
        self._known = EarlierFates()
        self._sealed: list[_Segment] = []
        self._snapshots = 0
        self._clean_at = time.monotonic()
        number = 0
        paths = JOURNAL_SEGMENTS.paths(directory)
        check_listed(directory, paths, manifest.files if manifest is not None else {}, SEND_AGAIN)
        for path in paths:
            number = int(path.stem)
            self._sealed.append(self._load(path))
        self._next_number = number + 1
        self._file = self._begin()
        self._segment = _Segment(self._file.path, {})
        self._list()

    def __len__(self) -> int:
        """Return how many fates of an earlier run are known and were not asked for yet."""
        return len(self._known)

    def recall(self, entry: Entry) -> str | None:
        """Return the fate that an entry met in an earlier run, once: `delivered`, a dead letter's reason, or None."""
        if not self._known:
            return None
        with self._lock:
            return self._known.take(entry)

    def record(self, entry: Entry, fate: str) -> None:
        """Note a fate; it is durable against a crash of the process after the next `flush`."""
        with self._lock:
            self._buffer.append((entry, fate))

    def flush(self) -> None:
        """Hand what was noted to the operating system. Raises OSError where it cannot, as on a full disk."""
        if not self._buffer:  # the usual case, and not worth the lock
            self._clean_at = time.monotonic()
            return
        with self._lock:
            if not self._buffer:  # another thread has written it
                return
            data, highest = packed(self._buffer)
            if not self._file.size and self._manifest is not None:
                data = head(self._manifest.state) + data
            self._file.append(data)
            for place, offset in highest.items():
                self._segment.highest[place] = max(offset, self._segment.highest.get(place, -1))
            self._buffer.clear()
            self._clean_at = time.monotonic()

    def snapshot_taken(self, released: Released) -> None:
        """Begin a new segment, and remove those that no start can need any more.

        A segment is needed until everything in it is released. From then on it is kept for three more snapshots, for a
        crash can go back to an older one than the last. On a full disk the segment stays the same.
        """
        with suppress(OSError):  # the sender says so, and sends nothing until it is written
            self.flush()
        self._snapshots += 1
        self._seal()
        kept, outdated = [], []
        for segment in self._sealed:
            if not _is_below(segment, released):
                kept.append(segment._replace(needed_at=self._snapshots))
            elif self._snapshots - segment.needed_at < KEPT_SNAPSHOTS:
                kept.append(segment)
            else:
                outdated.append(segment)
        self._sealed = kept
        try:
            self._list()
        except OSError:  # what is listed must be there
            self._sealed += outdated
            return
        for segment in outdated:
            with suppress(OSError):  # it is removed after a later start, then
                segment.path.unlink(missing_ok=True)

    def places(self) -> set[tuple[str, int]]:
        """Return the source partitions of which it holds fates."""
        with self._lock:
            return {place for segment in (*self._sealed, self._segment) for place in segment.highest}

    def unflushed_seconds(self, now: float) -> float:
        """Return for how long something has been noted and not written; `now` is `time.monotonic()`."""
        return max(now - self._clean_at, 0.0) if self._buffer else 0.0

    def size_bytes(self) -> int:
        """Return the size of all segments."""
        size = 0
        for path in self._directory.glob(f"*{JOURNAL_SEGMENTS.suffix}"):
            with suppress(OSError):  # removed in between
                size += path.stat().st_size
        return size

    @property
    def directory(self) -> Path:
        """Where the segments are."""
        return self._directory

    def forget(self) -> None:
        """Forget what an earlier run left: for input that is meant to be read again from its beginning."""
        self._known.clear()

    def forget_partition(self, source: str, partition: int) -> None:
        """Forget what an earlier run left of a partition whose offsets begin anew, and so name other events."""
        with self._lock:
            self._known.forget(source, partition)

    def close(self) -> None:
        """Write the rest and let go of the file."""
        try:
            self.flush()
            self._file.sync()
            self._sealed.append(self._ended())
            self._list()
        except OSError as problem:
            log.error("the journal's end could not be written; a start may repeat that much", why=problem.strerror)
        self._file.close()

    def _seal(self) -> None:
        """Add nothing more to the segment, unless there is no room for another."""
        if not self._segment.highest:
            return
        try:
            fresh = self._begin()
        except OSError:
            with suppress(OSError):
                self._file.sync()
            return
        with self._lock:
            ended, file = self._ended(), self._file
            self._sealed = [*self._sealed, ended._replace(listed=_UNKNOWN)]
            self._segment, self._file = _Segment(fresh.path, {}), fresh
        try:
            file.sync()
            self._sealed[-1] = ended
        except OSError as problem:  # it is read as one that a crash has left
            log.error("the journal could not be synced; a crash of the machine may repeat it", why=problem.strerror)
        finally:
            file.close()

    def _ended(self) -> _Segment:
        """Return the segment that is written to as one to which nothing is added."""
        return self._segment._replace(needed_at=self._snapshots, listed=self._file.ended())

    def _list(self) -> None:
        """Let the manifest know of every segment. Raises OSError."""
        if self._manifest is not None:
            self._manifest.write({each.path.name: each.listed for each in (self._segment, *self._sealed)})

    def _begin(self) -> SegmentFile:
        number, self._next_number = self._next_number, self._next_number + 1
        return SegmentFile.begin(JOURNAL_SEGMENTS.path(self._directory, number))

    def _load(self, path: Path) -> _Segment:
        files = self._manifest.files if self._manifest is not None else {}
        content = read_listed(path, files, SEND_AGAIN)
        state = ""
        if self._manifest is not None and not self._manifest.is_new:
            listed = files.get(path.name)
            if listed is None or not listed.is_closed:  # one that is closed is as it was when it was listed
                state = self._manifest.state
        highest: dict[tuple[str, int], int] = {}
        for source, partition, offset, place, sync, copy, fate in read_content(content, path, state):
            self._known.add((Position(source, partition, offset, place), sync, copy), fate)
            highest[source, partition] = max(offset, highest.get((source, partition), -1))
        return _Segment(path, highest, Listed.whole(content))


def _is_below(segment: _Segment, released: Released) -> bool:
    return all(offset < released.get(partition, -1) for partition, offset in segment.highest.items())
