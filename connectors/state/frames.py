"""Frames: records in an append-only file, each with its length and checksum, so that a torn end is noticed.

`length of the payload (4 bytes), CRC-32 of the payload (4 bytes), payload`, big-endian.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

_HEADER: Final = struct.Struct(">II")


def frame(payload: bytes) -> bytes:
    """Return the payload as it stands in a file."""
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


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


def next_frame(content: bytes, start: int, begins_with: bytes) -> int | None:
    """Return where the next whole frame stands behind a damaged part, by what its payload begins with; None if none."""
    place = start + _HEADER.size
    while (place := content.find(begins_with, place)) >= 0:
        length, checksum = _HEADER.unpack_from(content, place - _HEADER.size)
        if 0 < length <= len(content) - place and zlib.crc32(content[place : place + length]) == checksum:
            return place - _HEADER.size
        place += 1
    return None


def is_torn(rest: bytes) -> bool:
    """Return whether what follows the last whole frame is what a crash leaves of one: cut off, or zeroes at its end.

    Else it was changed: its length fits or its content is whole, and no crash of ours does that. For payloads that do
    not end with a zero, as JSON does not.
    """
    if len(rest) < _HEADER.size or rest.endswith(b"\0"):
        return True
    length, checksum = _HEADER.unpack_from(rest)
    payload = rest[_HEADER.size :]
    return bool(len(payload) < length and zlib.crc32(payload) != checksum)


def append_whole(descriptor: int, data: bytes) -> None:
    """Append all of it, or nothing, for half a frame would hide every later one. Raises OSError."""
    start = os.fstat(descriptor).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, start)
        raise
