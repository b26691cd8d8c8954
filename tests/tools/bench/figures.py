"""Figures: a contestant's measurements → medians, with how far they spread, and ratios within one run."""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.tools.bench.measure import Measurement


class Spread(NamedTuple):
    """A figure over all rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


class Figures(NamedTuple):
    """What is told of one contestant."""

    per_cpu_second: Spread
    per_cpu_second_whole: Spread
    per_second: Spread
    peak_rss_mb: Spread
    sent_bytes_per_event: Spread | None
    received_bytes_per_event: Spread | None
    connections: int
    protocol: str
    endpoint_share: Spread
    serving_share: Spread

    @classmethod
    def of(cls, measurements: Sequence[Measurement]) -> "Figures":
        """Return the figures of at least one measurement."""

        def spread(read: Callable[[Measurement], float]) -> Spread:
            return Spread.of([read(each) for each in measurements])

        sent = [each.sent_bytes / each.requests for each in measurements if each.sent_bytes is not None]
        received = [each.received_bytes / each.requests for each in measurements if each.received_bytes is not None]
        return cls(
            spread(lambda each: each.per_cpu_second),
            spread(lambda each: each.per_cpu_second_whole),
            spread(lambda each: each.per_second),
            spread(lambda each: each.peak_rss_bytes / 1e6),
            Spread.of(sent) if sent else None,
            Spread.of(received) if received else None,
            max(each.connections for each in measurements),
            measurements[-1].protocol,
            spread(lambda each: each.endpoint_share),
            spread(lambda each: each.serving_share),
        )


def ratio(one: Sequence[Measurement], other: Sequence[Measurement]) -> Spread:
    """Return how one's rate per CPU-second compares with the other's, round by round."""
    pairs = zip(one, other, strict=True)
    return Spread.of([mine.per_cpu_second / theirs.per_cpu_second for mine, theirs in pairs])
