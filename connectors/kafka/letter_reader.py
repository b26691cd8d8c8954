"""Reads dead letters again that stand in a Kafka topic. Belongs to no consumer group and commits nothing."""

from collections.abc import Mapping
from concurrent.futures import TimeoutError as NoAnswerError
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition, admin

from connectors.dead_letters import LettersUnreadableError, StoredLetter
from connectors.kafka.cluster import topic_id
from connectors.kafka.errors import KafkaSetupError, is_missing_topic, reason_of
from connectors.kafka.log import librdkafka_logger
from connectors.kafka.properties import connection_properties, scrubber
from connectors.kafka.settings import KafkaDeadLetters
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties

ANSWER_SECONDS: Final = 10.0
_READ_LETTERS: Final = 100


class _Place:
    """The topic, and a consumer of it. Raises KafkaSetupError, SecretError."""

    def __init__(self, settings: KafkaDeadLetters) -> None:
        properties = resolve_properties(settings.properties)
        self.topic = settings.topic
        self.scrub = scrubber(properties.items())
        self._servers = settings.bootstrap_servers
        self._reason = ""
        ours = {
            # The name is needed, the group is not: partitions are assigned by hand and nothing is committed.
            "group.id": f"{settings.topic}-replay",
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": "true",
            "allow.auto.create.topics": "false",
            "queued.max.messages.kbytes": "16384",
            "fetch.wait.max.ms": "100",
        }
        try:
            self.consumer = Consumer(
                {
                    **connection_properties(settings.bootstrap_servers, properties.items()),
                    **ours,
                    "error_cb": self._on_error,
                },
                logger=librdkafka_logger(LimitedLog(), self.scrub),
            )
        except KafkaException as error:
            raise KafkaSetupError(f"dead_letters.properties: {self.scrub(reason_of(error).str())}") from None

    def problem(self, error: KafkaError) -> Exception:
        """Return what to raise for an error."""
        if is_missing_topic(error):
            return KafkaSetupError(
                f"dead_letters.topic: there is no topic {self.topic!r} at {self._servers}. Correct "
                "dead_letters.topic or dead_letters.bootstrap_servers; without dead letters nothing is to be replayed."
            )
        reason = self.scrub(self._reason or error.str())
        return LettersUnreadableError(f"dead_letters.topic: {self.topic!r} at {self._servers} cannot be read: {reason}")

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self._reason:  # noqa: SLF001 - librdkafka's public code
            self._reason = error.str()


def topic_bounds(settings: KafkaDeadLetters) -> dict[str, tuple[int, int]]:
    """Return partition → (first offset, end) as they are now.

    Raises:
        KafkaSetupError: there is no such topic, or the properties are refused.
        LettersUnreadableError: Kafka does not answer within about 10 s, or does not allow it.
        SecretError: a property's secret is missing.
    """
    place = _Place(settings)
    try:
        found = place.consumer.list_topics(place.topic, timeout=ANSWER_SECONDS).topics[place.topic]
        if found.error is not None:
            raise place.problem(found.error)
        bounds = {}
        for partition in sorted(found.partitions):
            asked = TopicPartition(place.topic, partition)
            bounds[str(partition)] = place.consumer.get_watermark_offsets(asked, timeout=ANSWER_SECONDS)
    except KafkaException as error:
        place.consumer.poll(0)  # hands over what librdkafka has noted as the reason
        raise place.problem(reason_of(error)) from None
    finally:
        place.consumer.close()
    return bounds


def letter_topic_id(settings: KafkaDeadLetters) -> str | None:
    """Return Kafka's id of the topic; None where Kafka tells none within about 10 s. Raises SecretError.

    Of a topic that was made again, offsets name other letters.
    """
    properties = resolve_properties(settings.properties)
    try:
        client = admin.AdminClient(
            {**connection_properties(settings.bootstrap_servers, properties.items())},
            logger=librdkafka_logger(LimitedLog(), scrubber(properties.items())),
        )
        asked = client.describe_topics(TopicCollection([settings.topic]), request_timeout=ANSWER_SECONDS)
        return topic_id(asked[settings.topic].result(ANSWER_SECONDS))
    except (KafkaException, NoAnswerError):  # who reads the topic says so
        return None


class KafkaLetterReader:
    """Reads all partitions up to their ends. Implements `LetterReader`. While Kafka is away it waits.

    Args:
        settings: `[dead_letters]`.
        ends: partition → the offset behind its last letter when the replay began.
        begin: partition → the next offset.

    Raises:
        KafkaSetupError, SecretError: as `topic_bounds`.
    """

    def __init__(self, settings: KafkaDeadLetters, ends: Mapping[str, int], begin: Mapping[str, int]) -> None:
        self._place = _Place(settings)
        self._ends = {int(part): end for part, end in ends.items() if begin.get(part, 0) < end}
        self._place.consumer.assign(
            [TopicPartition(settings.topic, partition, begin.get(str(partition), 0)) for partition in self._ends]
        )

    def read(self) -> list[StoredLetter]:
        """Return what has come. Raises KafkaSetupError, LettersUnreadableError."""
        if not self._ends:
            return []
        letters = []
        for message in self._place.consumer.consume(_READ_LETTERS, 0):
            partition, offset = message.partition() or 0, message.offset() or 0
            error = message.error()
            if error is None:
                if offset < self._ends.get(partition, 0):
                    letters.append(_stored(message, partition, offset))
                offset += 1
            elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's public code
                if error.retriable():
                    continue
                raise self._place.problem(error)
            if offset >= self._ends.get(partition, offset + 1):
                # By the offset, or by the end that Kafka tells: the last offsets may hold no message.
                del self._ends[partition]
        return letters

    @property
    def is_over(self) -> bool:
        """Whether every partition has come to its end."""
        return not self._ends

    def close(self) -> None:
        """Let go of the connection."""
        self._place.consumer.close()


def _stored(message: Message, partition: int, offset: int) -> StoredLetter:
    headers = {
        str(name): value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
        for name, value in list(message.headers() or [])
    }
    value, key = message.value(), message.key()
    return StoredLetter(_bytes(value) or b"", _bytes(key), headers, str(partition), offset)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
