"""The broker: a real Kafka, and a topic in it that is filled once and read by every contestant."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.progress import Progress

from tests.tools.bench import cores, traffic
from tests.tools.load.broker import NoBrokerError, find_broker

PARTITIONS: Final = 4
_FLUSH_SECONDS: Final = 60.0
_BATCH: Final = 1000


class BrokerError(Exception):
    """No broker can be had; says why."""


class Topic(NamedTuple):
    """A topic that holds the traffic."""

    bootstrap: str
    name: str
    events: int
    selected: int
    """How many of them are to be delivered."""
    bytes: int
    """Of all values."""
    last: datetime
    """When the last event happened."""


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Give the address of a broker: KAFKA_BOOTSTRAP, else a container, else one from Maven's jars.

    What it starts shares the serving core and is stopped afterwards. Raises BrokerError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(find_broker(directory, cpuset_cpus=str(cores.SERVING)))
        except NoBrokerError as problem:
            raise BrokerError(str(problem)) from problem
        yield broker.address


@contextmanager
def filled(bootstrap: str, shape: traffic.Shape, progress: Progress) -> Iterator[Topic]:
    """Make a topic and fill it with traffic, keyed by user; remove it afterwards. Raises BrokerError."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    name = f"bench-{uuid.uuid4().hex[:12]}"
    try:
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(timeout=30)
        try:
            topic = _fill(bootstrap, name, shape, progress)
            _load_coordinator(topic)
            yield topic
        finally:
            admin.delete_topics([name])[name].result(timeout=30)
    except KafkaException as problem:
        raise BrokerError(f"the broker at {bootstrap} refuses the topic: {problem}") from problem


def _fill(bootstrap: str, name: str, shape: traffic.Shape, progress: Progress) -> Topic:
    """Produce without compression, so that no contestant is helped or hindered by its decompressor."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 50, "acks": "all", "batch.num.messages": 2000}
    )
    task = progress.add_task("filling the topic", total=shape.events)
    selected = size = 0
    last = traffic.now()
    for number, (key, value, is_selected) in enumerate(traffic.messages(shape, last)):
        while True:
            try:
                producer.produce(name, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        selected += is_selected
        size += len(value)
        if number % _BATCH == 0:
            producer.poll(0)
            progress.update(task, completed=number)
    if producer.flush(_FLUSH_SECONDS):
        raise BrokerError(f"the broker at {bootstrap} does not take the traffic")
    progress.remove_task(task)
    return Topic(bootstrap, name, shape.events, selected, size, last)


def _load_coordinator(topic: Topic) -> None:
    """Commit once, so that no contestant has to wait for the coordinator of groups, or falls over its absence."""
    consumer = Consumer({"bootstrap.servers": topic.bootstrap, "log_level": 0, "group.id": f"{topic.name}-first"})
    try:
        consumer.commit(offsets=[TopicPartition(topic.name, 0, 0)], asynchronous=False)
    finally:
        consumer.close()
