"""The oracle itself: it must see every kind of damage, or the scenarios prove nothing."""

import copy
from typing import Any

import pytest

from tests.chaos.oracle import LEAST_EVENTS, Arrival, Letter, judge, repeated_at
from tests.chaos.produced import app_of, expected_body, is_broken, is_wanted, messages

NUMBERS = range(1, LEAST_EVENTS + 1)
WANTED = next(number for number in NUMBERS if is_wanted(number))


def _arrivals() -> list[Arrival]:
    return [Arrival(app_of(number), expected_body(number)) for number in NUMBERS if is_wanted(number)]


def _letters() -> list[Letter]:
    return [Letter("undecodable", next(messages(number)).value) for number in NUMBERS if is_broken(number)]


def test_what_must_arrive_and_nothing_else_passes() -> None:
    """Everything once, the broken ones as dead letters: no problem."""
    verdict = judge(NUMBERS, _arrivals(), _letters())
    assert verdict.problems() == []
    assert verdict.events == LEAST_EVENTS
    assert verdict.letters == {"undecodable": len(_letters())}


def test_a_lost_body_is_seen() -> None:
    """One request less."""
    arrivals = _arrivals()
    gone = arrivals.pop(7)
    verdict = judge(NUMBERS, arrivals, _letters())
    assert verdict.lost == [gone.body["eventValue"]["id"]]
    assert "1 lost" in verdict.problems()[0]


def test_a_lost_dead_letter_is_seen() -> None:
    """What was refused must be kept."""
    verdict = judge(NUMBERS, _arrivals(), _letters()[1:])
    assert len(verdict.lost) == 1


@pytest.mark.parametrize(
    ("key", "value"), [("eventName", "refund"), ("appsflyer_id", "1700000000000-1"), ("os", None), ("extra", 1)]
)
def test_a_changed_body_is_seen(key: str, value: Any) -> None:
    """One field changed, dropped or added."""
    arrivals = _arrivals()
    body = copy.deepcopy(arrivals[3].body)
    if value is None:
        del body[key]
    else:
        body[key] = value
    arrivals[3] = arrivals[3]._replace(body=body)
    assert judge(NUMBERS, arrivals, _letters()).changed == [body["eventValue"]["id"]]


def test_a_body_at_the_wrong_app_is_seen() -> None:
    """The body is right, the app is not."""
    arrivals = _arrivals()
    arrivals[0] = arrivals[0]._replace(app_id="id000000000")
    assert judge(NUMBERS, arrivals, _letters()).changed == [WANTED]


def test_an_invented_body_is_seen() -> None:
    """An id that was not produced, one that must be filtered, and a body without an id."""
    unknown = next(number for number in range(LEAST_EVENTS + 1, LEAST_EVENTS + 100) if is_wanted(number))
    unwanted = next(number for number in NUMBERS if not is_wanted(number))
    more = [Arrival(app_of(number), expected_body(number)) for number in (unknown, unwanted)]
    verdict = judge(NUMBERS, [*_arrivals(), *more, Arrival("x", {"eventValue": None})], _letters())
    assert len(verdict.invented) == 3
    assert "3 invented" in verdict.problems()[0]


def test_a_doubled_body_is_seen_and_counted() -> None:
    """The same body accepted three times is two too many."""
    arrivals = _arrivals()
    verdict = judge(NUMBERS, [*arrivals, arrivals[0], arrivals[0]], _letters())
    assert verdict.copies == 2
    assert verdict.problems(copies_allowed=1) == ["2 sent twice; at most 1 may be"]
    assert verdict.problems(copies_allowed=2) == []


def test_a_dead_letter_that_nothing_explains_is_seen() -> None:
    """A given-up event is not lost, but it is a problem where the scenario does not allow the reason."""
    arrivals = _arrivals()
    gone = arrivals.pop(0).body["eventValue"]["id"]
    letters = [*_letters(), Letter("retries_exhausted", next(messages(gone)).value)]
    verdict = judge(NUMBERS, arrivals, letters)
    assert verdict.lost == []
    assert "retries_exhausted" in verdict.problems()[0]
    assert verdict.problems(letters_allowed=["retries_exhausted"]) == []


def test_accepted_and_dead_at_once_is_seen() -> None:
    """Such an event would be sent twice by a replay."""
    letters = [*_letters(), Letter("rejected", next(messages(WANTED)).value)]
    assert judge(NUMBERS, _arrivals(), letters).contradictions == [WANTED]


def test_too_few_events_prove_nothing() -> None:
    """A run of nothing passes no scenario."""
    assert "only 0 events" in judge([], [], []).problems()[0]


def test_a_repetition_is_dated_by_what_it_repeats() -> None:
    """So that each is put down to the kill that has caused it."""
    first, second, other = (
        arrival._replace(at_s=at) for arrival, at in zip(_arrivals()[:3], (1.0, 2.0, 3.0), strict=True)
    )
    again = [first._replace(at_s=4.0), other, first._replace(at_s=5.0), second._replace(at_s=6.0)]
    assert repeated_at([first, second, *again]) == [1.0, 4.0, 2.0]
