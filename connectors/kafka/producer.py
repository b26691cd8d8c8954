"""A producer that keeps the order: what it is given is written once, in that order, or nothing after it is.

Within a partition a record follows another one only if that is written: idempotence keeps the order over retries, and a
record that Kafka refuses for good ends the producer, so that none overtakes it. While Kafka is away records wait, for
as long as it takes; how many do is for the caller to bound.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.kafka.errors import KafkaSetupError, reason_of
from connectors.kafka.log import Scrub, librdkafka_logger
from connectors.kafka.properties import connection_properties, scrubber
from connectors.kafka.settings import KafkaSource
from connectors.kafka.target import TargetTopic
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties
from flows.domain.event import Position

PARTITIONER: Final = "murmur2_random"
"""As Java's own clients, and with them Kafka Streams, Connect and ksqlDB: murmur2 of the key; at random without one."""
_LARGEST_BATCH_BYTES: Final = 1_000_000
_LARGEST_REQUEST_BYTES: Final = 100_000_000
_UNBOUNDED_KBYTES: Final = 2_147_483_647
_CLOSING_SECONDS: Final = 0.1
_CONSEQUENCES: Final = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - public codes
"""Of records that are let go of because another one was refused."""
_REPORT_POLLS: Final = 50
"""How often a poll of `_CLOSING_SECONDS` waits for the report that says why a producer has ended."""


class ProducerRecord(NamedTuple):
    """A record to write."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    time_ms: int
    """Its timestamp, in milliseconds since the epoch."""
    position: Position
    """Where it comes from."""

    @property
    def size_bytes(self) -> int:
        """The bytes of its key and value."""
        return len(self.key or b"") + len(self.value or b"")


_ADVICE: Final = {
    KafkaError.MSG_SIZE_TOO_LARGE: "Raise the topic's max.message.bytes to at least the source's, and start again",
    KafkaError.INVALID_TIMESTAMP: "The topic takes no records that old or new: see its message.timestamp.before.max.ms "
    "and message.timestamp.after.max.ms",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Allow this user Write on the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Allow this user IdempotentWrite on the cluster",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "The topic was removed: create it again",
}


class NotWrittenError(Exception):
    """Kafka refuses a record for good, or the producer cannot go on. The text says why, and what to do."""


class OrderedProducer:
    """Writes to one topic, with an idempotent producer and acks=all.

    Nothing here blocks but `close`; and, once the producer has ended, for some seconds the first call, for its reports
    say why. Safe for use by several threads. Delivery reports come in `poll`, which must be called again and again.

    Raises:
        KafkaSetupError: librdkafka refuses `[source.properties]`.
        SecretError: a property's secret is missing.
    """

    def __init__(self, settings: KafkaSource, target: TargetTopic, written: Callable[[Position, int], None]) -> None:
        """`written` is told the position and the size, in bytes, of each record that Kafka has for good."""
        self._written = written
        self._target = target
        self._partitions = target.partitions
        self._log = LimitedLog()
        properties = resolve_properties(settings.properties)
        self._scrub: Scrub = scrubber(properties.items())
        self._is_closed = False
        self._error = ""
        self._is_consequence = False
        """Whether that only follows from what was not told yet."""
        largest = target.max_message_bytes or _LARGEST_BATCH_BYTES
        try:
            self._producer = Producer(
                {
                    **connection_properties(settings.bootstrap_servers, properties.items()),
                    "partitioner": PARTITIONER,
                    "acks": "all",
                    "enable.idempotence": "true",
                    # A record that is refused must not be followed by those behind it.
                    "enable.gapless.guarantee": "true",
                    # Never given up: while Kafka is away the source waits.
                    "message.timeout.ms": 0,
                    "compression.type": "zstd",
                    "linger.ms": 5,
                    # The broker has the word on what is too large, for it counts what is left after compression.
                    "message.max.bytes": _LARGEST_REQUEST_BYTES,
                    "batch.size": min(_LARGEST_BATCH_BYTES, largest),
                    # The caller bounds what is under way.
                    "queue.buffering.max.messages": 0,
                    "queue.buffering.max.kbytes": _UNBOUNDED_KBYTES,
                    "allow.auto.create.topics": "false",
                    "error_cb": self._on_error,
                },
                logger=self._logger(),
            )
        except KafkaException as error:
            raise KafkaSetupError(f"source.properties: {self._scrub(reason_of(error).str())}") from None

    def write(self, record: ProducerRecord) -> None:
        """Take a record over; `written` is told of it, in some `poll`, once Kafka has it for good.

        Raises:
            NotWrittenError: it cannot be written, or nothing can any more.
        """
        self.raise_error()
        try:
            self._producer.produce(
                self._target.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                timestamp=record.time_ms,
                on_delivery=partial(self._on_delivery, record.position, record.size_bytes),
            )
        except BufferError:  # its bounds are beyond all that may be under way
            self._fail(KafkaError(KafkaError._QUEUE_FULL), record.position)  # noqa: SLF001 - a public code of librdkafka
        except KafkaException as error:
            self._take_reports()
            self._fail(reason_of(error), record.position)
        self.raise_error()

    def poll(self) -> None:
        """Take delivery reports. Raises NotWrittenError."""
        try:
            self._producer.poll(0)
        except KafkaException as error:
            self._take_reports()
            self._fail(reason_of(error))
        if self._is_consequence:
            self._take_reports()
        self.raise_error()

    def _take_reports(self) -> None:
        """Take what reports there are: where the producer has ended, they say better why, and at which record."""
        for _ in range(_REPORT_POLLS):
            with suppress(KafkaException):
                self._producer.poll(_CLOSING_SECONDS)
            if self._error and not self._is_consequence:
                return

    def raise_error(self) -> None:
        """Raise what has ended the producer, if anything has."""
        if self._error:
            raise NotWrittenError(self._error)

    def close(self) -> None:
        """Let go of the connection; what is not written yet stays unwritten."""
        self._is_closed = True
        with suppress(KafkaException):  # it may have ended before
            self._producer.purge()
            self._producer.flush(_CLOSING_SECONDS)

    def _on_delivery(self, position: Position, size_bytes: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            if not self._is_closed:
                self._fail(error, position)
            return
        partition = message.partition() or 0
        if partition >= self._partitions:
            self._say_grown(partition + 1)
        self._written(position, size_bytes)

    def _say_grown(self, partitions: int) -> None:
        self._log.say(
            logging.WARNING,
            "the target has new partitions, so that keys have moved: a user's later events are on another partition "
            "than the earlier ones",
            topic=self._target.topic,
            partitions_before=self._partitions,
            partitions_now=partitions,
        )
        self._partitions = partitions

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - as above
            self._log.say(logging.WARNING, "waiting for kafka", topic=self._target.topic, unwritten=len(self._producer))

    def _fail(self, error: KafkaError, position: Position | None = None) -> None:
        """Keep the first reason: all that follow come of it, and what was purged may be told of before it."""
        is_consequence = error.code() in _CONSEQUENCES
        if self._error and (is_consequence or not self._is_consequence):
            return
        self._is_consequence = is_consequence
        what = f"the record at {position}" if position is not None else "any more records"
        advice = _ADVICE.get(error.code(), "Nothing is lost: what was not written is read again at the next start")
        self._error = f"Kafka does not take {what} for {self._target.topic!r} ({self._scrub(error.str())}). {advice}."

    def _logger(self) -> logging.Logger:
        logger = librdkafka_logger(self._log, self._scrub)
        # librdkafka warns at each start that this property is experimental.
        logger.addFilter(lambda record: "enable.gapless.guarantee" not in record.getMessage())
        return logger
