"""A sync that is disabled, renamed or taken out while events wait for it: in every place where something waits."""

import signal
import time
from typing import Any

import pytest

from tests.fixtures.events import order
from tests.fixtures.scene import Scene
from tests.fixtures.settings import Table, sync_table
from tests.fixtures.stream import Identity

pytestmark = pytest.mark.kafka

KEPT = sync_table("kept", ios_app_id="id111111111")
KNOWN, UNKNOWN = 300, 20


def other(name: str = "other", **more: Any) -> Table:
    """Return the second sync, whose app cannot be reached."""
    return sync_table(name, ios_app_id="id222222222", **more)


def configure(scene: Scene, *others: Table) -> None:
    scene.configure(KEPT, *others, delivery={"max_pending": 100, "drain_seconds": 3, "timeout_seconds": 5})


def produce(scene: Scene) -> None:
    """Write events of users that are known, and of some that are held because nobody knows them."""
    unknown = (order(number, user_properties=None) for number in range(KNOWN, KNOWN + UNKNOWN))
    scene.produce([*map(order, range(KNOWN)), *unknown])


@pytest.fixture(autouse=True)
def _cannot_be_reached(scene: Scene) -> None:
    scene.sandbox.set_faults({"rule": [{"app_id": "id222222222", "status": 503}]})


@pytest.mark.parametrize(
    "change",
    [pytest.param("disabled", marks=pytest.mark.slow), "renamed", pytest.param("removed", marks=pytest.mark.slow)],
)
def test_what_waits_for_it_becomes_dead_letters_that_a_replay_sends(
    scene: Scene, adds_up: Identity, change: str
) -> None:
    """Held, with the sink and set aside on disk: each is accounted for, under the sync's own name, and none is lost."""
    configure(scene, other())
    produce(scene)
    first = scene.start()
    scene.await_delivered("id111111111", KNOWN)
    assert first.stop() == 0, first.log
    adds_up(first.summary)
    assert first.summary["syncs"]["other"]["pending"] == KNOWN + UNKNOWN
    assert first.summary["syncs"]["kept"]["pending"] == UNKNOWN

    changed = {"disabled": [other(enabled=False)], "renamed": [other("new name")], "removed": []}
    configure(scene, *changed[change])
    check = scene.start("check", "--settings", str(scene.stream.directory / "stream.toml"))
    check.wait()
    assert f"{KNOWN + UNKNOWN} events wait for sync[other]" in check.output, check.output + check.log
    second = scene.start()
    end = time.monotonic() + 30
    while scene.letters()["other", "sync_disabled"] < KNOWN + UNKNOWN and time.monotonic() < end:
        time.sleep(0.1)
    assert second.stop() == 0, second.log
    adds_up(second.summary)
    assert scene.letters() == {("other", "sync_disabled"): KNOWN + UNKNOWN}
    assert second.summary["syncs"]["other"]["dead_lettered"] == {"sync_disabled": KNOWN + UNKNOWN}
    assert second.summary["syncs"]["other"]["pending"] == 0
    assert second.summary["syncs"]["kept"]["pending"] == UNKNOWN
    assert "sync_disabled" in second.log

    scene.sandbox.set_faults({})
    today = "new name" if change == "renamed" else "other"
    configure(scene, other(today))
    named = ["--sync", "other=new name"] if change == "renamed" else []
    replay = scene.start("replay", "--reason", "sync_disabled", *named)
    assert replay.wait() == 0, replay.log
    adds_up(replay.summary)
    fates = replay.summary["syncs"][today]
    assert (fates["delivered"], fates["dead_lettered"]) == (KNOWN, {"no_appsflyer_id": UNKNOWN})
    assert scene.delivered("id222222222") == dict.fromkeys(range(KNOWN), 1)
    assert scene.delivered("id111111111") == dict.fromkeys(range(KNOWN), 1)
    configure(scene, other("third name"))
    again = scene.start("replay", "--reason", "sync_disabled", "--sync", "other=third name")
    assert again.wait() == 0, again.log
    assert again.summary["letters"]["left_out"]["already_replayed"] == KNOWN + UNKNOWN
    assert scene.delivered("id222222222") == dict.fromkeys(range(KNOWN), 1)
    third = scene.start()
    third.wait_for_log("reading a partition")
    assert third.stop() == 0, third.log
    assert "other" not in third.summary["syncs"] or third.summary["syncs"]["other"]["pending"] == 0


def test_a_reload_says_beforehand_how_many_events_it_concerns(scene: Scene) -> None:
    """And restarts the process, which then accounts for them."""
    configure(scene, other())
    produce(scene)
    run = scene.start()
    scene.await_delivered("id111111111", KNOWN)
    configure(scene, other(enabled=False))
    run.process.send_signal(signal.SIGHUP)
    run.wait_for_log("events wait for a sync that the new settings leave out")
    assert f'"events":{KNOWN + UNKNOWN}' in run.log.replace(" ", "")
    scene.wait_until(lambda: scene.letters()["other", "sync_disabled"] == KNOWN + UNKNOWN)
    assert run.stop() == 0, run.log
    assert scene.letters() == {("other", "sync_disabled"): KNOWN + UNKNOWN}


def test_a_paused_sync_keeps_everything_and_sends_it_when_it_may(scene: Scene, adds_up: Identity) -> None:
    """Across a stop, without holding up the other sync or the stop; and it goes on by a reload alone."""
    scene.sandbox.set_faults({})
    configure(scene, other(paused=True))
    produce(scene)
    run = scene.start()
    scene.await_delivered("id111111111", KNOWN)
    assert "paused by the settings" in run.log
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["other"]["pending"] == KNOWN + UNKNOWN
    assert scene.delivered("id222222222") == {}
    run = scene.start()
    run.wait_for_log("reading a partition")
    configure(scene, other())
    run.process.send_signal(signal.SIGHUP)
    scene.await_delivered("id222222222", KNOWN)
    assert "other sends again" in run.log
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert scene.delivered("id222222222") == dict.fromkeys(range(KNOWN), 1)
    assert scene.delivered("id111111111") == dict.fromkeys(range(KNOWN), 1)
