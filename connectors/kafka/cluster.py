"""Questions to the cluster: partitions, available and committed offsets. None of them blocks for long."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Any

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
    admin,
)

from connectors.kafka.errors import KafkaSetupError, is_missing_topic, missing_topic, reason_of, setup_error
from connectors.kafka.log import librdkafka_logger
from connectors.kafka.note import CommitMetadata, read_note
from connectors.kafka.offsets import Available
from connectors.kafka.properties import connection_properties, scrubber
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import Clock, LimitedLog
from connectors.shutdown import Shutdown

Futures = list[Future[Any]]
"""Resolved by librdkafka's own thread; confluent-kafka does not type them."""

_FIRST_AND_END = (
    admin.OffsetSpec.earliest(),  # type: ignore[attr-defined,no-untyped-call]  # public, but neither exported nor typed
    admin.OffsetSpec.latest(),  # type: ignore[attr-defined,no-untyped-call]  # as above
)
REQUEST_SECONDS = 10.0
POLL_SECONDS = 0.1
FIRST_REPORT_SECONDS = 2.0
REPORT_SECONDS = 10.0
NEW_TOPIC_SECONDS = 3.0
"""A topic that was created just now may be unknown to a broker for this long."""


class Cluster:
    """Asks Kafka about the source's topic and group.

    The `ask_…` methods return at once with futures. `answers` waits for such futures, and asks again, for as long as
    Kafka cannot be reached; it is for the start only.
    """

    def __init__(self, settings: KafkaSource, log: LimitedLog, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock
        self._scrub = scrubber(settings.properties)
        self._reason = "no answer"
        self._refusal: KafkaSetupError | None = None
        try:
            self._admin = admin.AdminClient(
                {**connection_properties(settings.bootstrap_servers, settings.properties)},
                error_cb=self._on_error,
                logger=librdkafka_logger(log, self._scrub),
            )
        except KafkaException as error:
            raise KafkaSetupError(f"source.properties: {self._scrub(reason_of(error).str())}") from None

    def poll(self) -> None:
        """Let librdkafka deliver its log lines and errors. Does not block."""
        self._admin.poll(0)

    def ask_partitions(self) -> Futures:
        """Ask for the topic; the one future's result has `partitions`. Never creates the topic."""
        topic = self._settings.topic
        asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_SECONDS)
        return [asked[topic]]

    def ask_configs(self, topics: Iterable[str]) -> Futures:
        """Ask for the properties of topics; the result of each is name → entry with `value`."""
        kind = admin.ConfigResource  # type: ignore[attr-defined]  # as above
        places = [kind(kind.Type.TOPIC, topic) for topic in topics]
        asked = self._admin.describe_configs(places, request_timeout=REQUEST_SECONDS)
        return [asked[place] for place in places]

    def ask_available(self, partitions: Iterable[int]) -> Futures:
        """Ask for what Kafka has of these partitions: first offset and end, in turn, of each; see `available`."""
        futures: Futures = []
        for partition in partitions:
            for spec in _FIRST_AND_END:
                place = TopicPartition(self._settings.topic, partition)
                futures.extend(self._admin.list_offsets({place: spec}, request_timeout=REQUEST_SECONDS).values())
        return futures

    def ask_ends(self, partitions: Iterable[int]) -> "dict[int, Future[Any]]":
        """Ask for the ends of these partitions, all at once; the result of each has `offset`.

        The end is what a consumer can read up to: with `isolation.level` at its default, an open transaction ends it.
        """
        places = {TopicPartition(self._settings.topic, partition): _FIRST_AND_END[1] for partition in partitions}
        reads_all = dict(self._settings.properties).get("isolation.level") == "read_uncommitted"
        level = IsolationLevel.READ_UNCOMMITTED if reads_all else IsolationLevel.READ_COMMITTED
        asked = self._admin.list_offsets(places, isolation_level=level, request_timeout=REQUEST_SECONDS)
        return {place.partition: future for place, future in asked.items()}

    def ask_offsets_since(self, since_ms: Mapping[int, int]) -> Futures:
        """Ask for each partition's first offset of a time or after it; the result of each has `offset`, -1 for none."""
        futures: Futures = []
        for partition, time_ms in since_ms.items():
            spec = admin.OffsetSpec.for_timestamp(time_ms)  # type: ignore[attr-defined]  # as above
            place = TopicPartition(self._settings.topic, partition)
            futures.extend(self._admin.list_offsets({place: spec}, request_timeout=REQUEST_SECONDS).values())
        return futures

    def ask_committed(self, partitions: Iterable[int]) -> Futures:
        """Ask for the group's offsets; the one future's result is the partitions with theirs.

        A consumer is asked, which is no member of the group for that. The admin client would be the one to ask, but
        librdkafka 2.x crashes the process where its answer is that the group's coordinator has moved.
        """
        answer: Future[Any] = Future()
        Thread(target=self._find_committed, args=(partitions, answer), name="committed offsets", daemon=True).start()
        return [answer]

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit for the group, which must not be reading at the moment; blocks. Needs no thread, so exits may call it.

        Raises:
            KafkaException: Kafka did not take all of them.
        """
        places = [TopicPartition(self._settings.topic, partition, offset) for partition, offset in offsets.items()]
        consumer = self._consumer()
        try:
            _raise_errors(consumer.commit(offsets=places, asynchronous=False) or [])
        finally:
            consumer.close()

    def _find_committed(self, partitions: Iterable[int], answer: Future[Any]) -> None:
        try:
            consumer = self._consumer()
            try:
                places = [TopicPartition(self._settings.topic, partition) for partition in partitions]
                found = consumer.committed(places, timeout=REQUEST_SECONDS)
            finally:
                consumer.close()
            _raise_errors(found)
            answer.set_result(found)
        except BaseException as problem:  # noqa: BLE001 - whoever waits for the answer raises it
            answer.set_exception(problem)

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **connection_properties(self._settings.bootstrap_servers, self._settings.properties),
                "group.id": self._settings.group_id,
                "enable.auto.commit": False,
            },
            logger=librdkafka_logger(self._log, self._scrub),
        )

    def answers(self, ask: Callable[[], Futures], shutdown: Shutdown) -> list[Any] | None:
        """Return the answers; None if a stop was requested before they came. Says every 10 s that it waits.

        Raises:
            KafkaSetupError: the topic is missing, or Kafka refuses the credentials or the access.
        """
        began = self._clock()
        report_at = began + FIRST_REPORT_SECONDS
        futures = ask()
        ask_again_at: float | None = None
        missing_since: float | None = None
        while not shutdown.requested:
            now = self._clock()
            if all(each.done() for each in futures) and ask_again_at is None:
                error = _failure(futures)
                if error is None:
                    return [each.result() for each in futures]
                missing_since = (now if missing_since is None else missing_since) if is_missing_topic(error) else None
                if missing_since is not None and now - missing_since >= NEW_TOPIC_SECONDS:
                    raise missing_topic(self._settings)
                refusal = setup_error(error, self._settings)
                if refusal is not None:
                    raise refusal
                self._reason = error.str()
                ask_again_at = now + 5 * POLL_SECONDS
            if ask_again_at is not None and now >= ask_again_at:
                futures, ask_again_at = ask(), None
            if now >= report_at:
                report_at = now + REPORT_SECONDS
                self._report(now - began)
            self._admin.poll(POLL_SECONDS)
            if self._refusal is not None:
                raise self._refusal
        return None

    def _report(self, waited_seconds: float) -> None:
        self._log.say(
            logging.WARNING,
            "waiting for kafka",
            message_class="waiting for kafka at the start",
            bootstrap_servers=self._settings.bootstrap_servers,
            reason=self._scrub(self._reason),
            waited_seconds=round(waited_seconds),
        )

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - a public code of librdkafka
            self._reason = error.str()
        refusal = setup_error(error, self._settings)
        if refusal is None and error.code() == KafkaError._SSL:  # noqa: SLF001 - a public code of librdkafka
            refusal = KafkaSetupError(
                f"source.properties: no TLS connection to Kafka at {self._settings.bootstrap_servers} ({error.str()}). "
                "Check security.protocol and ssl.ca.location."
            )
        if refusal is not None:
            self._refusal = refusal


def available(answers: list[Any]) -> list[Available]:
    """Return the answers to `ask_available`, one per partition in its order."""
    return [Available(first.offset, end.offset) for first, end in zip(answers[::2], answers[1::2], strict=True)]


def committed(answers: list[Any]) -> dict[int, int]:
    """Return the answer to `ask_committed`: partitions without an offset are left out."""
    return {each.partition: each.offset for each in answers[0] if each.offset >= 0}


def notes(answers: list[Any]) -> dict[int, CommitMetadata]:
    """Return what the group says of itself beside its offsets: partition → note, of those that have one."""
    found = {each.partition: read_note(each.metadata) for each in answers[0] if each.offset >= 0}
    return {partition: note for partition, note in found.items() if note is not None}


def topic_id(description: Any) -> str | None:
    """Return Kafka's id of a topic, of an answer to `ask_partitions`; None of a broker that gives none."""
    found = description.topic_id
    return None if found is None or not str(found).strip("A") else str(found)


def _raise_errors(places: list[TopicPartition]) -> None:
    if error := next((each.error for each in places if each.error is not None), None):
        raise KafkaException(error)


def failure(future: "Future[Any]") -> KafkaError | None:
    """Return why an answer is none; None if it is one.

    Of a broker that goes away while it is asked for offsets, librdkafka tells an offset of -1001, and no error.
    """
    error = future.exception()
    if isinstance(error, KafkaException):
        return reason_of(error)
    if error is not None:
        raise error
    if getattr(future.result(), "offset", 0) == OFFSET_INVALID:
        return KafkaError(KafkaError._TRANSPORT)  # noqa: SLF001 - a public code of librdkafka
    return None


def _failure(futures: Futures) -> KafkaError | None:
    return next((error for error in map(failure, futures) if error is not None), None)
