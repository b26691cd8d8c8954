"""The broker is killed and comes back: under load, and while the stream is stopped. Needs a local broker of its own."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.chaos.world import World
from tests.fixtures.kafka_local import LocalKafka
from tests.fixtures.stream import Identity, Stream

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


@pytest.mark.timeout(400)
def test_the_broker_is_restarted_under_load(
    own_kafka: LocalKafka, stream: Stream, seed: int, write_line: Callable[[str], None], adds_up: Identity
) -> None:
    """The stream waits, says for what, does not end, and loses nothing; what it has still goes out meanwhile."""
    own_kafka.start()
    admin = AdminClient({"bootstrap.servers": own_kafka.address, "log_level": 0})
    topic = "events"
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(timeout=30)
    record = stream.directory / "record.ndjson"
    world = World("the broker is restarted under load", seed, stream, own_kafka.address, topic, record, write_line)
    with world.cleanup:
        world.endpoint(faults={"rule": [{"delay_ms": 100.0}]})
        world.configure(max_pending=1000)
        world.produce(8000)
        run = world.start()
        world.await_accepted(500, run)
        own_kafka.kill()
        world.await_log("waiting for kafka", run)
        time.sleep(10)
        assert run.process.poll() is None, run.log
        own_kafka.start()
        world.await_accepted(world.wanted(), run)
        assert run.stop() == 0, run.log
        adds_up(run.summary)
        assert run.summary["syncs"]["chaos"]["pending"] == 0
        world.conclude(fired=1)
