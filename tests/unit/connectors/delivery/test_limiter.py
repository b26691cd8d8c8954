"""The limiter, with a clock of its own: no second at the app holds more than the limit, and most of it is used.

Source: AppsFlyer publishes no limit today; 60,000 requests a minute until 2023 («Server-to-server events API»).
"""

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.throttle import SLACK_SECONDS, Limiter
from connectors.delivery.token_bucket import BURST_SECONDS
from flows.domain.slice import Slice
from tests.fixtures.examples import examples


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


rates = st.floats(1, 2000) | st.sampled_from([1.0, 10.0, 49.0, 50.0, 51.0, 60.0, 1000.0])
latenesses = st.lists(st.floats(0, 2), min_size=1, max_size=8)


@given(rates, latenesses, st.floats(0, 1e6), st.integers(1, 6), st.data())
@examples(60)
def test_no_second_holds_more_than_the_limit_over_all_slices(
    rate: float, late_ms: list[float], start_s: float, slices: int, data: st.DataObject
) -> None:
    """Also where the slices begin at different moments, and their requests are on the way for different times."""
    slices = min(slices, math.floor(rate))
    sent: list[float] = []
    for index in range(slices):
        begins_s = start_s + data.draw(st.floats(0, 1))
        on_the_way_s = data.draw(st.floats(0, SLACK_SECONDS * 0.9))
        sent += [each + on_the_way_s for each in run(Limiter(rate, Slice(index, slices)), late_ms, begins_s, 3)]
    assert most_in_a_second(sorted(sent)) <= math.floor(rate)


@given(rates, latenesses, st.floats(0, 1e6), st.integers(1, 6))
@examples(60)
def test_at_least_nine_tenths_of_the_limit_are_used(
    rate: float, late_ms: list[float], start_s: float, slices: int
) -> None:
    """Under saturation, by threads that wake up as much as 2 ms late."""
    slices = min(slices, math.floor(rate))
    seconds = max(3.0, 40 / rate)
    sent = sum(len(run(Limiter(rate, Slice(index, slices)), late_ms, start_s, seconds)) for index in range(slices))
    assert sent >= 0.9 * math.floor(rate) * seconds - slices


@given(st.floats(1, 1000), st.floats(1, 3600))
def test_idle_time_is_not_saved_up(rate: float, idle_s: float) -> None:
    """After a pause there is no burst beyond the stated one."""
    limiter = Limiter(rate)
    limiter.take(100.0)
    now = 102.0 + idle_s
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


@pytest.mark.parametrize(("rate", "slices"), [(0.5, 2), (1.0, 3), (2.9, 3)])
def test_a_limit_that_leaves_a_slice_without_a_request_is_refused(rate: float, slices: int) -> None:
    """Rather than that this slice never sends, or that all of them send more than the limit."""
    with pytest.raises(ValueError, match="divided"):
        _ = [Limiter(rate, Slice(index, slices)) for index in range(slices)]


def test_the_first_request_goes_at_once() -> None:
    """Whatever the steady clock's zero is."""
    assert Limiter(1).wait_seconds(0.0) == 0
    assert Limiter(1).wait_seconds(-1e9) == 0


def test_asking_takes_nothing() -> None:
    limiter = Limiter(10)
    limiter.take(1.0)
    assert limiter.wait_seconds(1.0) == limiter.wait_seconds(1.0) > 0
    assert limiter.wait_seconds(2.0) == 0
