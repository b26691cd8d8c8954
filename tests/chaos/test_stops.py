"""Stops: by one signal everything in its time and nothing twice; by a second at once and nothing lost."""

import random
import signal
import time

import pytest

from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.stream import Identity, Run

pytestmark = pytest.mark.kafka

EXIT_SECONDS = 5.0
"""What the interpreter may need to start its end and to end, on a busy machine, beyond `drain_seconds`."""


def _stop_in_time(run: Run, drain_seconds: float) -> float:
    """Stop it with one signal; it must end with 0, in time. Return how long it took."""
    began = time.monotonic()
    assert run.stop() == 0, run.log
    took = time.monotonic() - began
    assert took <= drain_seconds + EXIT_SECONDS
    return took


def _finish(world: World, adds_up: Identity) -> None:
    """Start again, let everything arrive, and stop."""
    world.sandbox.set_faults({})
    last = world.start()
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    assert last.summary["syncs"]["chaos"]["pending"] == 0


def test_stop_under_load(world: World, adds_up: Identity) -> None:
    """SIGTERM while a slow endpoint (200 ms) is under full load: what was read is drained, and nothing goes twice."""
    world.endpoint(faults={"rule": [{"delay_ms": 200.0}]})
    world.configure(drain_seconds=25, max_pending=1000)
    world.produce(4000)
    run = world.start()
    world.await_accepted(300, run)
    took = _stop_in_time(run, 25)
    adds_up(run.summary)
    accepted = world.sandbox.summary()["accepted_bodies"]
    assert accepted < world.wanted(), "everything was delivered before the stop"
    _finish(world, adds_up)
    world.conclude(fired=1, note=f"stopped in {took:.1f} s")


@pytest.mark.chaos
def test_stop_with_a_very_slow_endpoint(world: World, adds_up: Identity) -> None:
    """Answers take 4 s, and what was read cannot be drained in 10 s: the rest stays for the next start, none twice."""
    world.endpoint(faults={"rule": [{"delay_ms": 4000.0}]})
    world.configure(drain_seconds=10)
    world.produce(6000)
    run = world.start()
    world.await_that(lambda counts: counts["requests"] >= 300, run)
    took = _stop_in_time(run, 10)
    adds_up(run.summary)
    pending = run.summary["syncs"]["chaos"]["pending"]
    assert pending > 0
    _finish(world, adds_up)
    world.conclude(fired=1, note=f"stopped in {took:.1f} s with {pending:,} pending")


@pytest.mark.chaos
def test_stop_while_everything_fails(world: World, adds_up: Identity) -> None:
    """SIGTERM while every answer is 503: it ends in its time, nothing is taken for final, and all goes out later."""
    world.endpoint(faults={"rule": [{"status": 503}]})
    world.configure(drain_seconds=5)
    world.produce(2000)
    run = world.start()
    world.await_log("nothing gets through", run)
    took = _stop_in_time(run, 5)
    assert run.summary["syncs"]["chaos"]["delivered"] == 0
    failed = world.sandbox.summary()["by_status"]["503"]
    _finish(world, adds_up)
    world.conclude(fired=failed, note=f"stopped in {took:.1f} s")


@pytest.mark.chaos
def test_stop_without_any_answer(world: World, adds_up: Identity) -> None:
    """SIGTERM while the endpoint takes everything and answers nothing: it ends in its time."""
    world.endpoint(faults={"rule": [{"kind": "black_hole"}]})
    world.configure(drain_seconds=6, timeout_seconds=5)
    world.produce(2000)
    run = world.start()
    world.await_that(lambda counts: counts["by_fault"].get("black_hole", 0) >= 100, run)
    took = _stop_in_time(run, 6)
    fired = world.sandbox.summary()["by_fault"]["black_hole"]
    _finish(world, adds_up)
    world.conclude(fired=fired, note=f"stopped in {took:.1f} s")


@pytest.mark.chaos
def test_a_second_signal_ends_at_once(world: World, adds_up: Identity) -> None:
    """The second signal does not wait for answers; nothing is lost, and twice goes what was in flight at most."""
    world.endpoint(faults={"rule": [{"delay_ms": 3000.0}]})
    world.configure()
    world.produce(4000)
    run = world.start()
    world.await_that(lambda counts: counts["requests"] >= 300, run)
    run.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert run.process.poll() is None, "nothing was left to wait for"
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 128 + signal.SIGINT
    took = time.monotonic() - began
    assert took < 2
    _finish(world, adds_up)
    world.conclude(fired=1, copies_allowed=MAX_IN_FLIGHT + UNWRITTEN_ANSWERS, note=f"ended in {took:.2f} s")


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_kill_during_the_start(world: World, adds_up: Identity) -> None:
    """Kills from the first instant up to the first deliveries, the store's making among them: it still begins."""
    rng = random.Random(world.seed)
    world.endpoint(faults={"rule": [{"delay_ms": 1500.0}]})
    world.configure()
    world.produce(6000)
    kills = 12
    for _ in range(kills):
        run = world.start()
        time.sleep(rng.uniform(0.05, 2.5))
        world.kill(run)
    assert world.sandbox.summary()["accepted_bodies"] < world.wanted(), "nothing was left to lose"
    _finish(world, adds_up)
    world.conclude(fired=kills)
