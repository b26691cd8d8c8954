"""The endpoint cannot be reached at all: no such name, or nobody listens."""

import time

import pytest

from tests.chaos.world import World, cpu_seconds
from tests.fixtures.ports import free_port
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

WAIT_SECONDS = 15.0
CPU_SHARE = 0.05


def test_nobody_listens_and_there_is_no_such_name(world: World, adds_up: Identity) -> None:
    """Nothing is given up, it waits nearly idle, and goes on by itself when somebody listens."""
    port = free_port()
    world.configure(endpoint="https://nobody.invalid")
    world.produce(3000)
    run = world.start()
    run.wait_for_log("nothing gets through")
    assert run.stop() == 0, run.log
    world.configure(endpoint=f"https://127.0.0.1:{port}")
    run = world.start()
    run.wait_for_log("nothing gets through")
    time.sleep(5)
    before_seconds = cpu_seconds(run)
    time.sleep(WAIT_SECONDS)
    share = (cpu_seconds(run) - before_seconds) / WAIT_SECONDS
    world.endpoint(port=port)
    world.await_accepted(world.wanted(), run)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(fired=1, note=f"CPU while it waits: {share:.1%}")
    assert share < CPU_SHARE
