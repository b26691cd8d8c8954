"""Numbers as people read them, and round steps for an axis."""

import math
from collections.abc import Iterator
from itertools import count
from typing import Final

_THOUSAND: Final = 1000.0
_DAY_SECONDS: Final = 86_400.0
_MOST_STEPS: Final = 4


def shown(value: float, unit: str) -> str:
    """Return a value in its unit."""
    if unit == "s":
        return _seconds(value)
    if unit == "bytes":
        return _scaled(value, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB"))
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "none":
        return f"{value:,.0f}" if value == round(value) or value >= _THOUSAND else f"{value:.3g}"
    return _scaled(value, _THOUSAND, ("", "k", "M", "G"))


def ticks(most: float, unit: str) -> list[float]:
    """Return marks from 0 to beyond the greatest value: two to five of them, at round steps."""
    if most <= 0:
        return [0.0, 1.0]
    steps = _powers_of_two() if unit == "bytes" else _round_numbers()
    step = next(each for each in steps if each * _MOST_STEPS >= most)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _round_numbers() -> Iterator[float]:
    return (factor * 10.0**power for power in count(-4) for factor in (1, 2, 5))


def _powers_of_two() -> Iterator[float]:
    return (2.0**power for power in count())


def _seconds(value: float) -> str:
    for size, name in ((_DAY_SECONDS, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if value >= size * (2 if name != "s" else 1):
            return f"{value / size:.3g} {name}"
    return f"{value * 1000:.3g} ms" if value else "0 s"


def _scaled(value: float, step: float, names: tuple[str, ...]) -> str:
    place = 0
    while abs(value) >= step and place < len(names) - 1:
        value /= step
        place += 1
    return f"{value:.3g} {names[place]}".strip()
