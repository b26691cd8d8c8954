"""A finding: one line of the checklist."""

import re
from enum import Enum
from typing import Final, NamedTuple

_KEY: Final = re.compile(r"(sync\[.*?\](?:\.[a-z_0-9]+)*|[a-z_]+(?:\.[a-z_0-9]+)*(?=:))(?=[: ])")

WHOLE_FILE: Final = "settings"
"""What a finding is about that is about no single key."""


class Mark(Enum):
    """What came of one look: its sign, its colour, its exit code."""

    FINE = ("✓", "green", 0)
    NOTE = ("!", "yellow", 0)
    WRONG = ("✗", "red", 2)
    FAILED = ("✗", "red", 1)


class Finding(NamedTuple):
    """One line of the checklist."""

    mark: Mark
    text: str
    """Begins with the key of the settings that it is about, or with another name for it, and a colon."""
    do: str = ""
    of: str = ""
    """The key that it is about, where the text does not begin with it."""

    @property
    def key(self) -> str | None:
        """What it is about: a key of the settings, such as `source.topic`, or a word such as `platforms`."""
        found = _KEY.match(self.text)
        return self.of or (found[1] if found else None)

    def as_json(self) -> dict[str, str | None]:
        """Return it as JSON has it."""
        return {"mark": self.mark.name.lower(), "key": self.key, "text": self.text, "do": self.do or None}


def count(number: int, noun: str) -> str:
    """Return a number and its noun: `1 event`, `2 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
