"""Exclude: the names of properties that never leave, matched whole, without case, `_`, `-` and blanks.

SDKs, servers and people write one name in many ways: `email`, `Email`, `E-Mail`; `phone_number`, `phoneNumber`. A list
that must name each of them lets the one through that nobody thought of.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from flows.domain.event import JsonObject

_KNOWN_NAMES: Final = 10_000
"""Of how many names a list remembers what it says: real events have a few hundred, hostile ones no end."""
_KNOWN_CHARACTERS: Final = 1_000_000
"""Of how many characters these names may be together."""


def fold(name: str) -> str:
    """Return a name without what is written differently from place to place: case, `_`, `-` and blanks."""
    return "".join(name.casefold().replace("_", "").replace("-", "").split())


class Exclude:
    """The names that are left out of one kind's properties. A name is folded once, not once an event."""

    def __init__(self, names: Iterable[str]) -> None:
        exact = frozenset(names)
        self._exact = exact
        # A name of signs alone, such as "-", would fold to nothing and match every other such name.
        self._folded = frozenset(folded for folded in map(fold, exact) if folded)
        self._known: tuple[set[str], set[str]] = (set(), set())
        """Names that were met, and those of them that are left out. Threads may share it: both only grow."""
        self._known_characters = 0

    def of(self, properties: JsonObject) -> set[str]:
        """Return names that are left out, among them all such of these properties."""
        met, left_out = self._known
        if not met.issuperset(properties):
            characters = sum(map(len, properties))
            if len(met) + len(properties) > _KNOWN_NAMES or self._known_characters + characters > _KNOWN_CHARACTERS:
                met, left_out, self._known_characters = set(), set(), 0
            self._known_characters += characters
            for name in properties:
                if self.has(name):
                    left_out.add(name)  # first, for another thread takes a name that was met for judged
                met.add(name)
            self._known = (met, left_out)
        return left_out

    def has(self, name: str) -> bool:
        """Return whether the name is left out."""
        return name in self._exact or fold(name) in self._folded


@lru_cache(maxsize=256)  # of every sync and kind, and again after a reload
def compiled_exclude(names: frozenset[str], kind: str) -> Exclude:
    """Return what a list leaves out of one kind's properties: there are few such lists, and many events."""
    own = f"{kind}."
    return Exclude([*names, *(name[len(own) :] for name in names if name.lower().startswith(own))])
