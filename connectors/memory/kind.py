"""The kind `memory`. It has no row in `kinds.py`, so that no settings file can name it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from connectors.dead_letters import Bounds, LetterReader, LetterWriter, StoredBytes
from connectors.finding import Finding, Mark, count
from connectors.memory.dead_letters import PART, MemoryLetterReader, MemoryLetterWriter
from connectors.memory.settings import MemoryDeadLetters, MemorySource
from connectors.memory.source import MemoryInput
from connectors.opening import Opening
from connectors.ports import LookAt
from connectors.sample import SAMPLE_RECORDS, sample_of
from flows.domain.event import Record
from flows.domain.slice import Slice


class SourceInMemory:
    """Values in memory. Implements `Source`."""

    ends = True
    unsliceable = "slices divide partitions, and a source in memory has one"
    out_of_reach = "events in memory: gone when the process ends"

    def __init__(self, settings: MemorySource) -> None:
        self._settings = settings

    @property
    def title(self) -> str:
        """How many there are."""
        return f"{count(len(self._settings.values), 'value')} in memory"

    def nothing_to_read(self) -> str | None:
        """Say that there are no values."""
        return None if self._settings.values else "source: there are no values"

    def obstacles(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())

    def missing(self, part: Slice) -> Iterator[str]:
        """Yield nothing."""
        del part
        return iter(())

    def check(self, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
        """Yield what is found in the first values."""
        del state_directory
        yield Finding(Mark.FINE, f"source: {self.title}")
        yield from look_at(sample_of(self._records()[:SAMPLE_RECORDS], "the values"))

    def latest(self, limit: int | None, on_damage: Callable[[str], None]) -> Iterator[Record]:
        """Yield the last values."""
        del on_damage
        yield from self._records()[-limit if limit else 0 :]

    def _records(self) -> Sequence[Record]:
        return [Record(each, None, "memory", 0, place, 0) for place, each in enumerate(self._settings.values)]

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> None:
        """Return None: they are gone with the process."""
        del is_theirs

    def open(self, opening: Opening) -> MemoryInput:
        """Open it."""
        return MemoryInput(self._settings, opening)

    def writer(self) -> None:
        """Return None: values are there from the beginning."""


class LettersInMemory:
    """Dead letters in memory. Implements `DeadLetterStore`."""

    place = title = identity = "memory"
    directories: Mapping[str, Path] = MappingProxyType({})

    def __init__(self, settings: MemoryDeadLetters) -> None:
        self._settings = settings

    def obstacles(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())

    def missing(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())

    def check(self) -> Iterator[Finding]:
        """Yield nothing."""
        return iter(())

    def blocked(self) -> str | None:
        """Return None."""
        return None

    def writer(self) -> LetterWriter:
        """Open it for writing."""
        return MemoryLetterWriter(self._settings)

    def bounds(self) -> Bounds:
        """Return how many there are."""
        return Bounds({PART: len(self._settings.letters)}, len(self._settings.letters))

    def read(
        self, ends: Mapping[str, int], begin: Mapping[str, int], on_damage: Callable[[object], None]
    ) -> LetterReader:
        """Read them."""
        del on_damage
        return MemoryLetterReader(self._settings, ends, begin)

    def id(self) -> str | None:
        """Return None: there is only this one."""
        return None

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int | None:
        """Erase letters."""
        letters = self._settings.letters
        found = [
            place
            for place, each in enumerate(letters)
            if each is not None and is_theirs(StoredBytes(each.value, each.key))
        ]
        for place in found:
            letters[place] = None
        return len(found)
