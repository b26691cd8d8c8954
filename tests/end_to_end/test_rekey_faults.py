"""What is copied when Kafka refuses a record, hangs or dies: all of it, in order, and none overtakes another."""

import json
import random
import re
import time
from collections.abc import Callable

import confluent_kafka.admin
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.fixtures.kafka_local import LocalKafka
from tests.fixtures.stream import Run, Stream
from tests.fixtures.topics import (
    PARTITIONS,
    SETTINGS,
    Topics,
    await_committed,
    by_user,
    event,
    expected,
    firsts,
    orders,
    start,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

MakeTopic = Callable[..., str]


def test_a_record_that_kafka_refuses_ends_it_and_none_overtakes_it(
    stream: Stream, topics: Topics, make_topic: MakeTopic, kafka_admin: AdminClient
) -> None:
    """Exit 1, with what to do; when that is done it goes on, and each user's order is kept."""
    topics = topics._replace(target=make_topic(partitions=5, max_message_bytes="20000"))
    records = orders(3000, users=30)
    rng = random.Random(3)
    large = json.dumps({**event("user-4", -1), "text": rng.randbytes(20_000).hex()}).encode()
    records[1504] = records[1504]._replace(value=large)
    topics.produce(records)
    run = start(stream, topics)
    assert run.wait() == 1
    assert f"does not take the record at {topics.source}/1/501 " in run.log
    assert "Raise the topic's max.message.bytes" in run.log
    assert "max.message.bytes is lower than the source's" in run.log
    stored = by_user(topics.stored())
    for user, values in by_user(expected(records)).items():
        written = stored.get(user, [])
        assert written == values[: len(written)]
    assert len(stored[b"user-4"]) <= 50
    kind = confluent_kafka.admin.ConfigResource  # type: ignore[attr-defined]  # public, but not exported
    set_to = confluent_kafka.admin.AlterConfigOpType.SET  # type: ignore[attr-defined]  # as above
    entry = confluent_kafka.admin.ConfigEntry  # type: ignore[attr-defined]  # as above
    larger = entry("max.message.bytes", "100000", incremental_operation=set_to)
    change = kind(kind.Type.TOPIC, topics.target, incremental_configs=[larger])
    kafka_admin.incremental_alter_configs([change])[change].result(timeout=20)
    last = start(stream, topics)
    await_committed(topics, 3000, last)
    assert last.stop() == 0, last.log
    stored = by_user(topics.stored())
    assert {user: firsts(values) for user, values in stored.items()} == by_user(expected(records))


@pytest.fixture
def own_topics(stream: Stream, own_kafka: LocalKafka) -> Topics:
    """Return topics of a broker that the test may kill; at most 500 records may be under way."""
    own_kafka.start()
    admin = AdminClient({"bootstrap.servers": own_kafka.address})
    for each in admin.create_topics([NewTopic("read", PARTITIONS, 1), NewTopic("written", 5, 1)]).values():
        each.result(timeout=20)
    text = SETTINGS.format(bootstrap=own_kafka.address, topic="read")
    stream.configure(text + "[delivery]\nmax_pending = 500\ndrain_seconds = 1\n")
    return Topics(own_kafka.address, "read", "written")


def _start(stream: Stream) -> Run:
    command = ("-m", "flows", "rekey", "--to", "written")
    return stream.start(*command, environment={"STREAM_PROGRESS_SECONDS": "0.1"})


def _await_pending(run: Run) -> None:
    """Wait for so many progress lines with more than 500 on their way that an epoch and several commits lie between."""
    until = time.monotonic() + 60
    while len(re.findall(r'"pending": [5-9][0-9]{2},', run.log)) < 30:
        assert run.process.poll() is None, run.log
        assert time.monotonic() < until, run.log
        time.sleep(0.05)


@pytest.mark.slow
def test_while_kafka_is_away_it_waits_with_as_much_as_it_may(
    stream: Stream, own_kafka: LocalKafka, own_topics: Topics
) -> None:
    """A broker that hangs, and one that dies and comes back: nothing lost, nothing twice, in order.

    No more is pending than `max_pending` and a batch of each partition; a stop does not wait for a broker that hangs.
    """
    records = orders(20_000, users=100)
    own_topics.produce(records)
    run = _start(stream)
    own_topics.await_written(2000, run)
    own_kafka.pause()
    _await_pending(run)
    own_kafka.go_on()
    own_topics.await_written(5000, run)
    own_kafka.kill()
    run.wait_for_log("waiting for kafka")
    own_kafka.start()
    own_topics.await_written(8000, run)
    assert run.stop() == 0, run.log
    pending = [int(found) for found in re.findall(r'"pending": (\d+)', run.log)]
    assert 500 <= max(pending) < 500 + 100 * PARTITIONS
    last = _start(stream)
    own_topics.await_written(20_000, last)
    own_kafka.pause()
    assert last.stop() == 0, last.log
    own_kafka.go_on()
    assert by_user(own_topics.stored()) == by_user(expected(records))


@pytest.mark.slow
def test_what_nobody_has_acknowledged_is_written_by_the_next_start(
    stream: Stream, own_kafka: LocalKafka, own_topics: Topics
) -> None:
    """The broker hangs with full hands, and both are killed: neither store nor group may stand beyond what it had."""
    records = orders(10_000, users=100)
    own_topics.produce(records)
    run = _start(stream)
    own_topics.await_written(2000, run)
    own_kafka.pause()
    _await_pending(run)
    run.kill()
    own_kafka.kill()
    own_kafka.start()
    last = _start(stream)
    await_committed(own_topics, 10_000, last)
    assert last.stop() == 0, last.log
    stored = by_user(own_topics.stored())
    assert {user: firsts(values) for user, values in stored.items()} == by_user(expected(records))
