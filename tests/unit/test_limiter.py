"""The limiter, with a clock of its own.

Source: AppsFlyer publishes no limit today; 60,000 requests a minute until 2023 («Server-to-server events API»).
"""

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.limiter import Limiter

BURST_SECONDS = 0.02
"""As `connectors.appsflyer.limiter` states it."""


def most_in_a_second(sent: list[float]) -> int:
    """Return the most requests in any window of one second, its end not counted."""
    return max((bisect_left(sent, start + 1.0 - 1e-9) - place for place, start in enumerate(sent)), default=0)


def run(limiter: Limiter, latenesses_ms: list[float], start_s: float, seconds: float) -> list[float]:
    """Send as much as may go, waking up when told to, a little late each time; return the times."""
    now = start_s
    sent: list[float] = []
    turn = 0
    while now < start_s + seconds:
        wait = limiter.wait_seconds(now)
        assert wait >= 0
        if wait == 0:
            limiter.take(now)
            sent.append(now)
            assert len(sent) < 12_000, "it does not limit at all"
        else:
            now += max(wait, 1e-6) + latenesses_ms[turn % len(latenesses_ms)] / 1000
            turn += 1
    return sent


rates = st.floats(0.5, 3000) | st.sampled_from([1.0, 10.0, 49.0, 50.0, 51.0, 60.0, 1000.0])
latenesses = st.lists(st.floats(0, 2), min_size=1, max_size=8)


@given(rates, latenesses, st.floats(0, 1e6))
def test_no_second_holds_more_than_the_rate_and_the_burst(rate: float, late_ms: list[float], start_s: float) -> None:
    """Never more than the rate, and 2 % of it, and one that a fraction is rounded up to."""
    seconds = 3 if rate > 500 else 6
    sent = run(Limiter(rate), late_ms, start_s, seconds)
    assert most_in_a_second(sent) <= math.ceil(rate * (1 + BURST_SECONDS) + 1e-6)


@given(rates, latenesses, st.floats(0, 1e6))
def test_at_least_nine_tenths_of_the_rate_are_used(rate: float, late_ms: list[float], start_s: float) -> None:
    """Under saturation, by a thread that wakes up as much as 2 ms late."""
    seconds = max(2.0, 20 / rate)
    sent = run(Limiter(rate), late_ms, start_s, seconds)
    assert len(sent) >= 0.9 * rate * seconds - 1


@given(st.floats(0.5, 1000), st.floats(1, 3600))
def test_idle_time_is_not_saved_up(rate: float, idle_s: float) -> None:
    """After a pause there is no burst beyond the stated one."""
    limiter = Limiter(rate)
    limiter.take(100.0)
    now = 100.0 + idle_s + 1 / rate
    at_once = 0
    while limiter.wait_seconds(now) == 0:
        limiter.take(now)
        at_once += 1
        assert at_once <= 1 + math.ceil(BURST_SECONDS * rate)


@pytest.mark.parametrize("rate", [0, 0.0, -1.0])
def test_no_rate_is_no_limit(rate: float) -> None:
    limiter = Limiter(rate)
    for _ in range(1000):
        assert limiter.wait_seconds(5.0) == 0
        limiter.take(5.0)


def test_the_first_request_goes_at_once() -> None:
    """Whatever the steady clock's zero is."""
    assert Limiter(1).wait_seconds(0.0) == 0
    assert Limiter(1).wait_seconds(-1e9) == 0


def test_asking_takes_nothing() -> None:
    limiter = Limiter(10)
    limiter.take(1.0)
    assert limiter.wait_seconds(1.0) == limiter.wait_seconds(1.0) == pytest.approx(0.1)
    assert limiter.wait_seconds(1.05) == pytest.approx(0.05)
    assert limiter.wait_seconds(2.0) == 0
