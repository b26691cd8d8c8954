"""Two worker threads in one process, and a start without a recovery store: killed and stopped like the others."""

import random
import time

import pytest

from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


def test_two_workers(world: World, adds_up: Identity) -> None:
    """`-w 2`: a kill, a clean stop, the rest; the threads share one ledger and one courier."""
    rng = random.Random(world.seed)
    world.endpoint(faults={"seed": world.seed, "rule": [{"rate": 0.2, "status": 503}, {"delay_ms": 50.0}]})
    world.configure()
    world.produce(4000)
    for least in (200, 1200):
        run = world.stream.start_recovering("-w", "2")
        world.await_accepted(least, run)
        time.sleep(rng.uniform(0, 0.3))
        world.kill(run)
    stopped = world.stream.start_recovering("-w", "2")
    world.await_accepted(world.sandbox.summary()["accepted_bodies"] + 100, stopped)
    assert stopped.stop() == 0, stopped.log
    adds_up(stopped.summary)
    last = world.stream.start_recovering("-w", "2")
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    world.conclude(fired=world.sandbox.summary()["by_status"]["503"])


def test_without_a_recovery_store(world: World, adds_up: Identity) -> None:
    """No -r: a kill goes back to the group's offsets. Identities are forgotten then, so each event tells its own."""
    world.endpoint(faults={"rule": [{"delay_ms": 50.0}]})
    world.configure()
    world.only_telling = True
    world.produce(6000)
    for least in (500, 2000):
        run = world.start("-m", "bytewax.run", "flows.stream")
        world.await_accepted(least, run)
        time.sleep(0.5)
        world.kill(run)
    last = world.start("-m", "bytewax.run", "flows.stream")
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    # The memory of insert_ids is gone, too: of the events that come twice, some may be sent twice.
    repeats = sum(number % 31 == 0 for number in world.numbers)
    world.conclude(fired=2, copies_allowed=2 * (MAX_IN_FLIGHT + UNWRITTEN_ANSWERS) + repeats)
