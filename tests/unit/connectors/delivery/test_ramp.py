"""The ramp: who sends less never meets it, a backlog is caught up with step by step, and an outage begins it anew.

Source: AppsFlyer, S2S events API: bulk sending rises by some 2,000 requests per second each minute.
"""

from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.throttle import Ramp


def sent_by_second(ramp: Ramp, wanted_per_second: int, seconds: int, start_s: float = 100.0) -> list[int]:
    """Ask every 5 ms; return how many went in each second."""
    counts = [0] * seconds
    owed = 0.0
    for tick in range(seconds * 200):
        now = start_s + tick / 200
        owed = min(owed + wanted_per_second / 200, wanted_per_second)
        while owed >= 1 and ramp.wait_seconds(now) == 0:
            ramp.take(now)
            owed -= 1
            counts[tick // 200] += 1
    return counts


@given(st.integers(10, 150))
def test_who_sends_less_than_the_first_step_never_meets_it(wanted: int) -> None:
    counts = sent_by_second(Ramp(200), wanted, 5)
    assert sum(counts) >= wanted * 5 - 2


def test_a_backlog_is_sent_ever_faster_by_no_more_than_the_step_each_minute() -> None:
    counts = sent_by_second(Ramp(300), 5000, 130)
    assert max(counts[:2]) <= 300 * 1.06 + 12
    for minute in (1, 2):
        assert counts[minute * 60] <= 300 * (minute + 1) * 1.06 + 12
        assert counts[minute * 60] >= 300 * (minute + 1) * 0.85


def test_after_a_long_pause_it_begins_where_it_would_at_a_start() -> None:
    ramp = Ramp(300)
    sent_by_second(ramp, 5000, 130)
    counts = sent_by_second(ramp, 5000, 2, start_s=100.0 + 130 + 300)
    assert max(counts) <= 300 * 1.06 + 12


def test_slices_have_their_part_of_it() -> None:
    assert max(sent_by_second(Ramp(400, slice_count=4), 5000, 2)) <= 100 * 1.06 + 5


def test_no_ramp_is_no_limit() -> None:
    ramp = Ramp(0)
    for _ in range(10_000):
        assert ramp.wait_seconds(1.0) == 0
        ramp.take(1.0)
