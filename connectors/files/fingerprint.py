"""What tells files apart: their first lines, whatever the file is called and however it is packed.

A name says little: a log is rotated, an archive is put in the place of another, packed again, or appended to.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from connectors.files.archive import Skipped, read_archive
from connectors.files.damage import UnreadableError

HEAD_BYTES: Final = 1 << 16
_MOST_SKIPPED_BYTES: Final = 1 << 22
_LENGTH_BYTES: Final = 3
_DIGEST_BYTES: Final = 5
_MARK_BYTES: Final = _LENGTH_BYTES + _DIGEST_BYTES


class Signature(NamedTuple):
    """What changes when a file is written, replaced, or made readable."""

    size_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int


def signature_of(path: str) -> Signature | None:
    """Return it; None where there is no such file, or it cannot be looked at."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):  # reported by who opens it, or as a pattern that matches nothing
        return None
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class Head:
    """The first lines of a file, unpacked: up to 64 KB of them."""

    def __init__(self, lines: list[bytes]) -> None:
        self._content = b"\n".join(lines)[:HEAD_BYTES]
        ends, place = [], -1
        for number, line in enumerate(lines, 1):
            place += 1 + len(line)
            if number & (number - 1) == 0:  # 1, 2, 4, 8 …: where a file was cut short, most of it is still compared
                ends.append(min(place, HEAD_BYTES))
        self._ends = sorted({*ends, len(self._content)} - {0})

    @property
    def fingerprint(self) -> bytes:
        """What is kept of it: the length and the digest of its first line, its first two, four, and so on, and of all.

        Empty where the file is.
        """
        return b"".join(end.to_bytes(_LENGTH_BYTES, "big") + self._digest(end) for end in self._ends)

    def is_as_long_as(self, fingerprint: bytes) -> bool:
        """Whether it holds at least what the fingerprint was taken of."""
        return len(self._content) >= max((length for length, _ in _marks(fingerprint)), default=0)

    def begins_as(self, fingerprint: bytes) -> bool:
        """Whether the file may be that of the fingerprint: as far as both go, they begin with the same lines.

        It may have grown since, or have been cut short. An empty one may be any.
        """
        marks = _marks(fingerprint)
        if not marks or not self._content:
            return True
        comparable = [(length, digest) for length, digest in marks if length <= len(self._content)]
        return bool(comparable) and self._digest(comparable[-1][0]) == comparable[-1][1]

    def _digest(self, length: int) -> bytes:
        return digest(self._content[:length])


def digest(content: bytes) -> bytes:
    """Return a short digest."""
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()


def head_of(path: str) -> Head | None:
    """Read it; None where nothing of the file can be read, which who reads it reports."""
    lines: list[bytes] = []
    size_bytes = skipped_bytes = 0
    try:
        for found in read_archive(path, lambda *_: None):
            if isinstance(found, Skipped):
                skipped_bytes += found.size_bytes
            else:
                lines.append(found.value[:HEAD_BYTES])
                size_bytes += 1 + len(found.value)
            if size_bytes > HEAD_BYTES or skipped_bytes > _MOST_SKIPPED_BYTES:
                break
    except UnreadableError:
        return None
    return Head(lines)


def first_mark(fingerprint: bytes) -> bytes:
    """Return what files that begin with the same line have in common."""
    return fingerprint[:_MARK_BYTES]


def _marks(fingerprint: bytes) -> list[tuple[int, bytes]]:
    places = range(0, len(fingerprint), _MARK_BYTES)
    return [
        (
            int.from_bytes(fingerprint[place : place + _LENGTH_BYTES], "big"),
            fingerprint[place + _LENGTH_BYTES : place + _MARK_BYTES],
        )
        for place in places
    ]
