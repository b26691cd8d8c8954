"""Compressed batches: what is fetched is unpacked at once, so that what is fetched at a time is bounded."""

import os
import subprocess
import sys

import pytest
from confluent_kafka import Producer

pytestmark = pytest.mark.kafka

_MB = 1 << 20
_PROGRAM = """
import os, resource, sys, time
from confluent_kafka import Consumer, TopicPartition
from connectors.kafka.properties import consumer_properties
from flows.settings.model import KafkaSource

address, topic = sys.argv[1:]
before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
consumer = Consumer(consumer_properties(KafkaSource(address, topic, "group")))
consumer.assign([TopicPartition(topic, 0, 0)])
until = time.monotonic() + 10
message = None
while message is None and time.monotonic() < until:
    message = consumer.poll(0.1)
assert message is not None and message.error() is None
time.sleep(1)  # it takes ahead what it may
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024, flush=True)
os._exit(0)
"""


def _write(kafka: str, topic: str, value: bytes) -> None:
    """Write it into a batch of its own in the first partition."""
    sizes = {"message.max.bytes": 100_000_000, "batch.size": 100_000_000}
    producer = Producer({"bootstrap.servers": kafka, "compression.type": "zstd", "linger.ms": 0, **sizes})
    producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0


def test_what_is_unpacked_at_a_time_is_bounded(kafka: str, topic: str) -> None:
    """A fetch of a megabyte of batches that shrink to 4 KB would unpack to 256 MB, and 20 times that if they like."""
    noise = os.urandom(4000)
    value = (noise * 250)[:900_000]
    for _ in range(250):
        _write(kafka, topic, value)
    done = subprocess.run([sys.executable, "-c", _PROGRAM, kafka, topic], capture_output=True, check=True, timeout=60)
    assert int(done.stdout) < 110 * _MB
