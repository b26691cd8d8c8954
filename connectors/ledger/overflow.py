"""Overflow: a queue on disk for what an app's trouble keeps back, so that it takes no room from other apps' events.

First in, first out; segments of frames. What a snapshot says of it is enough to be exactly there again: where reading
and writing stood. Segments that no kept snapshot needs are removed.
"""

import pickle
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from connectors.ledger.frames import frame, read_frames
from connectors.ledger.plain import load_plain

_SEGMENT_BYTES: Final = 16 << 20
_KEPT_SNAPSHOTS: Final = 3
_SUFFIX: Final = ".overflow"

Place = tuple[int, int]
"""(segment, offset in it)"""
Mark = tuple[Place, Place]
"""(next to read, next to write)"""
EMPTY: Final[Mark] = ((0, 0), (0, 0))


class Overflow:
    """One queue, in a directory of its own. Not safe for use by several threads at a time."""

    def __init__(self, directory: Path, mark: Mark = EMPTY) -> None:
        """Be where `mark` says; what was written behind it is forgotten, for it will come again. Raises OSError."""
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        (self._read_segment, self._read_offset), (self._segment, offset) = mark
        for path in directory.glob(f"*{_SUFFIX}"):
            if not self._read_segment <= int(path.stem) <= self._segment:
                path.unlink()
        self._writer: BinaryIO = self._path(self._segment).open("ab")
        self._writer.truncate(offset)
        self._offset = offset
        self._reader: BinaryIO = self._path(self._read_segment).open("rb")
        self._reader.seek(self._read_offset)
        self._kept: deque[int] = deque([self._read_segment], maxlen=_KEPT_SNAPSHOTS)
        self.size = sum(1 for _ in self.peek())
        """How many items wait."""

    def append(self, item: tuple[Any, ...]) -> None:
        """Add an item of builtins. Raises OSError, and has then added nothing."""
        data = frame(pickle.dumps(item))
        try:
            self._writer.write(data)
            self._writer.flush()
        except OSError:
            self._writer.truncate(self._offset)
            raise
        self._offset += len(data)
        self.size += 1
        if self._offset >= _SEGMENT_BYTES:
            self._writer.close()
            self._segment, self._offset = self._segment + 1, 0
            self._writer = self._path(self._segment).open("ab")

    def take(self, most: int) -> list[tuple[Any, ...]]:
        """Take up to so many items off its front."""
        taken: list[tuple[Any, ...]] = []
        while len(taken) < most and self.size > len(taken):
            for payload, offset in read_frames(self._reader):
                taken.append(_load(payload))
                self._read_offset = offset
                if len(taken) == most:
                    break
            else:
                if self._read_segment == self._segment:
                    break
                self._reader.close()
                self._read_segment, self._read_offset = self._read_segment + 1, 0
                self._reader = self._path(self._read_segment).open("rb")
                continue
            self._reader.seek(self._read_offset)
        self.size -= len(taken)
        return taken

    def mark(self) -> Mark:
        """Return where it stands, for a snapshot."""
        return (self._read_segment, self._read_offset), (self._segment, self._offset)

    def snapshot_taken(self) -> None:
        """Remove the segments that neither this snapshot nor the kept ones before it need."""
        self._kept.append(self._read_segment)
        for path in self._directory.glob(f"*{_SUFFIX}"):
            if int(path.stem) < self._kept[0]:
                path.unlink()

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()
        self._writer.close()

    def peek(self) -> Iterator[tuple[Any, ...]]:
        """Yield all that waits, without taking it."""
        for segment in range(self._read_segment, self._segment + 1):
            with self._path(segment).open("rb") as file:
                file.seek(self._read_offset if segment == self._read_segment else 0)
                for payload, _ in read_frames(file):
                    yield _load(payload)

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:09d}{_SUFFIX}"


def _load(payload: bytes) -> tuple[Any, ...]:
    item: tuple[Any, ...] = load_plain(payload)
    return item
