"""Histogram: for threads that count and others that read, at the price of a bisection and no lock."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts values by upper bounds. Any thread may read; several may add, for the reason that `Gauge` gives."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many values fell into each bucket; the last one has no upper bound."""
        self.total = 0.0
        """The sum of the values."""

    def add(self, value: float) -> None:
        """Count a value; one below 0, as clocks that differ make them, counts as 0."""
        if value < 0:
            value = 0.0
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def include(self, other: "Histogram") -> None:
        """Add what others with the same bounds have counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
