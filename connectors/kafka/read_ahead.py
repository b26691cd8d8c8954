"""What was taken out of librdkafka's bounded prefetch, and waits here until its partition is asked."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import KafkaError

from connectors.clock import now_ms
from connectors.kafka.damage import TopicDamage
from flows.domain.event import Record

BATCH_RECORDS = 100
"""Downstream an event is a live dict, and few live dicts are several times faster than many."""
BATCH_BYTES = 1 << 20
"""A batch is over once its values are more: what is decoded takes up to some thirty times their size at once."""
READ_AHEAD_RECORDS = 4 * BATCH_RECORDS
"""Once so many records wait, no more are taken."""
READ_AHEAD_BYTES = 4 * BATCH_BYTES
"""Once they take so much together, no more are taken."""


class Message(Protocol):
    """What confluent-kafka consumes; unlike its own `Message`, it always has a place."""

    def error(self) -> KafkaError | None:
        """Return why it is no record; None if it is one."""

    def value(self) -> bytes | None:
        """Return the record's value."""

    def key(self) -> bytes | None:
        """Return its key."""

    def partition(self) -> int:
        """Return its partition."""

    def offset(self) -> int:
        """Return its offset."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its timestamp, and that in ms since the epoch."""

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        """Return its headers."""


@dataclass(slots=True)
class ReadPartition:
    """How far the reading of one partition is."""

    source: str
    """The name that its records have in the state."""
    needed_from: int
    """Offsets below it only teach, so that none of them is missed."""
    begun: int
    """The offset at which it was begun last."""
    batches: deque[list[Record]] = field(default_factory=deque)
    handed: int | None = None
    """The offset behind the last record that was handed out."""
    reached: int | None = None
    """The end of the partition that was reached. It is beyond the last record where offsets hold no record."""

    def final_up_to(self, offset: int | None) -> int | None:
        """Return the lowest offset that is not final; where all that was taken is, the end that was reached.

        `offset` is that of the ledger, which knows no offsets without a record.
        """
        if offset is None or self.handed is None or offset < self.handed or self.batches or self.reached is None:
            return offset
        return max(self.reached, offset)


class ReadAhead:
    """The records of all partitions that wait. Not thread-safe."""

    def __init__(self, damage: TopicDamage, *, with_headers: bool) -> None:
        self._damage = damage
        self._with_headers = with_headers
        self.parts: dict[int, ReadPartition] = {}
        self._records = self._bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether more may be taken."""
        return self._records < READ_AHEAD_RECORDS and self._bytes < READ_AHEAD_BYTES

    def put(self, messages: list[Message], on_error: Callable[[Message, KafkaError], None]) -> None:
        """Take what was fetched, in batches. Of a damaged partition nothing is taken."""
        with_headers = self._with_headers
        topic = ""
        batch: list[Record] = []
        of_partition = -1
        room_bytes = records = taken_bytes = 0
        for message in messages:
            error = message.error()
            if error is not None:
                on_error(message, error)
                of_partition = -1
                continue
            partition = message.partition()
            value = message.value()
            if partition != of_partition or room_bytes <= 0:
                if partition in self._damage:
                    continue
                self._damage.healed(partition)
                part = self.parts[partition]
                batch = []
                part.batches.append(batch)
                of_partition, room_bytes, topic = partition, BATCH_BYTES, part.source
            key = message.key()
            size_bytes = len(value or b"") + len(key or b"")
            room_bytes -= size_bytes
            taken_bytes += size_bytes
            time_ms = message.timestamp()[1]
            batch.append(
                Record(
                    value,
                    key,
                    topic,
                    partition,
                    message.offset(),
                    time_ms if time_ms > 0 else now_ms(),
                    (message.headers() or ()) if with_headers else (),
                )
            )
            records += 1
        self._records += records
        self._bytes += taken_bytes

    def take(self, part: ReadPartition) -> list[Record]:
        """Hand out the partition's next batch; it must have one."""
        batch = part.batches.popleft()
        self._let_go(batch)
        part.handed = batch[-1].offset + 1
        return batch

    def drop(self, part: ReadPartition) -> None:
        """Let go of all that waits of a partition."""
        for batch in part.batches:
            self._let_go(batch)
        part.batches.clear()

    def _let_go(self, batch: list[Record]) -> None:
        self._records -= len(batch)
        self._bytes -= sum([len(each.value or b"") + len(each.key or b"") for each in batch])
