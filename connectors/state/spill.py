"""Spill: a queue on disk for what an app's trouble keeps back, so that it takes no room from other apps' events.

First in, first out; segments of frames. What a snapshot says of it is enough to be exactly there again: where reading
and writing stood. It is also enough to notice that a file is not what was written: the snapshot has how many items
wait, and a checksum over all of them. Segments that no kept snapshot needs are removed.
"""

import os
import pickle
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from connectors.state.damage import READ_AGAIN, DamagedStateError
from connectors.state.durable import sync_entries
from connectors.state.layout import SPILL_SEGMENTS
from connectors.state.manifest import KEPT_SNAPSHOTS
from connectors.state.plain import load_plain
from connectors.state.segment_log import SegmentFile, frame, read_frames

_SEGMENT_BYTES: Final = 16 << 20
_WHERE: Final = struct.Struct(">QQI")
_ALL_BITS: Final = (1 << 64) - 1

SpillPlace = tuple[int, int]
"""(segment, offset in it)"""
SpillMark = tuple[SpillPlace, SpillPlace, int, int] | tuple[SpillPlace, SpillPlace]
"""(next to read, next to write, how many wait, their checksum); the first version had only the places."""
EMPTY: Final[SpillMark] = ((0, 0), (0, 0), 0, 0)


class Spill:
    """One queue, in a directory of its own. Not safe for use by several threads at a time."""

    def __init__(self, directory: Path, mark: SpillMark = EMPTY) -> None:
        """Be where `mark` says; what was written behind it is forgotten, for it will come again.

        Raises:
            DamagedStateError: what waits there is not what was written; nothing was changed.
            OSError: the directory cannot be used.
        """
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        sync_entries(directory.parent)
        (self._read_segment, self._read_offset), (self._segment, end) = mark[0], mark[1]
        paths = SPILL_SEGMENTS.paths(directory)
        self.size = self._checksum = 0
        """How many items wait."""
        for each in _waiting(directory, mark[0], mark[1]):
            self._count(1, _check(*each))
        if len(mark) > 2 and (self.size, self._checksum) != mark[2:]:  # noqa: PLR2004 - the first version's has two
            raise DamagedStateError(
                f"{directory} holds {self.size} events that wait, and the recovery store knows of {mark[2]} "
                f"others: a file of it is foreign, cut or changed; {READ_AGAIN}"
            )
        for path in paths:
            if not self._read_segment <= int(path.stem) <= self._segment:
                path.unlink()
        self._writer = SegmentFile.resume(self._path(self._segment), end)
        self._is_unsynced = True
        """Whether something was written that the disk may not have."""
        self._reader: BinaryIO = self._path(self._read_segment).open("rb")
        self._reader.seek(self._read_offset)
        self._kept: deque[int] = deque([self._read_segment], maxlen=KEPT_SNAPSHOTS)
        """Where reading stood at the last snapshots."""

    def append(self, item: tuple[Any, ...]) -> None:
        """Add an item of builtins. Raises OSError, and has then added nothing."""
        payload = pickle.dumps(item)
        if self._writer.size >= _SEGMENT_BYTES:
            self._writer.sync()
            following = SegmentFile(self._path(self._segment + 1))
            self._writer.close()
            self._segment, self._writer = self._segment + 1, following
        offset = self._writer.size
        self._writer.append(frame(payload))
        self._is_unsynced = True
        self._count(1, _check(self._segment, offset, payload))

    def take(self, most: int, most_bytes: int = 1 << 62) -> list[tuple[Any, ...]]:
        """Take up to so many items off its front, the first one however large it is, and none beyond so many bytes.

        Raises DamagedStateError where the next one cannot be read.
        """
        taken: list[tuple[Any, ...]] = []
        while len(taken) < most and self.size and most_bytes > 0:
            for payload, offset in read_frames(self._reader):
                most_bytes -= len(payload)
                taken.append(_load(payload, self._path(self._read_segment)))
                self._count(-1, _check(self._read_segment, self._read_offset, payload))
                self._read_offset = offset
                if len(taken) == most or not self.size or most_bytes <= 0:
                    break
            else:
                path = self._path(self._read_segment)
                if self._read_segment == self._segment or self._read_offset != path.stat().st_size:
                    if taken:  # what could be read is not held up; the next call says it
                        break
                    raise _damaged(path, self._read_offset)
                self._reader.close()
                self._read_segment, self._read_offset = self._read_segment + 1, 0
                self._reader = _open(self._path(self._read_segment))
                continue
        self._reader.seek(self._read_offset)
        return taken

    def mark(self) -> SpillMark:
        """Make durable what waits, and return where it stands, for a snapshot. Raises OSError.

        Removes the segments that neither this snapshot nor the kept ones before it need.
        """
        if self._is_unsynced:
            self._writer.sync()
            sync_entries(self._directory)
            self._is_unsynced = False
        self._kept.append(self._read_segment)
        for path in SPILL_SEGMENTS.paths(self._directory):
            if int(path.stem) < self._kept[0]:
                path.unlink()
        return *self._places(), self.size, self._checksum

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()
        self._writer.close()

    def peek(self) -> Iterator[tuple[Any, ...]]:
        """Yield all that waits, without taking it. Raises DamagedStateError."""
        for segment, _, payload in _waiting(self._directory, *self._places()):
            yield _load(payload, self._path(segment))

    def _places(self) -> tuple[SpillPlace, SpillPlace]:
        return (self._read_segment, self._read_offset), (self._segment, self._writer.size)

    def _count(self, change: int, check: int) -> None:
        self.size += change
        self._checksum = (self._checksum + change * check) & _ALL_BITS

    def _path(self, segment: int) -> Path:
        return SPILL_SEGMENTS.path(self._directory, segment)


def count(directory: Path, mark: SpillMark) -> int:
    """Return how many items wait in the queue of a directory, for one who has not opened it.

    Raises DamagedStateError, OSError.
    """
    return mark[2] if len(mark) > 2 else sum(1 for _ in _waiting(directory, mark[0], mark[1]))  # noqa: PLR2004 - as above


def _waiting(directory: Path, read: SpillPlace, written: SpillPlace) -> Iterator[tuple[int, int, bytes]]:
    """Yield (segment, offset, payload) of all that waits; up to where writing stands, and no further."""
    if read == written:
        return
    for segment in range(read[0], written[0] + 1):
        path = SPILL_SEGMENTS.path(directory, segment)
        offset = read[1] if segment == read[0] else 0
        with _open(path) as file:
            end = written[1] if segment == written[0] else os.fstat(file.fileno()).st_size
            file.seek(offset)
            for payload, behind in read_frames(file):
                if offset == end:
                    break
                yield segment, offset, payload
                offset = behind
            if offset != end:
                raise _damaged(path, offset)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise DamagedStateError(f"{path} is missing, and events wait in it; {READ_AGAIN}") from None


def _check(segment: int, offset: int, payload: bytes) -> int:
    """Return a checksum of an item and its place: their sum is what a snapshot knows of all items."""
    return zlib.crc32(_WHERE.pack(segment, offset, zlib.crc32(payload)))


def _damaged(path: Path, offset: int) -> DamagedStateError:
    return DamagedStateError(f"{path} is damaged at byte {offset}, and events wait in it; {READ_AGAIN}")


def _load(payload: bytes, path: Path) -> tuple[Any, ...]:
    try:
        item: tuple[Any, ...] = load_plain(payload)
    except Exception as problem:  # whatever pickle meets in bytes that are none of its own
        raise DamagedStateError(f"{path} holds what no stream has written ({problem}); {READ_AGAIN}") from problem
    return item
