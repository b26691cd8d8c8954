"""The topic as the collector writes it: keyed by user, acknowledged by all in-sync replicas before anybody is told."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.dead_letters import TRUNCATED_HEADER
from connectors.event_writer import EventsNotStoredError, TakenEvent
from connectors.kafka.dead_letters import cuts
from connectors.kafka.errors import KafkaSetupError, reason_of
from connectors.kafka.log import Scrub, librdkafka_logger
from connectors.kafka.producer import PARTITIONER
from connectors.kafka.properties import connection_properties, scrubber
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties

DELIVERY_SECONDS: Final = 7.0
"""Amplitude's clients wait 10 s for an answer, and those that wait in vain send again."""
_MOST_WAITING_EVENTS: Final = 100_000
_LARGEST_REQUEST_BYTES: Final = 100_000_000
_BATCH_BYTES: Final = 262_144
_POLL_SECONDS: Final = 0.1
_KNOWN_SECONDS: Final = 10.0
"""For so long an error counts as the state of things; librdkafka repeats it while it lasts."""
_CUT_BYTES: Final = 65_536
"""An event up to this size is never cut: then it is not its size that the topic does not take."""


class _Upload:
    """The events of one call, and how many of them are without an answer."""

    __slots__ = ("problem", "stored", "unanswered")

    def __init__(self, events: int, stored: "asyncio.Future[None]") -> None:
        self.unanswered = events
        self.stored = stored
        self.problem: str | None = None


class KafkaEventWriter:
    """Writes events with an idempotent producer and acks=all. Implements `EventWriter`.

    A user's events stay in the order in which they came, over retries too: they have one key and so one partition. A
    retry by the client may write them twice; their insert_ids tell.

    An event that is larger than the topic takes is cut to what it takes, so that it holds up nothing: it is no JSON
    then, and the stream makes a dead letter of it.

    Raises:
        KafkaSetupError: librdkafka refuses `[source.properties]`.
        SecretError: a property's secret is missing.
    """

    def __init__(self, settings: KafkaSource, delivery_seconds: float = DELIVERY_SECONDS) -> None:
        self._settings = settings
        self._delivery_seconds = delivery_seconds
        self._log = LimitedLog()
        self._properties = resolve_properties(settings.properties)
        self._scrub: Scrub = scrubber(self._properties.items())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._problem = ""
        self._problem_at = 0.0
        self._has_failed = False
        """Whether the producer cannot go on, so that another takes its place."""
        self._answered: list[_Upload] = []
        self._not_produced: deque[tuple[_Upload, KafkaError]] = deque()
        self._is_closed = False
        self._is_over = threading.Event()
        self._producer = self._open()
        self._thread = threading.Thread(target=self._run, name="kafka-writer", daemon=True)
        self._thread.start()

    async def write(self, events: Sequence[TakenEvent]) -> None:
        """Store them in their order; when this returns they are durable. Raises EventsNotStoredError."""
        if self._is_closed:
            raise EventsNotStoredError("the connection to Kafka is closed")
        if not events:
            return
        if len(self._producer) + len(events) > _MOST_WAITING_EVENTS:
            raise EventsNotStoredError(f"{len(self._producer):,} events wait for Kafka, and no more may")
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        upload = _Upload(len(events), loop.create_future())
        for event in events:
            self._produce(upload, event, len(event.value))
        await upload.stored

    @property
    def blocked(self) -> str | None:
        """Why nothing can be stored now, as far as that is known."""
        is_known = self._problem and time.monotonic() - self._problem_at < _KNOWN_SECONDS
        return f"Kafka does not take events: {self._problem}" if is_known else None

    @property
    def waiting(self) -> None:
        """None: the group's lag tells it, which the stream has."""

    async def close(self) -> None:
        """Store what was begun, and let go of the connection. May be called more than once."""
        self._is_closed = True
        self._is_over.set()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _open(self) -> Producer:
        try:
            return Producer(
                {
                    **connection_properties(self._settings.bootstrap_servers, self._properties.items()),
                    "partitioner": PARTITIONER,
                    "acks": "all",
                    "enable.idempotence": "true",
                    "message.timeout.ms": round(self._delivery_seconds * 1000),
                    "compression.type": "zstd",
                    "linger.ms": 5,
                    "message.max.bytes": _LARGEST_REQUEST_BYTES,
                    "batch.size": _BATCH_BYTES,
                    "queue.buffering.max.messages": 2 * _MOST_WAITING_EVENTS,
                    "queue.buffering.max.kbytes": 1_048_576,
                    "allow.auto.create.topics": "false",
                    "error_cb": self._on_error,
                },
                logger=librdkafka_logger(self._log, self._scrub),
            )
        except KafkaException as error:
            raise KafkaSetupError(f"source.properties: {self._scrub(reason_of(error).str())}") from None

    def _produce(self, upload: _Upload, event: TakenEvent, size_bytes: int, cut: int = 0) -> None:
        """Give an event to librdkafka; `cut` is how often less of it was tried."""
        value, key, received_ms, library = event
        headers: list[tuple[str, str | bytes | None]] = [
            ("library", library.encode(errors="replace")),
            ("received_ms", b"%d" % received_ms),
        ]
        if size_bytes < len(value):
            headers.append((TRUNCATED_HEADER, b"%d" % len(value)))
        try:
            self._producer.produce(
                self._settings.topic,
                value=value[:size_bytes],
                key=key,
                headers=headers,
                timestamp=received_ms,
                on_delivery=partial(self._on_delivery, upload, event, cut),
            )
        except BufferError:
            self._not_produced.append((upload, KafkaError(KafkaError._QUEUE_FULL)))  # noqa: SLF001 - public
        except KafkaException as error:
            self._not_produced.append((upload, reason_of(error)))

    def _run(self) -> None:
        """Take Kafka's answers, until it is closed and all have come."""
        while not self._is_over.is_set() or len(self._producer) or self._not_produced:
            with suppress(KafkaException):
                self._producer.poll(_POLL_SECONDS)
            while self._not_produced:
                self._answer(*self._not_produced.popleft())
            if self._has_failed:
                self._replace()
            self._tell()
        self._tell()

    def _replace(self) -> None:
        """Let another producer take the place of one that has ended; what that had is to be sent again by clients."""
        failed, self._producer, self._has_failed = self._producer, self._open(), False
        with suppress(KafkaException):
            failed.purge()
            failed.flush(1.0)

    def _on_delivery(
        self, upload: _Upload, event: TakenEvent, cut: int, error: KafkaError | None, _message: Message
    ) -> None:
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE and len(event.value) > _CUT_BYTES:
            sizes = [len(event.value), *cuts(len(event.value))]  # in full once more: it may have been its batch
            if cut < len(sizes):
                self._say_cut(len(event.value), sizes[cut])
                self._produce(upload, event, sizes[cut], cut + 1)
                return
        self._answer(upload, error)

    def _answer(self, upload: _Upload, error: KafkaError | None) -> None:
        """Take the answer to one event."""
        if error is not None:
            upload.problem = self._note(error)
        elif self._problem:
            self._problem = ""
            self._log.say(logging.INFO, "events are stored again", topic=self._settings.topic)
        upload.unanswered -= 1
        if not upload.unanswered:
            self._answered.append(upload)

    def _tell(self) -> None:
        answered, self._answered = self._answered, []
        if answered and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(_settle, answered)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - as above
            self._has_failed = True
        if self._has_failed or error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - as above
            self._note(error)

    def _note(self, error: KafkaError) -> str:
        """Remember what is wrong, and return it."""
        self._problem, self._problem_at = self._scrub(error.str()), time.monotonic()
        self._log.say(
            logging.ERROR,
            "events cannot be stored; clients keep them meanwhile",
            topic=self._settings.topic,
            problem=self._problem,
        )
        return self._problem

    def _say_cut(self, size_bytes: int, kept_bytes: int) -> None:
        if kept_bytes < size_bytes:
            self._log.say(
                logging.WARNING,
                "an event is larger than its topic takes and was cut; it becomes a dead letter",
                topic=self._settings.topic,
                value_bytes=size_bytes,
                kept_bytes=kept_bytes,
            )


def _settle(uploads: Sequence[_Upload]) -> None:
    for each in uploads:
        if each.stored.done():
            continue
        if each.problem is None:
            each.stored.set_result(None)
        else:
            each.stored.set_exception(EventsNotStoredError(f"Kafka has not acknowledged all events: {each.problem}"))
