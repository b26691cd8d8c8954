"""Insert ids of events that have none."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.insert_id import InsertIds

HOUR_MS = 3_600_000
_VALUES = st.none() | st.integers() | st.text(max_size=5)
_EVENTS = st.dictionaries(st.text(max_size=5), _VALUES, max_size=5)


def ids(*events: dict[str, Any], key: str = "k", received_ms: int = 0) -> list[str]:
    """Return the ids of one body's events."""
    made = InsertIds(key, received_ms)
    return [made.derive(event) for event in events]


@given(st.lists(_EVENTS, max_size=5), st.integers(0, HOUR_MS - 1))
def test_a_retry_of_the_body_gives_the_same_and_no_two_are_equal(events: list[dict[str, Any]], later_ms: int) -> None:
    """Whatever the order of names; equal events of one body are as many as were sent."""
    first = ids(*events)
    again = ids(*[dict(reversed(event.items())) for event in events], received_ms=later_ms)
    assert first == again
    assert len(set(first)) == len(events)


def test_another_key_or_another_content_gives_another() -> None:
    """A key cannot be confused with the content behind it."""
    event = {"event_type": "Buy", "time": 1}
    assert ids(event) != ids(event, key="k2")
    assert ids(event) != ids({**event, "time": 2})
    assert ids(event, received_ms=0) == ids(event, received_ms=30 * HOUR_MS)


def test_without_a_time_the_hour_counts() -> None:
    """The same tap tomorrow is no copy of today's."""
    for event in ({"event_type": "Buy"}, {"event_type": "Buy", "time": None}):
        assert ids(event) == ids(event, received_ms=HOUR_MS - 1)
        assert ids(event) != ids(event, received_ms=HOUR_MS)


def test_any_number_and_any_depth_has_an_id() -> None:
    """Those as well that are beyond what is written fast."""
    deep: dict[str, Any] = {}
    for _ in range(600):
        deep = {"a": deep}
    assert ids({"n": 10**30, "b": 1}) == ids({"b": 1, "n": 10**30})
    assert len(ids(deep)[0]) == 32
