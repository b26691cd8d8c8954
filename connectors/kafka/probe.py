"""A look at Kafka for the operator: is it there, has it the topic, is the topic keyed by user. Changes nothing."""

import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka.errors import reason_of
from connectors.kafka.properties import Properties, connection_properties, consumer_properties, scrubber
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from connectors.secrets import resolve_properties
from flows.domain.decode import decode
from flows.domain.event import Event, Record

ANSWER_SECONDS = 5.0
_BATCH_RECORDS = 200


class ProbeError(Exception):
    """Kafka did not answer, or refuses. The text says why, without secrets."""


class PropertiesError(ProbeError):
    """librdkafka does not accept the properties."""


class Backlog(NamedTuple):
    """What the topic holds, and how much of it the group has still to read."""

    messages: int
    oldest_ms: int | None
    """The least of Kafka's timestamps of the partitions' first records; None where none came."""
    committed: int | None
    """Messages after the group's committed offsets; None if it has committed none."""


class Probe:
    """A consumer that joins no group, commits nothing and creates no topic. A context manager."""

    def __init__(self, secret: Properties, properties: Mapping[str, str]) -> None:
        """`secret` is what no message may show. Raises PropertiesError."""
        self._scrub = scrubber(secret)
        self._reason = ""
        properties = dict(properties) | {"enable.partition.eof": "true", "allow.auto.create.topics": "false"}
        silent = logging.getLogger(f"{__name__}.librdkafka")  # what matters of its log comes as errors
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        try:
            self._consumer = Consumer({**properties, "error_cb": self._on_error}, logger=silent)
        except KafkaException as error:
            raise PropertiesError(self._scrub(reason_of(error).str())) from None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def partitions(self, topic: str) -> list[int] | None:
        """Return the topic's partitions, None if there is no such topic. Raises ProbeError within about 5 s."""
        try:
            found = self._consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            raise self._failed(error) from None
        if found.error is not None:
            if found.error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001 (librdkafka's public code)
                return None
            raise ProbeError(self._scrub(found.error.str()))
        return sorted(found.partitions)

    def latest(self, topic: str, partitions: Iterable[int], limit: int) -> list[Record]:
        """Return the latest records, up to `limit`, an equal share of each partition. Raises ProbeError."""
        try:
            starts = self._starts(topic, list(partitions), limit)
            self._consumer.assign(starts)
            return self._read(topic, {each.partition for each in starts}, limit)
        except KafkaException as error:
            raise self._failed(error) from None

    def backlog(self, topic: str, partitions: Iterable[int]) -> Backlog:
        """Return what a start finds in the topic: some quick questions, and one record a partition. Raises ProbeError.

        Of a topic with many partitions, not all of the first records may come within the time.
        """
        places = [TopicPartition(topic, partition) for partition in partitions]
        try:
            bounds = [self._consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS) for place in places]
            committed = self._consumer.committed(places, timeout=ANSWER_SECONDS)
            firsts = [
                TopicPartition(topic, place.partition, low)
                for place, (low, high) in zip(places, bounds, strict=True)
                if high > low
            ]
            self._consumer.assign(firsts)
            oldest_ms = self._oldest(len(firsts))
        except KafkaException as error:
            raise self._failed(error) from None
        begun = any(place.offset >= 0 for place in committed)
        left = sum(max(0, high - max(low, place.offset)) for place, (low, high) in zip(committed, bounds, strict=True))
        return Backlog(sum(high - low for low, high in bounds), oldest_ms, left if begun else None)

    def _oldest(self, partitions: int) -> int | None:
        """Return the least timestamp of the partitions' first records: of those that come within a few seconds."""
        seen: dict[int, int] = {}
        ended: set[int] = set()
        deadline = time.monotonic() + ANSWER_SECONDS / 2
        while len(seen.keys() | ended) < partitions and time.monotonic() < deadline:
            for message in self._consumer.consume(_BATCH_RECORDS, 0.2):
                partition, (_, time_ms) = message.partition() or 0, message.timestamp()
                if message.error() is None:
                    if partition not in seen:
                        self._consumer.pause([TopicPartition(message.topic() or "", partition)])
                        seen[partition] = time_ms
                else:
                    ended.add(partition)
        return min((each for each in seen.values() if each > 0), default=None)

    def _starts(self, topic: str, partitions: list[int], limit: int) -> list[TopicPartition]:
        share = math.ceil(limit / max(1, len(partitions)))
        starts = []
        for partition in partitions:
            place = TopicPartition(topic, partition)
            low, high = self._consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS)
            if high > low:
                starts.append(TopicPartition(topic, partition, max(low, high - share)))
        return starts

    def _read(self, topic: str, outbox: set[int], limit: int) -> list[Record]:
        records: list[Record] = []
        deadline = time.monotonic() + ANSWER_SECONDS
        while outbox and len(records) < limit and time.monotonic() < deadline:
            for message in self._consumer.consume(_BATCH_RECORDS, 0.2):
                error = message.error()
                if error is None:
                    records.append(_record(topic, message))
                    deadline = time.monotonic() + ANSWER_SECONDS
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (librdkafka's public code)
                    outbox.discard(message.partition() or 0)
                else:
                    raise ProbeError(self._scrub(error.str()))
        return records[:limit]

    def _failed(self, error: KafkaException) -> ProbeError:
        self._consumer.poll(0)  # hands over what librdkafka has noted as the reason
        return ProbeError(self._scrub(self._reason or reason_of(error).str()))

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self._reason:  # noqa: SLF001 (librdkafka's public code)
            self._reason = error.str()


def _record(topic: str, message: Message) -> Record:
    return Record(message.value(), message.key(), topic, message.partition() or 0, message.offset() or 0, 0)


def probe_source(source: KafkaSource) -> Probe:
    """Return a look at the topic that is read. Raises PropertiesError, and SecretError where a secret is missing."""
    secret = replace(source, properties=tuple(resolve_properties(source.properties).items()))
    return Probe(secret.properties, consumer_properties(secret))


def probe_dead_letters(letters: KafkaDeadLetters) -> Probe:
    """Return a look at the topic of dead letters. Raises as `probe_source`."""
    secret = resolve_properties(letters.properties).items()
    group = {"group.id": f"{letters.topic}-check", "enable.auto.commit": "false"}
    return Probe(secret, connection_properties(letters.bootstrap_servers, secret) | group)


class Keying(NamedTuple):
    """How the messages' keys and partitions fit to their users."""

    events: int
    keyed: int
    """Events whose message's key is their user id, else their device id."""
    users: int
    users_on_several: int
    """Users, else devices, with events on more than one partition: one slice cannot know all of such a user."""
    messages: int = 0
    """Messages that hold events."""
    keyless: int = 0
    """Those of them without a key."""
    mixed: int = 0
    """Those of them that hold events of several users, which are together whatever the key."""
    keyed_by_device: int = 0
    """Events of a user whose message's key is their device id."""


def keying(records: Iterable[Record]) -> Keying:
    """Return how a sample is keyed; what cannot be decoded is left out."""
    partitions: Mapping[str, set[int]] = defaultdict(set)
    seen: Counter[str] = Counter()
    for record in records:
        events = [each for each in decode(record) if isinstance(each, Event)]
        users = {each.user_key for each in events}
        for user in users:
            partitions[user].add(record.partition)
        seen["events"] += len(events)
        seen["messages"] += bool(events)
        seen["keyless"] += bool(events) and record.key is None
        seen["mixed"] += len(users) > 1
        for event in events:
            is_keyed = record.key == (event.user_id or event.device_id or "").encode()
            seen["keyed"] += is_keyed
            seen["keyed_by_device"] += not is_keyed and record.key == (event.device_id or "").encode() != b""
    several = sum(len(each) > 1 for each in partitions.values())
    return Keying(
        seen["events"],
        seen["keyed"],
        len(partitions),
        several,
        seen["messages"],
        seen["keyless"],
        seen["mixed"],
        seen["keyed_by_device"],
    )
