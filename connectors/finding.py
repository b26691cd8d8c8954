"""A finding: one line of the checklist."""

from enum import Enum
from typing import NamedTuple


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
    do: str = ""


def count(number: int, noun: str) -> str:
    """Return a number and its noun: `1 event`, `2 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
