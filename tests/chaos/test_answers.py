"""Answers that are wrong, late, cut off or missing, for single events and for everything."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.chaos.produced import ANDROID_APP, IOS_APP, app_of, is_wanted, user_of
from tests.chaos.world import MAX_IN_FLIGHT, World, cpu_seconds, resident_bytes
from tests.fixtures.stream import Identity, Run

pytestmark = pytest.mark.kafka

FIRST_DELIVERY_SECONDS = 30.0


def _stopped(run: Run, adds_up: Identity) -> None:
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0


def test_every_kind_of_wrong_answer_at_once(world: World, adds_up: Identity) -> None:
    """Each user has a fault of its own, scripted by attempt; every event arrives all the same, once.

    Only what was accepted and then cut off in its answer goes out again: nobody can know that it was.
    """
    scripts: list[list[int | str]] = [
        [500, 500, 200],
        [503, 502],
        [429],
        ["reset"],
        ["close", 504],
        ["truncate"],
        ["black_hole"],
        [408, 425, 503, 500, 200],
    ]
    rules = [
        {"customer_user_id": f"user-{user}", "statuses": script}
        for place, script in enumerate(scripts)
        for user in (2 * place, 2 * place + 1)  # one of each app
    ]
    world.endpoint(faults={"rule": [*rules, {"rate": 0.1, "delay_ms": 300.0}]})
    world.configure(timeout_seconds=3)
    world.produce(1500)
    run = world.start()
    world.await_accepted(world.wanted(), run)
    _stopped(run, adds_up)
    counts = world.sandbox.summary()
    faults, statuses = counts["by_fault"], counts["by_status"]
    for status in (408, 425, 429, 500, 502, 503, 504):
        assert statuses[str(status)] > 0, status
    for kind in ("reset", "close", "truncate", "black_hole"):
        assert faults[kind] > 0, kind
    world.conclude(fired=sum(faults.values()), copies_allowed=faults["truncate"])


@pytest.mark.chaos
@pytest.mark.parametrize("form", ["seconds", "date", "garbage", "negative"])
def test_retry_after(world: World, adds_up: Identity, form: str) -> None:
    """429 with Retry-After: nothing goes to that app before its time where it can be read, the other app goes on."""
    asked_seconds = 6
    headers: dict[str, int | str] = {
        "seconds": asked_seconds,
        "date": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True),  # set anew below
        "garbage": "in a while",
        "negative": "-5",
    }
    world.endpoint()
    world.configure()
    world.produce(1500)
    run = world.start()
    world.await_accepted(100, run)
    if form == "date":
        headers[form] = format_datetime(datetime.now(UTC) + timedelta(seconds=asked_seconds + 1), usegmt=True)
    world.sandbox.set_faults({"rule": [{"app_id": IOS_APP, "limit": 1, "status": 429, "retry_after": headers[form]}]})
    world.produce(1500)
    world.await_that(lambda counts: counts["by_status"].get("429", 0) > 0, run)
    began = time.monotonic()
    world.await_accepted(world.wanted(), run)
    took = time.monotonic() - began
    _stopped(run, adds_up)
    if form in ("seconds", "date"):
        assert took >= asked_seconds - 1.5
    world.conclude(fired=world.sandbox.summary()["by_status"]["429"], note=f"{form}: went on after {took:.1f} s")


@pytest.mark.chaos
def test_retry_after_ten_years_is_capped_and_hurts_one_app_only(world: World, adds_up: Identity) -> None:
    """The app that asks for ten years waits, the other one finishes, and a new start tries again."""
    rule = {"app_id": IOS_APP, "status": 429, "retry_after": 10 * 365 * 86_400}
    world.endpoint(faults={"rule": [rule]})
    world.configure(drain_seconds=3)
    world.produce(2000)
    run = world.start()
    others = sum(1 for number in world.numbers if is_wanted(number) and app_of(number) == ANDROID_APP)
    world.await_accepted(others, run)
    assert run.stop() == 0, run.log
    fired = world.sandbox.summary()["by_status"]["429"]
    world.sandbox.set_faults({})
    last = world.start()
    world.await_accepted(world.wanted(), last)
    _stopped(last, adds_up)
    world.conclude(fired=fired)


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_everything_answers_503_and_recovers(world: World, adds_up: Identity) -> None:
    """An outage: nothing is lost or given up, the process waits nearly idle, and goes on within 30 s of the end."""
    outage_seconds = 40.0
    world.endpoint()
    world.configure()
    world.produce(1000)
    run = world.start()
    world.await_accepted(200, run)
    world.sandbox.set_faults({"rule": [{"status": 503}]})
    world.produce(5000)
    world.await_log("nothing gets through", run)
    time.sleep(5)
    before_seconds, before_bytes, before_requests = cpu_seconds(run), resident_bytes(run), _requests(world)
    time.sleep(outage_seconds)
    share = (cpu_seconds(run) - before_seconds) / outage_seconds
    grown_bytes = resident_bytes(run) - before_bytes
    probes = _requests(world) - before_requests
    fired = world.sandbox.summary()["by_status"]["503"]
    accepted = world.sandbox.summary()["accepted_bodies"]
    world.sandbox.set_faults({})
    ended = time.monotonic()
    world.await_accepted(accepted + 1, run)
    first_seconds = time.monotonic() - ended
    world.await_accepted(world.wanted(), run)
    _stopped(run, adds_up)
    note = (
        f"first delivery after {first_seconds:.1f} s; while it waited: CPU {share:.1%}, "
        f"memory {grown_bytes / 1e6:+.1f} MB, {probes} probes in {outage_seconds:.0f} s"
    )
    world.conclude(fired=fired, note=note)
    assert first_seconds <= FIRST_DELIVERY_SECONDS
    assert share < 0.05
    assert grown_bytes < 20e6


@pytest.mark.chaos
@pytest.mark.parametrize("trouble", [{"status": 401}, {"status": 503}, {"kind": "black_hole"}])
def test_the_trouble_of_one_app_stays_its_own(world: World, adds_up: Identity, trouble: dict[str, int | str]) -> None:
    """One app's key is wrong, or it fails, or says nothing: all events of the other app, read later too, arrive."""
    world.endpoint(faults={"rule": [{"app_id": IOS_APP, **trouble}]})
    world.configure(timeout_seconds=3, max_pending=2000, drain_seconds=10)
    world.produce(6000)  # far more for the app in trouble than may be pending
    run = world.start()
    others = sum(1 for number in world.numbers if is_wanted(number) and app_of(number) == ANDROID_APP)
    world.await_accepted(others, run)
    counts = world.sandbox.summary()
    assert counts["accepted_bodies"] == others
    fired = counts["by_app"][IOS_APP]
    world.sandbox.set_faults({})
    world.await_accepted(world.wanted(), run)  # by itself, without a restart
    _stopped(run, adds_up)
    world.conclude(fired=fired, note=", ".join(map(str, trouble.values())))


@pytest.mark.chaos
def test_a_poison_event_is_given_up_while_others_pass(world: World, adds_up: Identity) -> None:
    """What alone gets 500, however often it is tried, becomes a dead letter, also when the others are long through."""
    poisonous = "user-7"
    rule = {"customer_user_id": poisonous, "status": 500, "retry_after": 1}  # or twelve attempts take minutes
    world.endpoint(faults={"rule": [rule]})
    world.configure()
    world.produce(1000)
    poisoned = [number for number in world.numbers if is_wanted(number) and user_of(number) == 7]
    run = world.start()
    world.await_accepted(world.wanted() - len(poisoned), run)
    world.await_that(lambda counts: counts["by_status"].get("500", 0) >= 12 * len(poisoned), run)
    _stopped(run, adds_up)
    fired = world.sandbox.summary()["by_status"]["500"]
    verdict = world.conclude(fired=fired, letters_allowed=["retries_exhausted"])
    assert verdict.letters["retries_exhausted"] == len(poisoned)


@pytest.mark.chaos
def test_the_brake(world: World, adds_up: Identity) -> None:
    """Every answer is 400, as after a bad deploy: the flow stops long before the topic is in the dead letters."""
    world.endpoint()
    world.configure(brake_share=0.5, brake_events=200, drain_seconds=5, max_pending=2000)
    world.produce(8000)
    world.sandbox.set_faults({"rule": [{"status": 400}]})
    run = world.start()
    world.await_log("the brake is on", run)
    time.sleep(3)
    fired = world.sandbox.summary()["by_status"]["400"]
    assert run.process.poll() is None
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    given_up = run.summary["syncs"]["chaos"]["dead_lettered"]["rejected"]
    assert given_up <= 200 + MAX_IN_FLIGHT + 100  # the undecodable among them
    world.sandbox.set_faults({})
    last = world.start()
    world.await_accepted(world.wanted() - given_up, last)
    _stopped(last, adds_up)
    verdict = world.conclude(fired=fired, letters_allowed=["rejected"])
    assert verdict.letters["rejected"] == given_up


def _requests(world: World) -> int:
    return int(world.sandbox.summary()["requests"])
