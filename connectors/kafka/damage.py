"""Damage: partitions of which Kafka hands out records with a wrong checksum.

Nothing behind such records is read: librdkafka would go on there, and nobody would know what they were. The other
partitions go on, and the damaged one is tried again now and then, for Kafka may restore it from another replica.
"""

import logging
from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaError

from connectors.limited_log import LimitedLog

RETRY_SECONDS: Final = 60.0
_CODES: Final = (KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError.INVALID_MSG)  # noqa: SLF001 - public codes
_TOO_LARGE: Final = (
    ". A batch of zstd that unpacks to too much looks the same: then set a larger receive.message.max.bytes in "
    "[source.properties]; librdkafka may refuse what takes more than a third of it"
)


def is_damage(error: KafkaError) -> bool:
    """Whether records were damaged."""
    return error.code() in _CODES


class TopicDamage:
    """Of one topic. Not thread-safe, apart from `reasons`."""

    def __init__(self, topic: str, log: LimitedLog) -> None:
        self._topic = topic
        self._log = log
        self._due: dict[int, tuple[int, float]] = {}
        self._times: dict[int, int] = {}
        """Partition → how often its records were found to be damaged, since one of it was read."""
        self.reasons: dict[int, str] = {}
        """Partition → what is wrong with it and what to do, in words."""

    def note(self, partition: int, offset: int, reason: str, now: float, code: int = KafkaError._BAD_MSG) -> None:  # noqa: SLF001 - a public code
        """Note that the records at an offset are damaged, and say so once; `code` is what librdkafka calls it."""
        self._due[partition] = (offset, now + RETRY_SECONDS)
        self._times[partition] = self._times.get(partition, 0) + 1
        text = (
            f"topic {self._topic!r}, partition {partition}: the records from offset {offset} on are damaged "
            f"({reason}). Nothing behind them is read; every minute they are tried again. Let Kafka restore them from "
            "another replica; or, if they are lost, remove them with kafka-delete-records, and set "
            'source.on_out_of_range = "earliest"'
        )
        if code == KafkaError._BAD_COMPRESSION:  # noqa: SLF001 - a public code
            text += _TOO_LARGE
        if partition not in self.reasons:
            self._log.say(
                logging.ERROR,
                "kafka hands out damaged records; this partition is not read on",
                message_class=f"damaged/{partition}",
                topic=self._topic,
                partition=partition,
                offset=offset,
                explanation=text,
            )
        self.reasons = {**self.reasons, partition: text}

    def __contains__(self, partition: int) -> bool:
        """Whether a partition is not read on."""
        return partition in self._due

    def lasting(self, partition: int) -> str | None:
        """Return what is wrong with a partition whose records were tried again and are damaged still, else None."""
        is_lasting = partition in self._due and self._times[partition] > 1
        return self.reasons.get(partition) if is_lasting else None

    def due(self, now: float) -> Iterator[tuple[int, int]]:
        """Yield the partitions that are to be tried again now, each with its offset."""
        for partition, (offset, at) in list(self._due.items()):
            if now >= at:
                del self._due[partition]
                yield partition, offset

    def forget(self, partition: int) -> bool:
        """Try a partition no more; return whether it was not read on."""
        return self._due.pop(partition, None) is not None

    def healed(self, partition: int) -> None:
        """Note that a record has come."""
        if partition in self.reasons and partition not in self._due:
            self._log.say(
                logging.WARNING,
                "kafka's damaged records are whole again; the partition is read on",
                message_class=f"healed/{partition}",
                topic=self._topic,
                partition=partition,
            )
            self.reasons = {each: text for each, text in self.reasons.items() if each != partition}
            del self._times[partition]
