"""The disk of the state fills up: a small one of its own, which takes the right to mount it."""

import time
from collections.abc import Iterator

import pytest

from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.small_disk import SmallDisk, small_disk
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

SIZE_MB = 24
NEARLY_FULL = "the state disk is nearly full; nothing more is read until it has room"
ROOM_AGAIN = "the state disk has room again"
FULL = "the state disk is full; waiting for room before anything is started"


@pytest.fixture
def disk(world: World) -> Iterator[SmallDisk]:
    """Return the disk under the state directory; it takes the right to mount it."""
    with small_disk(world.stream.directory / "state", SIZE_MB) as made:
        yield made
        for run in world.stream.runs:
            if run.process.poll() is None:
                run.kill()


@pytest.mark.parametrize("leave_bytes", [3_000_000, 0])
def test_a_disk_that_fills_up(world: World, disk: SmallDisk, adds_up: Identity, leave_bytes: int) -> None:
    """Nearly or wholly full: nothing more is read, the log says so, and the same process goes on when there is room."""
    world.endpoint(faults={"rule": [{"delay_ms": 50.0}]})
    world.configure(max_pending=500)
    world.produce(2000)
    run = world.start()
    world.await_accepted(200, run)
    disk.fill(leave_bytes)
    world.await_log(NEARLY_FULL, run)
    world.produce(2000)
    time.sleep(5)  # five epochs, each with its snapshot
    waited = world.sandbox.summary()["accepted_bodies"]
    time.sleep(3)
    assert world.sandbox.summary()["accepted_bodies"] == waited < world.wanted()
    assert run.process.poll() is None, run.log
    disk.clear()
    world.await_log(ROOM_AGAIN, run)
    world.await_accepted(world.wanted(), run)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(fired=1, note=f"{leave_bytes // 1_000_000} MB were left")


@pytest.mark.timeout(300)
def test_a_disk_without_any_room_for_a_snapshot(world: World, disk: SmallDisk, adds_up: Identity) -> None:
    """The ballast is gone, too: the engine dies at its snapshot, and a new start waits for room. Nothing is lost."""
    world.endpoint(faults={"rule": [{"delay_ms": 50.0}]})
    world.configure(max_pending=500, drain_seconds=3, timeout_seconds=1)
    world.produce(3000)
    run = world.start()
    world.await_accepted(200, run)
    until = time.monotonic() + 60
    while run.process.poll() is None:
        assert time.monotonic() < until, run.log
        disk.fill()
        time.sleep(0.01)
    assert run.process.returncode == 1, run.log
    assert NEARLY_FULL in run.log
    world.killed_at_s.append(time.time())
    again = world.start()
    world.await_log(FULL, again)
    time.sleep(3)
    assert again.process.poll() is None, "a start that ends is a crash loop"
    assert again.stop() == 0, "nothing was started, so nothing is to be waited for"
    last = world.start()
    world.await_log(FULL, last)
    disk.clear()
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    world.conclude(fired=1, copies_allowed=MAX_IN_FLIGHT + UNWRITTEN_ANSWERS)
