"""Two worker threads in one process, and a start without a recovery store: killed and stopped like the others."""

import random
import time

import pytest

from tests.chaos.conftest import PARTITIONS
from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


def test_two_workers(world: World, adds_up: Identity) -> None:
    """`-w 2`: a kill, a clean stop, the rest; the threads share one ledger and one sender."""
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
    world.produce(1000)  # a run that has nothing to do could be stopped before it handles signals
    last = world.stream.start_recovering("-w", "2")
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    world.conclude(fired=world.sandbox.summary()["by_status"]["503"])


@pytest.mark.timeout(400)
def test_kills_without_a_recovery_store(world: World, adds_up: Identity) -> None:
    """No -r: a kill goes back to the group's offsets, which lag by seconds; the journal has all that came after them.

    Identities are forgotten then, so each event tells its own; and so are insert_ids.
    """
    rng = random.Random(world.seed)
    world.endpoint(faults={"rule": [{"delay_ms": 150.0}]})
    world.configure()
    world.only_telling = True
    kills = 3
    without = ("-m", "bytewax.run", "flows.stream", "-s", "1")  # an epoch a second, so that segments may be removed
    for _ in range(kills):
        before = world.sandbox.summary()["accepted_bodies"]
        world.produce(12_000)
        run = world.start(*without)
        world.await_accepted(before + 500, run)
        time.sleep(rng.uniform(4.0, 6.0))
        assert world.sandbox.summary()["accepted_bodies"] < world.wanted(), "nothing was left to lose"
        world.kill(run)
    last = world.start(*without)
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    # Of two messages with one insert_id the group's offset may lie in between, once in each partition.
    verdict = world.conclude(fired=kills, copies_allowed=kills * (MAX_IN_FLIGHT + UNWRITTEN_ANSWERS + PARTITIONS))
    assert verdict.arrived == world.wanted()
