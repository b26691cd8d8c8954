"""Segment log: append-only files of frames. Journal, marks of replays, spill and log of users are such logs.

A frame is `length of the payload (4 bytes), CRC-32 of the payload (4 bytes), payload`, big-endian, so that a torn end
is noticed. What a payload is, and what has to be on the disk before what, is each log's own.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Self

from connectors.state.durable import sync_entries
from connectors.state.manifest import Listed

_HEADER: Final = struct.Struct(">II")
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


def frame(payload: bytes) -> bytes:
    """Return the payload as it stands in a file."""
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


class SegmentFile:
    """A segment that is written to, at its end. It is the account's alone."""

    def __init__(self, path: Path, flags: int = 0, size: int = 0) -> None:
        """Open it, or make it, where its first `size` bytes are to stay. Raises OSError."""
        self.path = path
        self.size = size
        self._crc32 = 0
        self._descriptor = os.open(path, _FLAGS | flags, 0o600)

    @classmethod
    def begin(cls, path: Path) -> Self:
        """Make it, and its name durable, for else a crash of the machine may take it with all that was written to it.

        Raises OSError.
        """
        segment = cls(path, os.O_EXCL)
        try:
            sync_entries(path.parent)
        except OSError:
            segment.close()
            with suppress(OSError):  # else the next try would find it
                path.unlink()
            raise
        return segment

    @classmethod
    def resume(cls, path: Path, size: int) -> Self:
        """Open it as it was when it had that size; what was written since is cut off. Raises OSError."""
        segment = cls(path, 0, size)
        os.ftruncate(segment._descriptor, size)
        return segment

    def append(self, data: bytes) -> None:
        """Append frames, all of them or nothing, for half a frame would hide every later one. Raises OSError."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size, self._crc32 = self.size + len(data), zlib.crc32(data, self._crc32)

    def sync(self) -> None:
        """Wait until the disk has what was appended. Raises OSError."""
        os.fdatasync(self._descriptor)

    def ended(self) -> Listed:
        """Return a segment that was begun here as the manifest is to list it when nothing more is appended."""
        return Listed(self.size, self._crc32, is_closed=True)

    def close(self) -> None:
        """Let go of it; once more does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_frames(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield (payload, offset behind it) from where the file stands, up to its end or the first damaged frame."""
    offset = file.tell()
    while len(header := file.read(_HEADER.size)) == _HEADER.size:
        length, checksum = _HEADER.unpack(header)
        payload = file.read(length)
        if not length or len(payload) < length or zlib.crc32(payload) != checksum:  # no frame of ours is empty
            return
        offset += _HEADER.size + length
        yield payload, offset


def read_json_frames(
    content: bytes, torn: Callable[[int], None], damaged: Callable[[int, int], None]
) -> Iterator[bytes]:
    """Yield the payloads, which are JSON lists of lists, of a whole segment.

    Args:
        content: of the file.
        torn: is told how many bytes at the end are what a crash leaves.
        damaged: is told from where to where it is damaged; where it returns, what stands behind is read.
    """
    file = BytesIO(content)
    end = 0
    while True:
        for payload, end in read_frames(file):  # noqa: B007 - the last one is asked for below
            yield payload
        if end == len(content):
            return
        behind = _next_frame(content, end)
        if behind is None and _is_torn(content[end:]):
            torn(len(content) - end)
            return
        damaged(end, len(content) if behind is None else behind)
        if behind is None:
            return
        end = behind
        file.seek(end)


def _next_frame(content: bytes, start: int) -> int | None:
    """Return where the next whole frame stands behind a damaged part, by what its payload begins with; None if none."""
    place = start + _HEADER.size
    while (place := content.find(b"[[", place)) >= 0:
        length, checksum = _HEADER.unpack_from(content, place - _HEADER.size)
        if 0 < length <= len(content) - place and zlib.crc32(content[place : place + length]) == checksum:
            return place - _HEADER.size
        place += 1
    return None


def _is_torn(rest: bytes) -> bool:
    """Return whether what follows the last whole frame is what a crash leaves of one: cut off, or zeroes at its end.

    Else it was changed: its length fits or its content is whole, and no crash of ours does that. JSON does not end with
    a zero.
    """
    if len(rest) < _HEADER.size or rest.endswith(b"\0"):
        return True
    length, checksum = _HEADER.unpack_from(rest)
    payload = rest[_HEADER.size :]
    return bool(len(payload) < length and zlib.crc32(payload) != checksum)
