"""The journal: the entries whose fate is final and that might be read again, out of reach of a crash of the process.

After a crash the engine goes back to its last snapshot, or without a recovery store to the group's committed offsets,
and reads again; what the journal holds is not sent again, for AppsFlyer has no de-duplication. A record reaches the
operating system before the sender waits for the next answers; a crash of the machine itself can lose what was not yet
on the disk, which costs duplicates, never events. A segment is on the disk before the snapshot that ends it is stored.

A snapshot waits for the disk four times, in an order that a crash at any moment leaves usable: the directory has the
fresh segment before the manifest lists it; the ended one is on the disk before the manifest lists it as closed; and the
manifest is there, itself and its name, before a file that it no longer lists is removed. None of it is under the lock,
so that the sender goes on writing, to the fresh segment, meanwhile.

Format of a segment: frames (see `frames.py`); the payload is a JSON list of
`[source, partition, place, sync, copy, fate, [first offset, and how much further each next one is]]`, where fate is
`delivered` or a dead letter's reason: some five bytes an entry under load, fifty where each is written alone. The first
frame has the id of the state directory in the place of a fate, and no offset, so that an earlier version, which writes
none, reads over it.
"""

import os
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import orjson
import structlog

from connectors.state.damage import SEND_AGAIN, DamagedStateError, numbered_files
from connectors.state.durable import sync_entries
from connectors.state.earlier_fates import DELIVERED, EarlierFates, Entry
from connectors.state.frames import append_whole, frame, is_torn, next_frame, read_frames
from connectors.state.manifest import KEPT_SNAPSHOTS, Listed, Manifest, check_listed, read_listed
from flows.domain.event import Position

__all__ = ["DELIVERED", "Entry", "Journal", "Released", "read_segment"]

log = structlog.get_logger()

_SUFFIX: Final = ".journal"
_UNKNOWN: Final = Listed(0, 0, is_closed=False)
"""How much of a segment is on the disk is not known: it is written to, or could not be synced."""
_HEAD: Final = b'[["",'
"""What the first frame's payload begins with."""

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
        paths = numbered_files(directory, _SUFFIX)
        check_listed(directory, paths, manifest.files if manifest is not None else {}, SEND_AGAIN)
        for path in paths:
            number = int(path.stem)
            self._sealed.append(self._load(path))
        self._next_number = number + 1
        self._size = self._crc32 = 0
        """Of the segment that is written to."""
        self._segment, self._descriptor = self._begin()
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
            groups: dict[tuple[str, int, int, str | None, int, str], list[int]] = {}
            for ((source, partition, offset, place), sync, copy), fate in self._buffer:
                group = (source, partition, place, sync, copy, fate)
                if group in groups:
                    groups[group].append(offset)
                else:
                    groups[group] = [offset]
            highest = self._segment.highest.copy()
            records = []
            for group, offsets in groups.items():
                offsets.sort()
                highest[group[:2]] = max(offsets[-1], highest.get(group[:2], -1))
                steps = [after - before for before, after in pairwise(offsets)]
                records.append((*group, [offsets[0], *steps]))
            data = frame(orjson.dumps(records))
            if not self._size and self._manifest is not None:
                data = frame(orjson.dumps([("", 0, 0, None, 0, self._manifest.state, [])])) + data
            append_whole(self._descriptor, data)
            self._size, self._crc32 = self._size + len(data), zlib.crc32(data, self._crc32)
            self._segment.highest.update(highest)
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
        before, self._sealed = self._sealed, kept
        try:
            self._list()
        except OSError:  # what is listed must be there
            self._sealed = before
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
        for path in self._directory.glob(f"*{_SUFFIX}"):
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
            os.fdatasync(self._descriptor)
            self._sealed.append(self._ended())
            self._list()
        except OSError as problem:
            log.error("the journal's end could not be written; a start may repeat that much", why=problem.strerror)
        os.close(self._descriptor)

    def _seal(self) -> None:
        """Add nothing more to the segment, unless there is no room for another."""
        if not self._segment.highest:
            return
        try:
            fresh = self._begin()
        except OSError:
            with suppress(OSError):
                os.fdatasync(self._descriptor)
            return
        with self._lock:
            ended, descriptor = self._ended(), self._descriptor
            self._sealed = [*self._sealed, ended._replace(listed=_UNKNOWN)]
            self._segment, self._descriptor = fresh
            self._size = self._crc32 = 0
        try:
            os.fdatasync(descriptor)
            self._sealed[-1] = ended
        except OSError as problem:  # it is read as one that a crash has left
            log.error("the journal could not be synced; a crash of the machine may repeat it", why=problem.strerror)
        finally:
            os.close(descriptor)

    def _ended(self) -> _Segment:
        """Return the segment that is written to as one to which nothing is added."""
        listed = Listed(self._size, self._crc32, is_closed=True)
        return self._segment._replace(needed_at=self._snapshots, listed=listed)

    def _list(self) -> None:
        """Let the manifest know of every segment. Raises OSError."""
        if self._manifest is not None:
            self._manifest.write({each.path.name: each.listed for each in (self._segment, *self._sealed)})

    def _begin(self) -> tuple[_Segment, int]:
        path = self._directory / f"{self._next_number:012d}{_SUFFIX}"
        self._next_number += 1
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            sync_entries(self._directory)
        except OSError:
            os.close(descriptor)
            raise
        return _Segment(path, {}), descriptor

    def _load(self, path: Path) -> _Segment:
        files = self._manifest.files if self._manifest is not None else {}
        content = read_listed(path, files, SEND_AGAIN)
        state = ""
        if self._manifest is not None and not self._manifest.is_new:
            listed = files.get(path.name)
            if listed is None or not listed.is_closed:  # one that is closed is as it was when it was listed
                state = self._manifest.state
        highest: dict[tuple[str, int], int] = {}
        for source, partition, offset, place, sync, copy, fate in _read(content, path, state):
            self._known.add((Position(source, partition, offset, place), sync, copy), fate)
            highest[source, partition] = max(offset, highest.get((source, partition), -1))
        return _Segment(path, highest, Listed(len(content), zlib.crc32(content), is_closed=True))


def read_segment(path: Path) -> Iterator[tuple[str, int, int, int, str | None, int, str]]:
    """Yield (source, partition, offset, place, sync, copy, fate).

    A torn end is left out, and said. So is a part that is damaged; what stands behind it is read. Raises
    DamagedStateError where it is whole, and no journal.
    """
    yield from _read(path.read_bytes(), path)


def _read(content: bytes, path: Path, state: str = "") -> Iterator[tuple[str, int, int, int, str | None, int, str]]:
    """Yield as `read_segment` does; with the id of a state, what is damaged or of another state is refused, too."""
    file = BytesIO(content)
    end = 0
    while True:
        for payload, end in read_frames(file):  # noqa: B007 - the last one is asked for below
            try:
                if payload.startswith(_HEAD):
                    _check_state(orjson.loads(payload)[0][5], state, path)
                else:
                    yield from _entries(payload)
            except (ValueError, TypeError, IndexError) as problem:
                raise DamagedStateError(f"{path} is no journal; move it out of the state directory") from problem
        if end == len(content):
            return
        behind = next_frame(content, end, b"[[")
        if behind is None and is_torn(content[end:]):
            log.warning("the journal's end is torn, as after a crash", segment=path.name, bytes=len(content) - end)
            return
        if state:
            raise DamagedStateError(f"{path} is damaged at byte {end}; {SEND_AGAIN}")
        log.error(
            "the journal is damaged: what was delivered and stood there may be sent twice",
            file=str(path),
            at_byte=end,
            bytes=(len(content) if behind is None else behind) - end,
            do="look after the disk; see docs/runbook.md, «Damaged state»",
        )
        if behind is None:
            return
        end = behind
        file.seek(end)


def _check_state(found: str, state: str, path: Path) -> None:
    if state and found != state:
        raise DamagedStateError(f"{path} is of another state directory ({found}, this is {state}); {SEND_AGAIN}")


def _entries(payload: bytes) -> Iterator[tuple[str, int, int, int, str | None, int, str]]:
    for source, partition, place, sync, copy, fate, steps in orjson.loads(payload):
        offset = 0
        for step in steps:
            offset += step
            yield source, partition, offset, place, sync, copy, fate


def _is_below(segment: _Segment, released: Released) -> bool:
    return all(offset < released.get(partition, -1) for partition, offset in segment.highest.items())
