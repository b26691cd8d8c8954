"""Kill -9 at random moments, and the canary that shows that losing would be seen."""

import os
import random
import time
from bisect import bisect
from collections import Counter

import pytest

from tests.chaos.oracle import read_record, repeated_at
from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.stream import Identity, Run

pytestmark = pytest.mark.kafka

KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
EVENTS_PER_KILL = 1500
SOME_503 = {"rule": [{"rate": 0.2, "status": 503, "delay_ms": 20.0}, {"delay_ms": 50.0}]}
SERVED_LATE_SECONDS = 1.0
"""What lay in the endpoint's sockets when the process died is accepted a moment after that."""
LOSSY_FLOW = "tests.chaos.lossy_flow"


def _kill_under_load(world: World, rng: random.Random, *arguments: str) -> Run:
    """Produce, start, and kill at a random moment after events began to pass; there is always more to deliver."""
    world.produce(EVENTS_PER_KILL)
    before = world.sandbox.summary()["accepted_bodies"]
    run = world.start(*arguments)
    world.await_accepted(before + 1, run)
    time.sleep(rng.uniform(0.0, 0.6))
    assert world.sandbox.summary()["accepted_bodies"] < world.wanted(), "nothing was left to lose"
    world.kill(run)
    return run


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * KILLS)
def test_kill_at_random_moments(world: World, adds_up: Identity) -> None:
    """Nothing is lost; what goes out twice is no more than was in flight or answered in the last 50 ms."""
    rng = random.Random(world.seed)
    world.endpoint(faults={"seed": world.seed, **SOME_503})
    world.configure()
    world.produce(EVENTS_PER_KILL)
    for _ in range(KILLS):
        _kill_under_load(world, rng)
    last = world.start()
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    fired = world.sandbox.summary()["by_status"].get("503", 0)
    time.sleep(0.2)  # until the record is written
    repeated = repeated_at(read_record(world.record))
    kills = [bisect(world.killed_at_s, at_s - SERVED_LATE_SECONDS) for at_s in repeated]
    assert all(kill < KILLS for kill in kills), "sent twice although nothing was killed after it was accepted"
    per_kill = Counter(kills)
    most = max(per_kill.values(), default=0)
    oldest_ms = (
        max((world.killed_at_s[kill] - at_s for kill, at_s in zip(kills, repeated, strict=True)), default=0) * 1e3
    )
    note = f"kills {KILLS}, twice per kill: most {most}, mean {len(kills) / KILLS:.0f}; sent {oldest_ms:.0f} ms before"
    world.conclude(fired=fired, note=note)
    assert most <= MAX_IN_FLIGHT + UNWRITTEN_ANSWERS


@pytest.mark.slow
def test_the_canary_is_caught(world: World) -> None:
    """A sink whose snapshot forgets what is pending loses events under the same kills, and the oracle says so."""
    rng = random.Random(world.seed)
    world.endpoint(faults={"rule": [{"delay_ms": 400.0}]})
    world.configure()
    world.produce(EVENTS_PER_KILL)
    for _ in range(2):
        run = world.stream.start_recovering(flow=LOSSY_FLOW)
        world.await_accepted(world.sandbox.summary()["accepted_bodies"] + 1, run)
        time.sleep(1.5 + rng.uniform(0, 0.3))  # so that snapshots are taken while events wait
        world.kill(run)
        world.produce(EVENTS_PER_KILL)
    last = world.stream.start_recovering(flow=LOSSY_FLOW)
    world.await_accepted(world.sandbox.summary()["accepted_bodies"] + 1, last)
    assert last.stop() == 0, last.log
    verdict = world.judge(fired=len(world.killed_at_s), note="(the canary: its losses are wanted)")
    assert verdict.lost
    assert any("lost" in problem for problem in verdict.problems(copies_allowed=10_000))
