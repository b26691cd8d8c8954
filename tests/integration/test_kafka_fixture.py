"""The broker fixture itself: a record that is written can be read back."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

pytestmark = pytest.mark.kafka


def test_the_broker_gives_back_what_was_written(kafka: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, b"value", key=b"key", partition=3)
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic})
    consumer.assign([TopicPartition(topic, 3, 0)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert (message.key(), message.value()) == (b"key", b"value")
