"""The soak: whether memory, open files and latency stay where they are, after the run's first third."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tests.tools.load.latencies import merged, percentile
from tests.tools.load.result import Result
from tests.tools.load.trend import Trend, trend

LEAST_SECONDS: Final = 240.0
"""A shorter run says nothing about an hour."""
_P99_OVER: Final = 5
"""Samples that one value of the 99th percentile is taken of."""


class Drift(NamedTuple):
    """How one figure moved."""

    what: str
    unit: str
    first: float
    """Its mean in the first tenth of what is looked at."""
    last: float
    """Its mean in the last tenth."""
    trend: Trend | None


def drifts(result: Result) -> list[Drift]:
    """Return the drifts of a run; nothing for one that is too short."""
    samples = result.while_produced
    if not samples or samples[-1].at_s < LEAST_SECONDS:
        return []
    begin = len(samples) // 3
    settled = samples[begin:]
    times = [each.at_s for each in settled]
    found = []
    for index in range(len(settled[0].slices)):
        uses = [each.slices[index].use for each in settled]
        found.append(_drift(f"memory of slice {index}", "MB", times, [each.rss_bytes / 2**20 for each in uses]))
        found.append(_drift(f"open files of slice {index}", "", times, [float(each.files) for each in uses]))
    counts = result.latencies[begin : len(samples)]
    starts = range(0, len(counts), _P99_OVER)
    p99 = [percentile(merged(counts[start : start + _P99_OVER]), 0.99) for start in starts]
    known = [(times[start], float(value)) for start, value in zip(starts, p99, strict=True) if value is not None]
    if known:
        found.append(_drift("p99 of the latency", "ms", *(list(each) for each in zip(*known, strict=True))))
    return found


def _drift(what: str, unit: str, times: Sequence[float], values: Sequence[float]) -> Drift:
    tenth = max(len(values) // 10, 1)
    first, last = values[:tenth], values[-tenth:]
    return Drift(what, unit, sum(first) / len(first), sum(last) / len(last), trend(times, values))
