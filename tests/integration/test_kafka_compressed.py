"""Compressed batches: what is fetched is unpacked at once, so that what is fetched at a time is bounded."""

import os
import subprocess
import sys

import pytest
from confluent_kafka import Producer

from connectors.kafka.settings import KafkaSource
from connectors.kafka.source import KafkaInput
from connectors.kafka.topic_reader import TopicReader
from connectors.shutdown import Shutdown

pytestmark = pytest.mark.kafka

_MB = 1 << 20
_PROGRAM = """
import os, sys, time
from confluent_kafka import Consumer, TopicPartition
from connectors.kafka.properties import consumer_properties
from connectors.kafka.settings import KafkaSource

address, topic = sys.argv[1:]
def peak_kb():  # ru_maxrss would begin with what the process took that has started this one
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])

before_kb = peak_kb()
consumer = Consumer(consumer_properties(KafkaSource(address, topic, "group")))
consumer.assign([TopicPartition(topic, 0, 0)])
until = time.monotonic() + 30
message = None
while message is None and time.monotonic() < until:
    message = consumer.poll(0.1)
assert message is not None and message.error() is None
time.sleep(1)  # it takes ahead what it may
print((peak_kb() - before_kb) * 1024, flush=True)
os._exit(0)
"""


def _write(kafka: str, topic: str, *values: bytes) -> None:
    """Write them into a batch of its own in the first partition."""
    sizes = {"message.max.bytes": 100_000_000, "batch.size": 100_000_000, "queue.buffering.max.kbytes": 200_000}
    producer = Producer({"bootstrap.servers": kafka, "compression.type": "zstd", "linger.ms": 10_000, **sizes})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0  # which waits for no more


def test_what_is_unpacked_at_a_time_is_bounded(kafka: str, topic: str) -> None:
    """A fetch of a megabyte of batches that shrink to 4 KB would unpack to 256 MB, and 20 times that if they like."""
    noise = os.urandom(4000)
    value = (noise * 250)[:900_000]
    for _ in range(250):
        _write(kafka, topic, value)
    done = subprocess.run([sys.executable, "-c", _PROGRAM, kafka, topic], capture_output=True, check=True, timeout=60)
    assert int(done.stdout) < 110 * _MB


def test_a_batch_of_zstd_that_unpacks_to_too_much_stops_its_partition_and_says_what_to_raise(
    kafka: str, topic: str
) -> None:
    _write(kafka, topic, *[b" " * 900_000] * 90)
    settings = KafkaSource(kafka, topic, f"group-of-{topic}", start="earliest")
    source = KafkaInput(settings, TopicReader(lambda: 1000, lambda *_: None, Shutdown()))
    part = next(source.build_part("source", each, None) for each in source.list_parts() if each.endswith("/0"))
    while not source.damaged:
        assert part.next_batch() == []
    source.close()
    assert "the records from offset 0 on are damaged" in source.damaged[0]
    assert "set a larger receive.message.max.bytes" in source.damaged[0]
