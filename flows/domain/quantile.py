"""Quantiles out of a histogram's buckets, as PromQL's `histogram_quantile` estimates them."""

from collections.abc import Sequence


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return the value below which a share of the counted values lies, such as 0.95; None where nothing was counted.

    `bounds` are the upper bounds of the buckets, the last of which has none; `counts` are how many values each holds.
    Values are taken to be spread evenly within a bucket. What lies beyond the last bound is said as that bound.
    """
    total = sum(counts)
    if not total:
        return None
    rank, below, lower = share * total, 0, 0.0
    for upper, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below, lower = below + count, upper
    return lower
