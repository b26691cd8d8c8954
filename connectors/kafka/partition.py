"""One Kafka partition as Bytewax reads it."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from bytewax.inputs import StatefulSourcePartition

from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.position import ResumePosition, StoredPosition
from connectors.kafka.read_rules import ReadRules
from connectors.kafka.starts import Start
from connectors.kafka.topic_reader import TopicReader
from connectors.pace import AT_ONCE, LONGEST_SECONDS
from flows.domain.event import Record

_CONFIRMING_SECONDS: Final = 0.001
"""What was fetched is at hand, and waits for one answer of Kafka's."""


class KafkaPartition(StatefulSourcePartition[Record, StoredPosition]):
    """One Kafka partition. Its snapshot says where to go on.

    It ends at the offset that the rules name. Damage before that ends it, too, once it has lasted: who waits for that
    end would wait for ever.
    """

    def __init__(
        self,
        consumer: SharedConsumer,
        start: Start,
        reader: TopicReader,
        rules: ReadRules,
        on_close: Callable[[int], None],
    ) -> None:
        self._consumer = consumer
        self._partition = start.partition
        self._source = start.source
        self._is_decided = start.is_decided
        self._next_offset, self._warm_up_until, self._origin, self._final = start.position
        self._watermark = reader.watermark if rules.rereads else None
        self._until = rules.until.get(start.partition)
        self._shutdown = reader.shutdown
        self._pace = reader.pace
        self._on_close = on_close
        self.unreadable: str | None = None
        """Why it has ended before its end: what is wrong with it, and what to do."""
        self.last_record_ms: int | None = None
        """Kafka's timestamp of the last record, in ms since the epoch."""

    @property
    def next_offset(self) -> int:
        """The offset of the next record."""
        return self._next_offset

    def next_batch(self) -> list[Record]:
        """Return the next records, or none.

        Raises:
            StopIteration: a stop was requested, or it is at its end.
            KafkaSourceError: reading cannot go on.
        """
        self._pace.rest(self, _CONFIRMING_SECONDS if self._consumer.is_confirming else LONGEST_SECONDS)
        if self._shutdown.requested or (self._until is not None and self._next_offset >= self._until):
            raise StopIteration
        records = self._consumer.take(self._partition)
        if records:
            self._next_offset = records[-1].offset + 1
            if self._until is not None and self._next_offset > self._until:
                self._next_offset = self._until
                records = [each for each in records if each.offset < self._next_offset]
            self.last_record_ms = records[-1].time_ms
            self._pace.found()
        else:
            self._next_offset = max(self._next_offset, self._consumer.reached(self._partition) or 0)
            if self._until is not None and self._next_offset < self._until:
                self.unreadable = self._consumer.unreadable(self._partition)
                if self.unreadable is not None:
                    raise StopIteration
        if self._warm_up_until and self._next_offset >= self._warm_up_until:
            self._warm_up_until = 0
            structlog.get_logger().info(
                "warmed up; from here on it sends", partition=self._partition, offset=self._next_offset
            )
        return records

    def next_awake(self) -> datetime:
        """Return that it is to be asked at once: it rests by itself, by a steady clock."""
        return AT_ONCE

    def snapshot(self) -> StoredPosition:
        """Return where to go on; for a reader that rereads, not beyond what is final."""
        if not self._is_decided:
            return None
        if self._watermark is not None:
            final = self._watermark(self._source, self._partition)
            return self._next_offset if final is None else min(final, self._next_offset)
        if self._final is not None and self._next_offset >= self._final.until:
            self._final = None
        return ResumePosition(self._next_offset, self._warm_up_until, self._origin, self._final).stored()

    def close(self) -> None:
        """Say that this partition is at its end."""
        self._pace.leave(self)
        self._on_close(self._partition)
