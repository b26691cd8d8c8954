"""Dead letters in memory."""

from collections.abc import Mapping
from typing import Final

from connectors.dead_letters import StoredLetter, headers
from connectors.memory.settings import MemoryDeadLetters
from flows.domain.fate import DeadLetter

PART: Final = "memory"
_READ_LETTERS: Final = 100


class MemoryLetterWriter:
    """Implements `LetterWriter`."""

    def __init__(self, settings: MemoryDeadLetters) -> None:
        self._letters = settings.letters

    def write(self, letters: list[DeadLetter]) -> None:
        """Keep them."""
        first = len(self._letters)
        self._letters += [
            StoredLetter(each.value, each.key, headers(each), PART, number)
            for number, each in enumerate(letters, first)
        ]

    def close(self) -> None:
        """Do nothing."""


class MemoryLetterReader:
    """Reads letters up to an end. Implements `LetterReader`."""

    def __init__(self, settings: MemoryDeadLetters, ends: Mapping[str, int], begin: Mapping[str, int]) -> None:
        self._letters = settings.letters
        self._next, self._end = begin.get(PART, 0), ends.get(PART, 0)

    def read(self) -> list[StoredLetter]:
        """Return the next letters."""
        begin, self._next = self._next, min(self._next + _READ_LETTERS, self._end)
        return [each for each in self._letters[begin : self._next] if each is not None]

    @property
    def is_over(self) -> bool:
        """Whether every letter was returned."""
        return self._next >= self._end

    def close(self) -> None:
        """Do nothing."""
