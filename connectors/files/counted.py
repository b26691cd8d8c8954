"""How much of the files was read, for who shows it: bytes as they lie on the disk, whatever they unpack to."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typing_extensions import override


class Amount:
    """Bytes to read, and those that were read. One thread writes; others may read, and see it one piece late."""

    def __init__(self) -> None:
        self._is_known = False
        self._total_bytes = 0
        self._done_bytes = 0
        self._file_bytes = 0
        self._of_file_bytes = 0

    def expect(self, paths: Iterable[str]) -> None:
        """Take in files that are to be read."""
        self._total_bytes += sum(map(_size, paths))
        self._is_known = True

    def begin(self, path: str) -> None:
        """Begin with one of them."""
        self._file_bytes, self._of_file_bytes = _size(path), 0

    def add(self, count: int) -> None:
        """Count what was read of it. What is read twice, such as a zip's table of contents, counts once at the end."""
        self._of_file_bytes += count

    def end(self) -> None:
        """Be done with it, read or not."""
        self._done_bytes += self._file_bytes
        self._file_bytes = self._of_file_bytes = 0

    @property
    def read_bytes(self) -> int:
        """How much was read so far."""
        return self._done_bytes + min(self._of_file_bytes, self._file_bytes)

    @property
    def total_bytes(self) -> int | None:
        """How much there is; None before that is known."""
        return self._total_bytes if self._is_known else None


class CountedFile(io.FileIO):
    """A file that counts what is read of it."""

    def __init__(self, path: str, amount: Amount) -> None:
        """Open it. Raises OSError, ValueError."""
        super().__init__(path)
        self._amount = amount

    @override
    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self._amount.add(count or 0)
        return count


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):  # said by who opens it
        return 0
