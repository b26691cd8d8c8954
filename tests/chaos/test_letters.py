"""The place for dead letters is not there: the flow waits and says so, and nothing is lost when it is back."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.chaos.world import World
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


def test_a_directory_that_cannot_be_used(world: World, adds_up: Identity) -> None:
    """A file stands where the dead letters' directory should be; it is taken away while the stream runs."""
    world.endpoint(faults={"rule": [{"rate": 0.1, "status": 404}]})
    world.configure(brake_share=1)
    obstacle = world.stream.directory / "letters"
    obstacle.write_text("not a directory", encoding="utf-8")
    world.produce(3000)
    run = world.start()
    world.await_log("dead letters cannot be written", run)
    world.await_that(lambda counts: counts["requests"] >= world.wanted() - 10, run)
    time.sleep(1)
    assert run.process.poll() is None
    assert run.log.count("dead letters cannot be written") <= 2
    obstacle.unlink()
    world.await_log("dead letters are written again", run)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(fired=world.sandbox.summary()["by_status"]["404"], letters_allowed=["rejected"])


def test_kills_while_dead_letters_cannot_be_written(world: World, adds_up: Identity) -> None:
    """What waits for the dead letters' place outlives a kill and a stop."""
    world.endpoint(faults={"rule": [{"event_name": "af_purchase", "rate": 0.1, "status": 404}]})
    world.configure(brake_share=1, drain_seconds=3)
    obstacle = world.stream.directory / "letters"
    obstacle.write_text("not a directory", encoding="utf-8")
    world.produce(2000)
    for _ in range(2):
        run = world.start()
        world.await_log("dead letters cannot be written", run)
        time.sleep(2)
        world.kill(run)
    run = world.start()
    world.await_log("dead letters cannot be written", run)
    assert run.stop() == 0, run.log
    assert run.summary["refused_pending"] > 0
    obstacle.unlink()
    last = world.start()
    world.await_accepted(1, last)
    world.await_that(lambda _counts: len(_lines(world)) >= world.events // 97, last)
    time.sleep(2)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    world.conclude(fired=2, letters_allowed=["rejected"])


def test_a_missing_dead_letter_topic(
    world: World, adds_up: Identity, make_topic: Callable[..., str], kafka_admin: AdminClient
) -> None:
    """The topic is deleted before the first dead letter; whatever the broker does about it, none is lost."""
    letters = make_topic()
    world.letters_topic = letters
    world.endpoint(faults={"rule": [{"rate": 0.1, "status": 404}]})
    world.configure(brake_share=1)
    world.produce(1500)
    kafka_admin.delete_topics([letters])[letters].result(timeout=20)
    run = world.start()
    world.await_that(lambda counts: counts["requests"] >= world.wanted() - 10, run)
    time.sleep(3)
    if letters not in kafka_admin.list_topics(timeout=20).topics:  # a broker that makes topics by itself has made it
        world.await_log("dead letters cannot be written", run)
        kafka_admin.create_topics([NewTopic(letters, 1, 1)])[letters].result(timeout=20)
        world.await_log("dead letters are written again", run)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(fired=world.sandbox.summary()["by_status"]["404"], letters_allowed=["rejected"])


def _lines(world: World) -> list[bytes]:
    return [line for path in (world.stream.directory / "letters").glob("*") for line in path.read_bytes().splitlines()]
