"""The recovery store is damaged: a clear refusal, and without it nothing is lost and hardly anything sent twice."""

import shutil
import time

import pytest

from connectors.state.layout import MANIFEST
from tests.chaos.conftest import PARTITIONS
from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


@pytest.mark.timeout(300)
def test_a_damaged_store_is_refused_and_can_be_removed(world: World, adds_up: Identity) -> None:
    """After its removal a start begins at the group's offsets, and the journal still knows what was delivered."""
    world.endpoint(faults={"rule": [{"delay_ms": 150.0}]})
    world.configure()
    world.only_telling = True  # identities are gone with the store
    world.produce(12_000)
    run = world.start()
    world.await_accepted(500, run)
    time.sleep(4)
    assert world.sandbox.summary()["accepted_bodies"] < world.wanted(), "nothing was left to lose"
    world.kill(run)
    store = world.stream.directory / "state" / "recovery"
    for part in store.glob("part-*.sqlite3*"):
        part.write_bytes(b"not a database" * 1000)
    damaged = world.start()
    assert damaged.wait() != 0
    assert "not a database" in damaged.log
    shutil.rmtree(store)
    without = world.start()
    assert without.wait() == 2, without.log
    assert "manifest.json knows of snapshot" in without.log
    shutil.rmtree(store)
    (store.parent / MANIFEST).unlink()
    last = world.start()
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    world.conclude(fired=1, copies_allowed=MAX_IN_FLIGHT + UNWRITTEN_ANSWERS + PARTITIONS)


def test_users_that_do_not_fit_the_store_are_refused_until_they_do(world: World, adds_up: Identity) -> None:
    """Of the log of users and the recovery store one was lost, or put back alone: a start says so, and ends."""
    world.endpoint()
    world.configure()
    world.produce(500)
    run = world.start()
    world.await_accepted(world.wanted(), run)
    assert run.stop() == 0, run.log
    users = world.stream.directory / "state" / "users"
    users.rename(users.with_name("elsewhere"))
    refused = world.start()
    assert refused.wait() == 2, refused.log
    assert "they are not of the same run" in refused.log
    assert "Traceback" not in refused.log
    shutil.rmtree(users)
    users.with_name("elsewhere").rename(users)
    world.produce(500)
    last = world.start()
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    world.conclude(fired=1)
