"""Deliveries: states, reasons and figures over several slices, out of what each says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.operations.deliveries import deliveries
from flows.operations.delivery_state import DeliveryState
from flows.operations.monitor import SliceAnswer
from tests.fixtures.console import answer, circuit, slice_status

_COUNTS = st.integers(0, 10**9)


def _state(*statuses: dict[str, Any]) -> tuple[DeliveryState, str]:
    return deliveries([answer(each) for each in statuses], {}).syncs[0].judged


def test_a_sync_that_delivers_is_running() -> None:
    assert _state(slice_status()) == (DeliveryState.RUNNING, "")


@pytest.mark.parametrize(
    ("said", "answer_class", "state"),
    [
        ("paused", "credentials", DeliveryState.KEY_REFUSED),
        ("paused", "intercepted", DeliveryState.INTERCEPTED),
        ("paused", None, DeliveryState.KEY_MISSING),
        ("open", "retry", DeliveryState.CIRCUIT_OPEN),
        ("paused_by_settings", "delivered", DeliveryState.PAUSED),
    ],
)
def test_the_circuit_says_the_state_and_its_trouble_is_the_reason(
    said: str, answer_class: str | None, state: DeliveryState
) -> None:
    status = circuit(slice_status(), said, "what to do", answer_class)
    found = deliveries([answer(status)], {}).syncs[0]
    assert found.judged == (state, "what to do")
    assert found.apps[0].judged == (state, "what to do")


def test_the_worst_slice_decides() -> None:
    refused = circuit(slice_status(), "paused", "correct the key", "credentials")
    assert _state(slice_status(), refused)[0] is DeliveryState.KEY_REFUSED
    assert _state(refused, slice_status())[0] is DeliveryState.KEY_REFUSED


def test_a_lag_that_the_alert_would_tell_is_lagging() -> None:
    assert _state(slice_status(source={"lag": {"events": 9, "seconds": 301.0}}))[0] is DeliveryState.LAGGING
    assert _state(slice_status(source={"lag": {"events": 9, "seconds": 300.0}}))[0] is DeliveryState.RUNNING


def test_dead_letters_that_should_not_be_are_said_with_their_reason() -> None:
    status = slice_status()
    status["recent"]["syncs"]["production"]["dead_lettered"] = {"rejected": 4}
    state, reason = _state(status)
    assert state is DeliveryState.DEGRADED
    assert "4 of 94 events" in reason


def test_a_slice_that_is_stuck_concerns_its_syncs() -> None:
    state, reason = _state(slice_status(alive=False))
    assert (state, reason) == (DeliveryState.STUCK, "no progress: /livez says where it is stuck")


def test_a_sync_that_is_off_is_disabled() -> None:
    assert deliveries([answer(slice_status())], {}).syncs[1].judged.state is DeliveryState.DISABLED


def test_a_slice_that_does_not_answer_is_named_and_the_others_are_summed() -> None:
    found = deliveries([answer(slice_status()), answer(None, "http://two", "why not")], {})
    assert found.missing == 1
    assert (found.slices[1].state, found.slices[1].reasons) == ("no answer", ("why not",))
    assert found.syncs[0].delivered == 1684


def test_figures_of_all_slices_are_one() -> None:
    """Counts add up; the p95 is that of all ages together, not of the slices' p95s."""
    slow = slice_status()
    slow["syncs"][0]["apps"][0]["recent_age_seconds"]["counts"] = [0, 0, 90, 0]
    figures = deliveries([answer(slice_status()), answer(slow)], {}).syncs[0].figures
    assert figures is not None
    assert (figures.delivered, figures.first_attempt, figures.after_retry) == (180, 160, 20)
    assert (figures.not_delivered, figures.discarded, figures.expired) == (20, 20, 0)
    assert figures.delivery_rate == 0.9
    assert figures.p95_seconds == pytest.approx(1 + 9 * (171 - 80) / 100)


def test_a_slice_of_an_earlier_version_has_no_figures() -> None:
    status = slice_status()
    del status["recent"]["syncs"]["production"]["answered"]
    assert deliveries([answer(status)], {}).syncs[0].figures is None


def test_rates_are_the_growth_between_two_answers_and_begin_anew_with_the_process() -> None:
    before = SliceAnswer("u", 10.0, slice_status())
    later = slice_status(read=2107)
    later["syncs"][0]["delivered"] = 1704
    found = deliveries([SliceAnswer("u", 20.0, later)], {"u": before})
    assert (found.syncs[0].per_second, found.slices[0].read_per_second) == (2.0, 10.0)
    anew = {**later, "started": "2026-11-25T12:00:00+00:00"}
    assert deliveries([SliceAnswer("u", 20.0, anew)], {"u": before}).syncs[0].per_second == 170.4
    assert deliveries([SliceAnswer("u", 20.0, later)], {}).syncs[0].per_second is None


@given(counts=st.lists(st.tuples(_COUNTS, _COUNTS, _COUNTS, _COUNTS, _COUNTS), min_size=1, max_size=4))
def test_the_equation_holds_over_all_slices_where_it_holds_in_each(
    counts: list[tuple[int, int, int, int, int]],
) -> None:
    answers = []
    for delivered, duplicate, filtered, dead, pending in counts:
        status = slice_status(read=delivered + duplicate + filtered + dead + pending + 4)
        status["syncs"][0].update(
            delivered=delivered,
            duplicate=duplicate,
            filtered={"platform": filtered},
            dead_lettered={"rejected": dead},
            pending=pending,
        )
        answers.append(answer(status))
    found = deliveries(answers, {})
    sync = found.syncs[0]
    ends = sync.delivered + sync.duplicate + sum((sync.filtered or {}).values())
    ends += sum((sync.dead_lettered or {}).values()) + sync.pending
    assert found.read - sum(found.refused.values()) + sync.copies == ends
