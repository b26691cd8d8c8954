"""The verdict on a slice: one word, each reason once, and never «delivering» while events are lost to dead letters."""

import copy
from typing import Any

import pytest

from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason
from flows.observe.recent import WINDOW_SECONDS, Recent
from flows.observe.status import status
from flows.observe.verdict import SliceState, judge_slice
from tests.fixtures.process import MakeProcess
from tests.fixtures.settings import sync_table

REFUSED = "main (android) is paused: the key is not the S2S key of this app; correct the key, the app id or the plan"
PAUSED = "main (ios) is paused by the settings (paused = true): its events are kept, and none is sent"
RECENT: dict[str, Any] = {
    "seconds": 600.0,
    "read": 500,
    "refused": {},
    "damaged": 0,
    "syncs": {"main": {"delivered": 400, "dead_lettered": {}}},
}


def app(circuit: str = "closed", trouble: str | None = None, last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"circuit": circuit, "trouble": trouble, "last_answer": last}


def of(*apps: dict[str, Any], **different: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "alive": True,
        "stopping": False,
        "input_ended": False,
        "why": [each["trouble"] for each in apps if each["trouble"]],
        "not_ready": {},
        "source": {"lag": {"events": 0, "seconds": 0.0}},
        "recent": copy.deepcopy(RECENT),
        "syncs": [{"name": "main", "enabled": True, "pending": 3, "apps": list(apps)}],
    }
    return found | different


def test_one_refused_app_among_several_is_degraded_and_said_once() -> None:
    found = judge_slice(of(app(), app("paused", REFUSED), not_ready={"apps": REFUSED}))
    assert found == (SliceState.DEGRADED, (REFUSED,))


def test_two_refused_apps_of_three_are_degraded_and_each_said_once() -> None:
    other = REFUSED.replace("main", "second")
    both = of(app(), app("paused", REFUSED), app("paused", other), not_ready={"apps": f"{REFUSED}; {other}"})
    assert judge_slice(both) == (SliceState.DEGRADED, (REFUSED, other))


def test_the_only_app_that_is_refused_holds_all_up() -> None:
    assert judge_slice(of(app("paused", REFUSED), not_ready={"apps": REFUSED})) == (SliceState.HELD_UP, (REFUSED,))


def test_what_the_settings_pause_is_paused_and_not_held_up() -> None:
    assert judge_slice(of(app("paused_by_settings", PAUSED))) == (SliceState.PAUSED, (PAUSED,))
    assert judge_slice(of(app("paused_by_settings", PAUSED), app())) == (SliceState.DEGRADED, (PAUSED,))


def test_what_concerns_every_app_holds_all_up_and_is_said_once() -> None:
    why = "Kafka does not answer"
    found = judge_slice(of(app(), app(), why=[why], not_ready={"source": why}))
    assert found == (SliceState.HELD_UP, (why,))
    disk = "the state disk is nearly full, and so nothing more is read; make room, or give it more"
    found = judge_slice(of(app(), why=[disk], not_ready={"disk": "it is nearly full, and so nothing more is read"}))
    assert found == (SliceState.HELD_UP, (disk,))


@pytest.mark.parametrize(
    ("different", "state"),
    [
        ({}, SliceState.DELIVERING),
        ({"alive": False}, SliceState.STUCK),
        ({"stopping": True}, SliceState.STOPPING),
        ({"input_ended": True}, SliceState.DRAINING),
        ({"not_ready": {"running": "starting"}}, SliceState.STARTING),
        ({"not_ready": {"keys": "main: env:KEY is not set"}}, SliceState.NOT_READY),
    ],
)
def test_the_word(different: dict[str, Any], state: SliceState) -> None:
    assert judge_slice(of(app(), **different)).state is state


def test_nothing_came_and_nothing_waits_is_idle() -> None:
    idle = of(app(), recent=RECENT | {"read": 0, "syncs": {"main": {"delivered": 0, "dead_lettered": {}}}})
    idle["syncs"][0]["pending"] = 0
    assert judge_slice(idle).state is SliceState.IDLE
    idle["source"]["lag"]["events"] = 7
    assert judge_slice(idle).state is SliceState.DELIVERING


def test_rejected_events_that_grow_are_not_delivering() -> None:
    bad = of(app(last={"status": "400", "class": "rejected", "meaning": "AppsFlyer finds the request invalid"}))
    bad["recent"]["syncs"]["main"]["dead_lettered"] = {"rejected": 12}
    found = judge_slice(bad)
    assert found.state is SliceState.DEGRADED
    (said,) = found.reasons
    assert said == (
        "main: 12 of 412 events that came to their end are dead letters in the last 10 min: rejected "
        "(400: AppsFlyer finds the request invalid)"
    )


def test_a_share_of_events_without_an_id_is_usual_and_most_is_not() -> None:
    some = of(app())
    some["recent"]["syncs"]["main"]["dead_lettered"] = {"no_appsflyer_id": 30}
    assert judge_slice(some) == (SliceState.DELIVERING, ())
    some["recent"]["syncs"]["main"]["dead_lettered"] = {"no_appsflyer_id": 401}
    assert judge_slice(some).state is SliceState.DEGRADED


def test_what_decode_refuses_and_damaged_input_are_said() -> None:
    bad = of(app(), recent=RECENT | {"refused": {"undecodable": 5}, "damaged": 1})
    found = judge_slice(bad)
    assert found.state is SliceState.DEGRADED
    assert found.reasons == (
        "5 of 500 events are dead letters in the last 10 min: undecodable",
        "1 damaged place in the input in the last 10 min; the log names each",
    )


def test_a_status_of_an_earlier_version_is_judged_by_what_it_has() -> None:
    old = of(app(), why=["nothing gets through to main (ios): AppsFlyer failed"])
    del old["recent"], old["input_ended"], old["syncs"][0]["apps"][0]["trouble"]
    assert judge_slice(old).state is SliceState.HELD_UP


def test_the_window_forgets_what_is_older(make_process: MakeProcess) -> None:
    """Dead letters that grew are degraded as long as they are in the window, and no longer."""
    parts = make_process(sync_table("main")).parts
    parts.heartbeat.worker()
    now = 0.0
    recent = Recent(parts, lambda: now)
    parts.ledger.open_all([Position("t", 0, 1), Position("t", 0, 2)])
    parts.ledger.dead_lettered(Position("t", 0, 1), 0, 0, DeadLetterReason.REJECTED)
    now = 30.0
    found = status(parts, recent)
    assert (found["state"], found["recent"]["seconds"]) == ("degraded", 30.0)
    assert found["reasons"] == [
        "main: 1 of 1 events that came to their end are dead letters in the last 30 s: rejected"
    ]
    recent.look()
    now = 29.0 + WINDOW_SECONDS
    recent.look()
    assert status(parts, recent)["state"] == "degraded"
    now = 31.0 + WINDOW_SECONDS
    recent.look()
    of_main = recent.as_json()["syncs"]["main"]
    assert (of_main["delivered"], of_main["dead_lettered"]) == (0, {})
    assert status(parts, recent)["state"] == "delivering"  # one event waits


def test_expected_reasons_are_judged_together() -> None:
    """Each alone is under a half; hardly anything is delivered all the same."""
    both = of(app())
    both["recent"]["syncs"]["main"] = {"delivered": 2, "dead_lettered": {"no_appsflyer_id": 49, "no_platform": 49}}
    found = judge_slice(both)
    assert found.state is SliceState.DEGRADED
    assert len(found.reasons) == 2


def test_a_damaged_partition_among_others_is_degraded() -> None:
    """The other partitions are read on."""
    assert judge_slice(of(app(), not_ready={"records": "one; other"})) == (
        SliceState.DEGRADED,
        ("records: one; other",),
    )


def test_of_two_the_worse_is_the_word() -> None:
    both = of(app(), app("paused", REFUSED), not_ready={"apps": REFUSED, "keys": "no key"})
    assert judge_slice(both).state is SliceState.NOT_READY
