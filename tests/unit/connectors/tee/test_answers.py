"""What an answer of Amplitude's means for the events of a request: each is done, given up or sent again, and once.

Rules: Amplitude, HTTP V2 API, «Response codes», and what its clients do.
"""

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.tee.answers import Meaning, Part, Trouble, meaning
from connectors.tee.counts import GivenUpReason
from flows.domain.exact_json import dumps

EVENTS = [{"event_type": "tap", "user_id": f"user-{each}", "device_id": f"device-{each}"} for each in range(4)]
ALL = (0, 1, 2, 3)


def _meaning(status: int, answer: Any = None, part: Part = ALL, events: Any = EVENTS) -> Meaning:
    body = answer if type(answer) is bytes else dumps(answer)
    return meaning(status, body, part, events)


def _left(found: Meaning) -> list[int]:
    return sorted([*chain.from_iterable(found.now), *found.held_back])


def test_200_takes_everything() -> None:
    assert _meaning(200, {"code": 200}) == Meaning(taken=4)


@pytest.mark.parametrize("name", ["invalid_fields", "missing_fields", "invalid_id_lengths"])
def test_400_takes_nothing_and_what_it_does_not_name_is_sent_again(name: str) -> None:
    found = _meaning(400, {"code": 400, f"events_with_{name}": {"time": [1], "price": [1, 3]}})
    assert found == Meaning(given_up={GivenUpReason.INVALID: 2}, now=((0, 2),))


def test_400_names_places_in_the_part_that_was_sent() -> None:
    found = _meaning(400, {"events_with_invalid_fields": {"time": [0]}}, part=(2, 3))
    assert found == Meaning(given_up={GivenUpReason.INVALID: 1}, now=((3,),))


def test_silenced_events_are_given_up_and_the_others_sent_again() -> None:
    found = _meaning(400, {"code": 400, "silenced_events": [0], "silenced_devices": ["device-0"]})
    assert found == Meaning(given_up={GivenUpReason.SILENCED: 1}, now=((1, 2, 3),))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"error": "Request missing required field", "missing_field": "api_key"}, GivenUpReason.INVALID),
        ({"missing_field": "events", "events_with_missing_fields": {"event_type": [0]}}, GivenUpReason.INVALID),
        ({"code": 400, "error": "Invalid JSON request body"}, GivenUpReason.INVALID),
        ({"code": 400, "error": "Invalid API key: 0123"}, GivenUpReason.WRONG_KEY),
        (b"invalid_api_key", GivenUpReason.WRONG_KEY),
        (b"<html>", GivenUpReason.INVALID),
    ],
)
def test_400_without_an_event_to_leave_out_gives_everything_up(answer: Any, why: GivenUpReason) -> None:
    assert _meaning(400, answer) == Meaning(given_up={why: 4})


def test_413_halves_and_gives_up_what_cannot_be_divided() -> None:
    assert _meaning(413) == Meaning(now=((0, 1), (2, 3)))
    assert _meaning(413, part=(2,)) == Meaning(given_up={GivenUpReason.TOO_LARGE: 1})
    assert _meaning(413, events=None) == Meaning(given_up={GivenUpReason.TOO_LARGE: 4})


def test_429_holds_back_the_throttled_events_and_sends_the_others_at_once() -> None:
    assert _meaning(429, {"throttled_events": [1, 2]}) == Meaning(now=((0, 3),), held_back=(1, 2))
    assert _meaning(429, {"throttled_events": [0, 1, 2, 3]}) == Meaning(held_back=ALL)
    assert _meaning(429, b"slow down") == Meaning(held_back=ALL)
    assert _meaning(429, {"throttled_events": [1]}, events=None) == Meaning(held_back=ALL)


def test_429_gives_up_the_throttled_events_of_who_has_sent_too_much_today() -> None:
    answer = {
        "throttled_events": [0, 1, 2],
        "exceeded_daily_quota_users": {"user-0": 500_000, "user-3": 500_000},
        "exceeded_daily_quota_devices": {"device-1": 500_000},
    }
    assert _meaning(429, answer) == Meaning(given_up={GivenUpReason.DAILY_QUOTA: 2}, now=((3,),), held_back=(2,))


@pytest.mark.parametrize("status", [0, 408, 500, 502, 503, 504, 599])
def test_no_answer_and_amplitudes_own_trouble_try_again_without_end(status: int) -> None:
    assert _meaning(status, b"") == Meaning(trouble=Trouble.AWAY)


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 405])
def test_an_answer_that_is_no_rule_of_amplitudes_tries_again_some_times(status: int) -> None:
    assert _meaning(status, b"") == Meaning(trouble=Trouble.REFUSED)


_PLACES = st.lists(st.one_of(st.integers(-3, 9), st.none(), st.booleans(), st.text(max_size=2)), max_size=6)
_NAMES = st.one_of(
    st.dictionaries(st.sampled_from(["user-0", "device-1", "x"]), st.integers()), st.lists(st.integers()), st.none()
)
_ANSWER = st.one_of(
    st.binary(max_size=20),
    st.fixed_dictionaries(
        {},
        optional={
            "error": st.sampled_from(["Invalid API key: x", "Invalid field values on some events"]),
            "missing_field": st.sampled_from(["api_key", None]),
            "events_with_invalid_fields": st.one_of(st.none(), st.dictionaries(st.text(max_size=3), _PLACES)),
            "events_with_missing_fields": st.dictionaries(st.text(max_size=3), st.one_of(_PLACES, st.integers())),
            "silenced_events": st.one_of(_PLACES, st.text()),
            "throttled_events": st.one_of(_PLACES, st.none()),
            "exceeded_daily_quota_users": _NAMES,
            "exceeded_daily_quota_devices": _NAMES,
        },
    ),
)


@given(
    status=st.one_of(st.sampled_from([0, 200, 400, 413, 429]), st.integers(100, 599)),
    answer=_ANSWER,
    part=st.sets(st.integers(0, 5), min_size=1),
    is_divisible=st.booleans(),
)
def test_whatever_is_answered_each_event_has_one_next_step(
    *, status: int, answer: Any, part: set[int], is_divisible: bool
) -> None:
    """And nothing is sent at once in the same request again: who answers the same for ever is not asked for ever."""
    sent = tuple(sorted(part))
    events = [{"user_id": f"user-{each}", "device_id": f"device-{each}"} for each in range(6)]
    found = _meaning(status, answer, sent, events if is_divisible else None)
    if found.trouble is not None:
        assert found == Meaning(trouble=found.trouble)
        return
    assert found.taken + sum(found.given_up.values()) + len(_left(found)) == len(sent)
    assert set(_left(found)) <= part
    assert len(set(_left(found))) == len(_left(found))
    assert all(0 < len(each) < len(sent) for each in found.now)
    assert all(list(each) == sorted(each) for each in (*found.now, found.held_back))
    if not is_divisible:
        assert not found.now
        assert found.held_back in ((), sent)
