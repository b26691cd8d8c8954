"""Where a partition's reading starts, what is missing if it cannot, and what the group is told."""

import logging
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from confluent_kafka import KafkaError, TopicPartition

from connectors.limited_log import LimitedLog

Watermark = Callable[[str, int], int | None]
"""(topic, partition) → the lowest offset that is not final, so the one to commit; None if nothing is known yet."""


class Available(NamedTuple):
    """The offsets of one partition that Kafka has: `first` up to, not including, `end`."""

    first: int
    end: int

    def can_start_at(self, offset: int) -> bool:
        """Whether reading from this offset leaves nothing out; `end` waits for the next record."""
        return self.first <= offset <= self.end


def starting_offset(
    resume: int | None, committed: int | None, available: Available, start: Literal["earliest", "latest"]
) -> int:
    """Return where to begin: the engine's offset, else the group's, else by `source.start`. It may be out of range."""
    if resume is not None:
        return resume
    if committed is not None:
        return committed
    return available.first if start == "earliest" else available.end


def describe_gap(topic: str, partition: int, wanted: int, available: Available) -> str:
    """Say how many offsets are gone, and why that may be."""
    place = (
        f"topic {topic!r}, partition {partition}: offset {wanted} is next, "
        f"but Kafka has {available.first} to {available.end}"
    )
    if wanted < available.first:
        gone = available.first - wanted
        return f"{place}; {gone} offsets are gone unread, because the topic's retention was shorter than the wait"
    return f"{place}; the topic was recreated or lost its newest records"


class Committer:
    """Keeps what the group was told, so that it is told only of progress and never sent back.

    Not thread-safe: `due` and librdkafka's callbacks run under the consumer's lock.
    """

    def __init__(self, topic: str, watermark: Watermark, log: LimitedLog) -> None:
        self._topic = topic
        self._watermark = watermark
        self._log = log
        self._asked: dict[int, int] = {}
        self._acknowledged: dict[int, int] = {}
        self._unanswered = 0
        self._claims: dict[int, int] = {}

    def claim(self, partition: int, offset: int) -> None:
        """Let the group have this offset at least, where it has none: reading begins there."""
        self._claims[partition] = offset

    def know(self, partition: int, committed: int | None) -> None:
        """Remember what the group has; None, or going back after the topic was recreated, lets any offset follow."""
        self._asked.pop(partition, None)
        self._acknowledged.pop(partition, None)
        if committed is not None:
            self._asked[partition] = self._acknowledged[partition] = committed

    def due(self, partitions: Iterable[int]) -> list[TopicPartition]:
        """Return what to commit now, and take it as asked for."""
        offsets = []
        for partition in partitions:
            offset = self._watermark(self._topic, partition)
            if offset is not None and offset > self._asked.get(partition, -1):
                self._asked[partition] = offset
                offsets.append(TopicPartition(self._topic, partition, offset))
        if offsets:
            self._unanswered += 1
        return offsets

    def all_due(self, partitions: Iterable[int], note: Callable[[int, int], str]) -> list[TopicPartition]:
        """Return every partition's offset with its note, also where nothing has moved, and take it as asked for."""
        offsets = []
        for partition in partitions:
            final = self._watermark(self._topic, partition)
            known = max(self._asked.get(partition, -1), self._claims.get(partition, -1))
            offset = known if final is None else max(final, known)
            if offset >= 0:
                self._asked[partition] = offset
                offsets.append(TopicPartition(self._topic, partition, offset, note(partition, offset)))
        if offsets:
            self._unanswered += 1
        return offsets

    def withdraw(self) -> None:
        """Take back what was asked for last: it was not sent."""
        self._unanswered -= 1
        self._asked = self._acknowledged.copy()

    @property
    def acknowledged(self) -> dict[int, int]:
        """Partition → the offset that the group certainly has: a start without a saved position begins there."""
        return self._acknowledged.copy()

    @property
    def is_answered(self) -> bool:
        """Whether Kafka has answered every commit."""
        return self._unanswered <= 0

    def on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Take librdkafka's answer. What failed is due again; it is never a reason to stop."""
        self._unanswered -= 1
        for each in offsets:
            failure = each.error or error
            if failure is None:
                self._acknowledged[each.partition] = max(each.offset, self._acknowledged.get(each.partition, -1))
            else:
                self.failed(failure, each)

    def failed(self, failure: KafkaError, offset: TopicPartition) -> None:
        """Make the partition due again and say so."""
        if self._asked.get(offset.partition) == offset.offset:
            self._asked[offset.partition] = self._acknowledged.get(offset.partition, -1)
        self._log.say(
            logging.WARNING,
            "offsets not committed; the stream goes on, lag tools show an old position",
            topic=self._topic,
            partition=offset.partition,
            reason=failure.str(),
        )
