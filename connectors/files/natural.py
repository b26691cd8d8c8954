"""Natural order: numbers within names count as numbers, so that hour 9 comes before hour 10."""

import re

_DIGITS = re.compile(r"([0-9]+)")

NaturalKey = tuple[tuple[int, str], ...]


def natural_key(name: str) -> NaturalKey:
    """Return the sort key of a name. Different names have different keys."""
    # Digits are compared by their count and then as text: the same order as numbers, without a limit on their length.
    parts = _DIGITS.split(name)
    key = [(0, part) if place % 2 == 0 else _number(part) for place, part in enumerate(parts)]
    return (*key, (0, name))


def _number(digits: str) -> tuple[int, str]:
    significant = digits.lstrip("0")
    return len(significant), significant
