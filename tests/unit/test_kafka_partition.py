"""One partition as Bytewax sees it: when it wants to be asked, and what it calls its position."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.kafka.source import KafkaPartition
from connectors.stopping import Stopping
from flows.steps.event import Record


class Consumer:
    """Hands out prepared batches."""

    def __init__(self, *batches: list[Record]) -> None:
        self.batches = list(batches)

    is_confirming = False

    def reached(self, _partition: int) -> int | None:
        return None

    def take(self, _partition: int) -> list[Record]:
        """Return the next batch."""
        return self.batches.pop(0) if self.batches else []


def records(*offsets: int) -> list[Record]:
    return [Record(b"", None, "t", 0, offset, 1) for offset in offsets]


def partition(consumer: Consumer, stopping: Stopping | None = None) -> KafkaPartition:
    shared: Any = consumer
    return KafkaPartition(shared, 0, 7, stopping=stopping or Stopping(), on_close=lambda _: None)


def delay_ms(part: KafkaPartition) -> float:
    before = datetime.now(UTC)
    assert part.next_batch() == []
    awake = part.next_awake()
    assert awake is not None
    return (awake - before).total_seconds() * 1000


def test_an_idle_partition_is_asked_after_1_ms_doubling_up_to_50_and_after_records_at_once() -> None:
    part = partition(Consumer(*[[]] * 9, records(7), []))
    delays = [delay_ms(part) for _ in range(9)]
    for delay, least in zip(delays, [1, 2, 4, 8, 16, 32, 50, 50, 50], strict=True):
        assert least <= delay < least + 20
    part.next_batch()
    assert part.next_awake() is None
    assert delay_ms(part) < 21


def test_the_position_is_the_offset_after_the_last_record_that_was_handed_over() -> None:
    part = partition(Consumer(records(7, 8, 12), [], records(20)))
    assert part.snapshot() == 7
    part.next_batch()
    assert part.snapshot() == 13
    part.next_batch()
    assert part.snapshot() == 13
    part.next_batch()
    assert part.snapshot() == 21


def test_a_stop_ends_the_stream_although_records_wait() -> None:
    stopping = Stopping()
    part = partition(Consumer(records(7)), stopping)
    stopping.request()
    with pytest.raises(StopIteration):
        part.next_batch()
    assert part.snapshot() == 7
