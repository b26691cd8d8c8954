"""A replay whose dead letter topic is deleted and made again while it is interrupted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample.settings import settings_text
from examples.sample_archive import generate
from tests.fixtures.kafka import make_again
from tests.fixtures.stream import KEY, Stream

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

REPLAY = ("-m", "flows", "replay", "--reason", "rejected")


def letters_in(bootstrap: str, topic: str) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "error"})
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 20)[1]
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[Message] = []
    while len(found) < end:
        message = consumer.poll(20)
        assert message is not None
        found.append(message)
    consumer.close()
    return found


def test_what_was_taken_is_ended_and_the_next_replay_reads_the_new_topic_from_its_first_letter(
    stream: Stream, kafka: str, kafka_admin: AdminClient, topic_of_letters: str
) -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        sample = generate(events=1000, users=50, end=datetime.now(UTC))
        (stream.directory / "sample.zip").write_bytes(sample.archive())
        text = settings_text("sample.zip", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY")
        place = f'kind = "kafka"\nbootstrap_servers = "{kafka}"\ntopic = "{topic_of_letters}"'
        text = text.replace('kind = "files"\ndirectory = "letters"', place)
        stream.configure(text.replace("[delivery]\n", "[delivery]\nbrake_share = 1\n"))
        sandbox.set_faults({"rule": [{"status": 400, "text": "no"}]})
        run = stream.start("-m", "flows", "run")
        assert run.wait() == 0, run.log
        rejected: int = run.summary["syncs"]["trailmix"]["dead_lettered"]["rejected"]
        sandbox.set_faults({})
        sandbox.reset()

        first = stream.start(*REPLAY, "--rate", "30/s")
        sandbox.wait_until(lambda counts: bool(counts["requests"] >= 40))
        assert first.stop() == 0, first.log
        sent = sandbox.summary()["requests"]
        assert sent < rejected
        old = letters_in(kafka, topic_of_letters)
        make_again(kafka_admin, topic_of_letters)
        producer = Producer({"bootstrap.servers": kafka})
        for each in old:
            headers: Any = each.headers()
            producer.produce(topic_of_letters, each.value(), each.key(), headers=headers)
        assert producer.flush(30) == 0

        second = stream.start(*REPLAY)
        assert second.wait() == 0, second.log
        assert "the dead letter topic was deleted and made again since this replay began" in second.log
        assert sandbox.summary()["requests"] == sent
        third = stream.start(*REPLAY)
        assert third.wait() == 0, third.log
        assert "made again" not in third.log
        counts = sandbox.summary()
        assert (counts["unique_bodies"] + counts["duplicate_bodies"], third.summary["letters"]["taken"]) == (
            rejected,
            rejected - sent,
        )


@pytest.fixture
def topic_of_letters(make_topic: Any) -> str:
    """Return an empty topic."""
    topic: str = make_topic(partitions=1)
    return topic
