"""Reads dead letters again that stand in files."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import structlog

from connectors.dead_letters import LettersUnreadableError, StoredLetter
from connectors.files.damage import Damage
from connectors.files.dead_letters import PATTERN, read_file

_READ_LETTERS: Final = 100
_CHUNK_BYTES: Final = 1 << 20

log = structlog.get_logger()


def file_ends(directory: Path) -> dict[str, int]:
    """Return the files with dead letters and their sizes in bytes; none where the directory is not there."""
    return {path.name: path.stat().st_size for path in sorted(directory.glob(PATTERN))}


def count_lines(directory: Path, ends: Mapping[str, int]) -> int:
    """Return how many lines begin before the ends. Raises LettersUnreadableError."""
    count = 0
    for name, size_bytes in ends.items():
        try:
            with (directory / name).open("rb") as file:
                while chunk := file.read(min(_CHUNK_BYTES, size_bytes - file.tell())):
                    count += chunk.count(b"\n")
        except OSError as problem:
            raise LettersUnreadableError(f"{directory / name} cannot be read: {problem.strerror}") from None
    return count


class FileLetterReader:
    """Reads files one after another, oldest first. Implements `LetterReader`.

    Args:
        directory: where the files are.
        ends: file → its size in bytes when the replay began; what was added later is left out.
        begin: file → the next line; counted from 1.
        on_damage: told of what cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        ends: Mapping[str, int],
        begin: Mapping[str, int],
        on_damage: Callable[[Damage], None] = lambda _: None,
    ) -> None:
        self._on_damage = on_damage
        self._letters = self._read(directory, ends, begin)
        self._is_over = False

    def read(self) -> list[StoredLetter]:
        """Return the next letters. Raises LettersUnreadableError."""
        letters = list(islice(self._letters, _READ_LETTERS))
        self._is_over = not letters
        return letters

    @property
    def is_over(self) -> bool:
        """Whether all files are read."""
        return self._is_over

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""

    def _read(self, directory: Path, ends: Mapping[str, int], begin: Mapping[str, int]) -> Iterator[StoredLetter]:
        for name in sorted(ends):
            path = directory / name
            try:
                yield from read_file(path, self._on_damage, begin.get(name, 1), ends[name])
            except FileNotFoundError:
                problem = "it was moved away or removed since the replay began"
                log.warning("dead letters are gone", path=str(path), problem=problem)
                self._on_damage(Damage(str(path), None, None, problem))
            except OSError as problem:
                raise LettersUnreadableError(f"{path} cannot be read: {problem.strerror}") from None
