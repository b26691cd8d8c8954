"""Latencies: whole milliseconds, counted, so that percentiles over any number of them are exact and cheap."""

from collections import Counter
from collections.abc import Mapping

SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
"""The percentiles that a report shows; the last is the longest."""


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """Return the least value that at least this share of all is not above (nearest rank); None of nothing."""
    total = sum(counts.values())
    if not total:
        return None
    rank = max(-int(-share * total // 1), 1)
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return max(counts)


def merged(many: list[Counter[int]]) -> Counter[int]:
    """Return the sum of several counts."""
    total: Counter[int] = Counter()
    for each in many:
        total.update(each)
    return total
