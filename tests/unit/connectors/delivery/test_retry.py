"""When a request is tried again, and when it is given up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.answers import judge
from connectors.delivery.retry import MOST_ATTEMPTS, delay_seconds, is_exhausted

SHORTEST_SECONDS, LONGEST_SECONDS, LONGEST_RETRY_AFTER_SECONDS = 0.05, 60.0, 900.0


@given(st.integers(0, 10_000), st.floats(-1, 1e9), st.integers())
def test_the_delay_stays_within_its_bounds(failures: int, retry_after: float, seed: int) -> None:
    """50 ms to a minute; what an answer asks for is honoured up to a quarter of an hour."""
    delay = delay_seconds(failures, retry_after, random.Random(seed))
    if retry_after > 0:
        assert delay == min(retry_after, LONGEST_RETRY_AFTER_SECONDS)
    else:
        ceiling = min(0.5 * 2 ** min(max(failures - 1, 0), 16), LONGEST_SECONDS)
        assert SHORTEST_SECONDS <= delay <= ceiling


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (7, 32), (8, 60), (500, 60)])
def test_the_jitter_is_full(failures: int, ceiling: float) -> None:
    """Evenly spread up to twice as much after each failure, so that retries do not come in waves."""
    chance = random.Random(1)
    delays = [delay_seconds(failures, 0.0, chance) for _ in range(4000)]
    assert min(delays) < ceiling * 0.1 + SHORTEST_SECONDS
    assert max(delays) > ceiling * 0.99
    assert sum(delays) / len(delays) == pytest.approx(ceiling / 2, rel=0.05)


@given(
    st.sampled_from([0, 408, 429, *range(500, 511)]),
    st.integers(0, 100),
    st.integers(-(10**9), 10**12),
    st.floats(0, 100_000),
)
def test_an_event_is_given_up_after_the_time_or_after_many_500s(
    status: int, count: int, tried_ms: int, retry_minutes: float
) -> None:
    """AppsFlyer, api3: «500: verify that the JSON is stringified», so only that one is bounded by attempts."""
    enough = tried_ms >= retry_minutes * 60_000 or (status == 500 and count >= MOST_ATTEMPTS)
    assert is_exhausted(judge(status, ""), count, tried_ms, retry_minutes) == enough


@pytest.mark.parametrize(
    ("status", "count", "tried_ms", "exhausted"),
    [
        (503, 1000, 239 * 60_000, False),
        (0, 1000, 239 * 60_000, False),
        (503, 1, 240 * 60_000, True),
        (0, 1, 240 * 60_000, True),
        (500, MOST_ATTEMPTS - 1, 0, False),
        (500, MOST_ATTEMPTS, 0, True),
        (429, MOST_ATTEMPTS, 0, False),
        (403, MOST_ATTEMPTS, 0, False),
    ],
)
def test_the_edges(status: int, count: int, tried_ms: int, *, exhausted: bool) -> None:
    assert is_exhausted(judge(status, ""), count, tried_ms, 240) is exhausted
