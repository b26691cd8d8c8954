"""The broker: a real Kafka, the first that is there of KAFKA_BOOTSTRAP, a container, and local jars."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.fixtures.kafka_container import IMAGE, container_broker
from tests.fixtures.kafka_local import VERSION, LocalKafka, UnavailableError
from tests.tools.load.loopback import remote_hosts

_KEPT_MS: Final = 6 * 3_600_000
_SECONDS: Final = 20.0


class NoBrokerError(Exception):
    """There is no Kafka to use; the message says what was tried, and what to do."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A Kafka that answers."""

    address: str
    what: str
    pid: int | None = None
    """Its process, where it is one of ours."""


@contextmanager
def find_broker(directory: Path, **options: str) -> Iterator[Broker]:
    """Use or start a Kafka; what was started ends with the context. Raises NoBrokerError.

    `options` are Docker's for its container, such as `cpuset_cpus`.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP", "")
    if given:
        yield _given(given)
        return
    only = os.environ.get("STREAM_TESTS_KAFKA", "")
    with ExitStack() as stack:
        reasons = ["KAFKA_BOOTSTRAP is not set"]
        if only in {"", "container"}:
            address, reason = stack.enter_context(container_broker(**options))
            if address is not None:
                yield Broker(address, f"{IMAGE} in a container")
                return
            reasons.append(reason)
        if only in {"", "local"}:
            try:
                local = LocalKafka(directory)
            except UnavailableError as error:
                reasons.append(str(error))
            else:
                stack.callback(local.kill)
                local.start()
                yield Broker(local.address, f"Kafka {VERSION} on this machine", local.pid)
                return
        raise NoBrokerError(f"no Kafka: {'; '.join(reasons)}")


def _given(address: str) -> Broker:
    elsewhere = remote_hosts(address)
    if elsewhere and os.environ.get("LOAD_REMOTE_KAFKA") != "yes":
        raise NoBrokerError(
            f"KAFKA_BOOTSTRAP: {', '.join(elsewhere)} is not this machine, and a load test would load it; start one "
            "here, or set LOAD_REMOTE_KAFKA=yes if that broker is meant for it"
        )
    try:
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=_SECONDS)
    except KafkaException as error:
        raise NoBrokerError(f"KAFKA_BOOTSTRAP: {address} does not answer: {error.args[0].str()}") from error
    return Broker(address, f"Kafka at {address}")


@contextmanager
def new_topic(broker: Broker, partitions: int) -> Iterator[str]:
    """Make a topic whose records carry the time of the broker's log; it is removed with the context."""
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    name = f"load-test-{uuid.uuid4().hex[:12]}"
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(_KEPT_MS)}
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(timeout=_SECONDS)
    _await_coordinator(broker, name)
    try:
        yield name
    finally:
        with suppress(KafkaException):
            admin.delete_topics([name])[name].result(timeout=_SECONDS)


def _await_coordinator(broker: Broker, topic: str) -> None:
    """Let a fresh broker make its topic of offsets: librdkafka's admin client dies of one that has none yet (#5040)."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": f"{topic}-first", "log_level": 0})
    try:
        consumer.committed([TopicPartition(topic, 0)], timeout=_SECONDS)
    finally:
        consumer.close()
