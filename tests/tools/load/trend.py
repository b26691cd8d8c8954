"""A trend: the slope of a series over time, with its confidence.

Samples that follow each other are alike, which would make a slope look surer than it is. So the slope is that of the
means of blocks, each long enough to be nearly independent of the next.
"""

import itertools
from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, linear_regression
from typing import NamedTuple

BLOCKS = 20
_FEWEST_BLOCKS = 5


class Trend(NamedTuple):
    """A change per hour."""

    per_hour: float
    low: float
    """The 95 % confidence interval's lower end."""
    high: float

    @property
    def is_flat(self) -> bool:
        """Whether no change at all is within the confidence interval."""
        return self.low <= 0 <= self.high


def trend(seconds: Sequence[float], values: Sequence[float], blocks: int = BLOCKS) -> Trend | None:
    """Return the slope of values over their times in seconds; None where there are too few to say."""
    count = min(blocks, len(values) // 3)
    if count < _FEWEST_BLOCKS:
        return None
    cuts = [len(values) * each // count for each in range(count + 1)]
    pairs = [slice(start, end) for start, end in itertools.pairwise(cuts)]
    times = [fmean(seconds[each]) / 3600 for each in pairs]
    means = [fmean(values[each]) for each in pairs]
    slope, intercept = linear_regression(times, means)
    rest = sum((mean - intercept - slope * time) ** 2 for time, mean in zip(times, means, strict=True))
    middle = fmean(times)
    spread = sum((time - middle) ** 2 for time in times)
    margin = student_t(count - 2) * sqrt(rest / (count - 2) / spread)
    return Trend(slope, slope - margin, slope + margin)


def student_t(freedom: int, confidence: float = 0.95) -> float:
    """Return Student's two-sided quantile, by Fisher's expansion: right to 1 % from three degrees of freedom on."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / freedom**power for power, term in enumerate(terms, 1)))
