"""Erases dead letters in files: they are blanked where they stand, so that files keep their lines and sizes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.dead_letters import StoredBytes
from connectors.files.dead_letters import ERASED, PATTERN, stored_line
from connectors.state.durable import write_anew


def erase_letters(directory: Path, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int:
    """Blank letters in the files of a directory; return how many. Raises OSError.

    `is_theirs` is asked of each; of a line that is torn or damaged, with the line.
    """
    blanked = 0
    for path in sorted(directory.glob(PATTERN)):
        lines = list(_blanked(path, is_theirs))
        count = sum(is_blank for _, is_blank in lines)
        if count:
            write_anew(path, b"".join(line for line, _ in lines))
            blanked += count
    return blanked


def _blanked(path: Path, is_theirs: Callable[[StoredBytes | bytes], bool]) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        for line in file:
            is_blank = not line.startswith(ERASED) and is_theirs(stored_line(line) or line)
            yield (_blank(line) if is_blank else line, is_blank)


def _blank(line: bytes) -> bytes:
    """Return a line of the same length that says only that something was here."""
    end = b"}\n" if line.endswith(b"\n") else b"}"
    return ERASED + b" " * max(len(line) - len(ERASED) - len(end), 0) + end
