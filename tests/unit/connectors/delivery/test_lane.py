"""A lane's circuit and keys, with a clock of its own.

Sources: AppsFlyer, OpenAPI of the S2S events API (api3): the `authentication` header, the app id in the path
(percent-encoded); AppsFlyer, «Managing AppsFlyer tokens»: two tokens at a time, for a rotation.
"""

import random
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.breaker import FAILURES_THAT_OPEN, Circuit
from connectors.delivery.delivery import Delivery
from connectors.delivery.in_flight import InFlight
from connectors.delivery.lane import Lane
from connectors.secrets import Secret, SecretError, SecretRef
from flows.domain.event import Position
from tests.fixtures.throttle import throttle

LONGEST_PROBE_SECONDS = 16.0


class FixedSecret(Secret):
    """A key that stands nowhere."""

    def __init__(self) -> None:
        super().__init__(SecretRef("env", "NOWHERE"))

    def value(self) -> str:
        """Return it."""
        return "key"


def in_flight(number: int = 0) -> InFlight:
    delivery = Delivery("s", 0, "e", "id1", b"{}", b"{}", None, Position("t", 0, number), 0)
    return InFlight(delivery)


def a_lane(*secrets: Secret, rate: float = 0, waiting: int = 1000) -> Lane:
    lane = Lane("s/id1", "https://example.invalid", "id1", secrets or [FixedSecret()], throttle(rate))
    lane.breaker.chance = random.Random(1)
    lane.waiting = deque(map(in_flight, range(waiting)))
    return lane


def key_file(directory: Path, name: str, key: str) -> Secret:
    path = directory / name
    path.write_text(key)
    return Secret(SecretRef("file", str(path)))


def keys(directory: Path, *values: str) -> list[Secret]:
    return [key_file(directory, f"key{place}", value) for place, value in enumerate(values)]


def wait_of(lane: Lane, now_s: float) -> float:
    wait = lane.wait_seconds(now_s)
    assert wait is not None
    return wait


def fails(lane: Lane, now_s: float, retry_after: float) -> bool:
    """Send one, and let it fail."""
    lane.breaker.sent += 1
    return lane.breaker.failed(now_s, retry_after, lane.breaker.sent)


def passes(lane: Lane) -> bool:
    """Send one, and let it pass."""
    lane.breaker.sent += 1
    return lane.succeeded(lane.breaker.sent)


def opened(retry_after: float = 0.0) -> Lane:
    lane = a_lane()
    for _ in range(FAILURES_THAT_OPEN):
        fails(lane, 100.0, retry_after)
    return lane


def test_ten_failures_in_a_row_open_the_circuit() -> None:
    """Nine do not; the tenth says so, once."""
    lane = a_lane()
    assert [fails(lane, 1.0, 0.0) for _ in range(FAILURES_THAT_OPEN)] == [False] * 9 + [True]
    assert lane.circuit is Circuit.OPEN
    assert fails(lane, 1.0, 0.0) is False


def test_a_delivery_in_between_starts_the_count_again() -> None:
    """An event that fails while others pass is that event's trouble."""
    lane = a_lane()
    for _ in range(100):
        for _ in range(FAILURES_THAT_OPEN - 1):
            assert fails(lane, 1.0, 0.0) is False
        assert passes(lane) is False
    assert lane.circuit is Circuit.CLOSED


def test_an_open_circuit_probes_one_at_a_time_and_closes_on_success() -> None:
    lane = opened()
    assert 0 < wait_of(lane, 100.0) <= LONGEST_PROBE_SECONDS
    lane.in_flight = 1
    assert lane.wait_seconds(1e6) is None
    lane.in_flight = 0
    assert lane.wait_seconds(1e6) == 0
    assert passes(lane) is True
    assert lane.circuit is Circuit.CLOSED
    assert lane.wait_seconds(100.0) == 0


def test_what_was_on_its_way_when_the_circuit_opened_comes_back_before_the_first_probe() -> None:
    """Requests that left earlier count as the one on its way."""
    lane = opened()
    lane.in_flight = 200
    assert lane.wait_seconds(1e6) is None


def test_failures_of_what_was_sent_before_the_circuit_opened_do_not_put_the_first_probe_off() -> None:
    """Hundreds may be under way when it opens; one by one they fail, and say nothing new."""
    lane = a_lane()
    lane.breaker.sent = 256
    for number in range(1, FAILURES_THAT_OPEN + 1):
        lane.breaker.failed(100.0, 0.0, number)
    assert lane.circuit is Circuit.OPEN
    first = wait_of(lane, 100.0)
    for number in range(FAILURES_THAT_OPEN + 1, 257):
        assert lane.breaker.failed(100.0, 0.0, number) is False
    assert wait_of(lane, 100.0) == first <= 1.0
    fails(lane, 100.0 + first, 0.0)  # a probe does
    assert wait_of(lane, 100.0 + first) > 0


def test_what_was_sent_before_a_circuit_that_opens_again_does_not_count_either() -> None:
    lane = opened()
    passes(lane)
    before = lane.breaker.sent + 200
    lane.breaker.sent = before
    for _ in range(FAILURES_THAT_OPEN):
        fails(lane, 200.0, 0.0)
    first = wait_of(lane, 200.0)
    for number in range(before - 100, before):
        lane.breaker.failed(200.0, 0.0, number)
    assert wait_of(lane, 200.0) == first <= 1.0


def test_refusals_of_the_key_of_what_was_sent_before_the_pause_do_not_put_the_first_probe_off() -> None:
    lane = a_lane()
    lane.breaker.sent = 256
    key = lane.endpoint().key
    assert [lane.refused(100.0, key, number) for number in range(1, 257)] == [True] + [False] * 255
    assert wait_of(lane, 100.0) <= 1.0


def test_requests_that_time_out_together_do_not_open_the_circuit_while_later_ones_pass() -> None:
    """They were sent long before what passed since; it is not so that nothing gets through."""
    lane = a_lane()
    lane.breaker.sent = 300
    lane.succeeded(300)
    assert not any(lane.breaker.failed(103.0, 0.0, number) for number in range(1, 100))
    assert lane.circuit is Circuit.CLOSED


def test_retry_after_is_heeded_whenever_the_request_was_sent() -> None:
    lane = opened()
    lane.breaker.failed(100.0, 300.0, 1)
    assert wait_of(lane, 100.0) == pytest.approx(300.0)


@given(st.integers(1, 300), st.integers(0, 300))
def test_beside_others_a_lane_takes_no_more_than_its_share(most: int, in_flight: int) -> None:
    """It holds at most four times what it leaves free, and of few places never all; but one if it has none."""
    lane = a_lane()
    lane.in_flight = min(in_flight, most)
    free = most - lane.in_flight
    room = lane.room(free)
    assert 0 <= room <= free
    assert room == 0 or lane.in_flight + room <= max(4 * (free - room), 1)
    assert lane.in_flight or not free or room >= 1


def test_what_an_answer_asks_for_is_not_cut_short_by_the_next() -> None:
    """`Retry-After` is honoured (RFC 9110), though other answers on their way say nothing."""
    lane = opened(retry_after=300.0)
    fails(lane, 101.0, 0.0)
    assert wait_of(lane, 101.0) == pytest.approx(299.0)


def test_a_delivery_ends_an_earlier_wish_to_wait() -> None:
    lane = opened(retry_after=900.0)
    passes(lane)
    for _ in range(FAILURES_THAT_OPEN):
        fails(lane, 200.0, 0.0)
    assert wait_of(lane, 200.0) <= LONGEST_PROBE_SECONDS


def test_nothing_waiting_is_nothing_to_send() -> None:
    assert a_lane(waiting=0).wait_seconds(1.0) is None


def test_the_limit_holds_while_closed_and_for_probes() -> None:
    lane = a_lane(rate=0.1)
    lane.throttle.take(100.0)
    assert 10.0 < wait_of(lane, 100.0) < 11.0
    for _ in range(FAILURES_THAT_OPEN):
        fails(lane, 100.0, 0.0)
    assert wait_of(lane, 100.0) >= 10.0 - 1e-9


outcomes = st.lists(st.sampled_from(["delivered", "failed", "refused", "asked to wait"]), min_size=30, max_size=300)


@given(outcomes, st.sampled_from([Circuit.OPEN, Circuit.PAUSED]), st.integers(1, 50))
def test_probes_never_chase_each_other(answers: list[str], first: Circuit, round_trip_ms: int) -> None:
    """While nothing gets through, whatever is answered, a probe waits at least 50 ms after the one before it."""
    lane = a_lane()
    now = 100.0
    for _ in range(FAILURES_THAT_OPEN if first is Circuit.OPEN else 0):
        fails(lane, now, 0.0)
    if first is Circuit.PAUSED:
        lane.refused(now, lane.endpoint().key)
    assert lane.circuit is first
    for answer in answers:
        wait = wait_of(lane, now)
        assert 0.05 - 1e-6 <= wait <= 900
        now += wait
        lane.in_flight += 1
        assert lane.wait_seconds(now + 1e6) is None
        now += round_trip_ms / 1000
        lane.in_flight -= 1
        if answer == "delivered":
            assert passes(lane) is True
            return
        if answer == "refused":
            lane.refused(now, lane.endpoint().key)
        else:
            fails(lane, now, 60.0 if answer == "asked to wait" else 0.0)
        assert lane.wait_seconds(now) != 0


def test_a_refused_key_pauses_the_app_and_says_so_once() -> None:
    """A wrong key, app id or plan is the app's trouble: nothing is lost, one probe at a time."""
    lane = a_lane()
    key = lane.endpoint().key
    assert lane.refused(100.0, key) is True
    assert lane.circuit is Circuit.PAUSED
    assert 0 < wait_of(lane, 100.0) <= LONGEST_PROBE_SECONDS
    assert lane.refused(110.0, key) is False
    assert lane.wait_seconds(110.0) != 0
    assert passes(lane) is True
    assert lane.wait_seconds(110.0) == 0


def test_failures_while_paused_keep_it_paused() -> None:
    """That AppsFlyer is down as well does not make the key right."""
    lane = a_lane()
    lane.refused(100.0, lane.endpoint().key)
    for _ in range(2 * FAILURES_THAT_OPEN):
        assert fails(lane, 100.0, 0.0) is False
    assert lane.circuit is Circuit.PAUSED


def test_a_refused_key_gives_way_to_the_other(tmp_path: Path) -> None:
    """During a rotation two keys are given: the second is tried before anything is paused."""
    lane = a_lane(*keys(tmp_path, "old", "new"))
    assert lane.endpoint().key == "old"
    assert lane.refused(100.0, "old") is False
    assert lane.circuit is Circuit.CLOSED
    assert lane.endpoint().key == "new"


def test_late_answers_to_the_old_key_do_not_pause_the_new_one(tmp_path: Path) -> None:
    """Hundreds of requests are on their way when the first of them is refused."""
    lane = a_lane(*keys(tmp_path, "old", "new"))
    assert [lane.refused(100.0, "old") for _ in range(256)] == [False] * 256
    assert lane.circuit is Circuit.CLOSED
    assert lane.endpoint().key == "new"


def test_late_answers_to_a_key_that_was_rewritten_do_not_pause_the_new_one(tmp_path: Path) -> None:
    lane = a_lane(*keys(tmp_path, "old"))
    assert lane.endpoint().key == "old"
    (tmp_path / "key0").write_text("fresh")
    assert lane.refused(100.0, "old") is False
    assert lane.circuit is Circuit.CLOSED
    assert lane.endpoint().key == "fresh"


@pytest.mark.parametrize("allowed", ["old", "new"])
def test_whichever_key_is_allowed_again_is_found(tmp_path: Path, allowed: str) -> None:
    """After both were refused, probes go on with both: a plan may be paid, a token may become active."""
    lane = a_lane(*keys(tmp_path, "old", "new"))
    now = 100.0
    probed = []
    for _ in range(8):
        key = lane.endpoint().key
        probed.append(key)
        lane.refused(now, key)
        now += wait_of(lane, now)
    assert lane.circuit is Circuit.PAUSED
    assert {"old", "new"} == set(probed[2:])
    for _ in range(2):
        if lane.endpoint().key == allowed:
            break
        lane.refused(now, lane.endpoint().key)
        now += wait_of(lane, now)
    assert lane.endpoint().key == allowed


def test_a_corrected_key_file_is_used_for_the_next_probe(tmp_path: Path) -> None:
    lane = a_lane(*keys(tmp_path, "wrong"))
    lane.refused(100.0, "wrong")
    (tmp_path / "key0").write_text("right!")
    assert lane.endpoint().key == "right!"


def test_an_unreadable_key_gives_way_to_a_readable_one(tmp_path: Path) -> None:
    first, second = keys(tmp_path, "old", "new")
    lane = a_lane(first, second)
    (tmp_path / "key0").unlink()
    with pytest.raises(SecretError):
        lane.endpoint()
    assert lane.refused(100.0, "") is False
    assert lane.endpoint().key == "new"


def test_no_readable_key_at_all_pauses_and_never_raises(tmp_path: Path) -> None:
    """The sender's thread must outlive a moment without keys."""
    lane = a_lane(*keys(tmp_path, "old", "new"))
    (tmp_path / "key0").unlink()
    (tmp_path / "key1").unlink()
    assert lane.refused(100.0, "") is True
    assert lane.circuit is Circuit.PAUSED
    assert wait_of(lane, 100.0) > 0
    (tmp_path / "key1").write_text("back")
    now = 100.0
    for _ in range(2):
        now += wait_of(lane, now)
        try:
            key = lane.endpoint().key
        except SecretError:
            lane.refused(now, "")
    assert key == "back"


@pytest.mark.parametrize(
    ("base_url", "app_id", "url"),
    [
        ("https://api3.appsflyer.com", "id123", "https://api3.appsflyer.com/inappevent/id123"),
        ("https://api3.appsflyer.com/", "com.my.app", "https://api3.appsflyer.com/inappevent/com.my.app"),
        ("http://127.0.0.1:1", "com.a-b_c", "http://127.0.0.1:1/inappevent/com.a-b_c"),
        ("http://127.0.0.1:1", "a b/ü?#%", "http://127.0.0.1:1/inappevent/a%20b%2F%C3%BC%3F%23%25"),
        ("http://127.0.0.1:1", "../x", "http://127.0.0.1:1/inappevent/..%2Fx"),
    ],
    ids=["api3", "slash", "plain", "encoded", "no way out of the path"],
)
def test_the_url(base_url: str, app_id: str, url: str) -> None:
    """`/inappevent/{app_id}`, reserved characters percent-encoded (RFC 3986)."""
    lane = Lane("s", base_url, app_id, [FixedSecret()], throttle(0))
    assert lane._url == url


def test_retry_after_holds_for_the_whole_lane_also_while_the_circuit_is_closed() -> None:
    """RFC 9110: the answer speaks for the server, so no request goes before; answers under way change nothing."""
    lane = a_lane()
    fails(lane, 100.0, 3.0)
    passes(lane)
    assert wait_of(lane, 101.0) == pytest.approx(2.0)
    assert wait_of(lane, 103.0) == 0.0


def test_a_refused_key_is_switched_for_the_other_one_until_both_are_refused(tmp_path: Path) -> None:
    """During a rotation either key may be the right one; parking begins only when neither is."""
    lane = a_lane(*keys(tmp_path, "old", "new"))
    assert lane.endpoint().key == "old"
    assert lane.keys.switches("old")
    assert lane.endpoint().key == "new"
    assert not lane.keys.switches("new")
    passes(lane)
    assert lane.keys.switches("new")


def test_what_waits_goes_in_its_order() -> None:
    """As long as requests get through, the next is the first."""
    lane = a_lane(waiting=3)
    assert [lane.take().delivery.position.offset for _ in range(3)] == [0, 1, 2]


@given(st.integers(min_value=0), st.integers(1, 50))
def test_a_probe_is_any_of_what_waits_and_leaves_the_others_in_their_order(seed: int, waiting: int) -> None:
    """Nothing is lost by it, or moved."""
    lane = a_lane(waiting=waiting)
    lane.breaker.circuit = Circuit.OPEN
    lane.breaker.chance = random.Random(seed)
    taken = lane.take().delivery.position.offset
    assert [each.delivery.position.offset for each in lane.waiting] == [n for n in range(waiting) if n != taken]


def test_events_that_fail_alone_do_not_hide_the_others_from_the_probes() -> None:
    """Hundreds at the front whose answer is always a failure: a probe comes upon one behind them within a few."""
    lane = a_lane(waiting=1000)
    lane.breaker.circuit = Circuit.OPEN
    probes = 1
    while (failed := lane.take()).delivery.position.offset < 700:
        lane.waiting.append(failed)
        probes += 1
    assert probes < 15
