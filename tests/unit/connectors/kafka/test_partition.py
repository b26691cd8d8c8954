"""One partition as Bytewax sees it: when it wants to be asked, and what it calls its position."""

from typing import Any

import pytest

from connectors.kafka.offsets import Available
from connectors.kafka.partition import KafkaPartition
from connectors.kafka.position import ResumePosition
from connectors.kafka.read_rules import ReadRules
from connectors.kafka.starts import Start
from connectors.kafka.topic_reader import TopicReader
from connectors.pace import AT_ONCE, Pace
from connectors.shutdown import Shutdown
from flows.domain.event import Record


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


def partition(consumer: Consumer, shutdown: Shutdown | None = None, pace: Pace | None = None) -> KafkaPartition:
    shared: Any = consumer
    start = Start(0, "t", ResumePosition(7), Available(0, 100), None, claims=False, begun_from="state", is_decided=True)
    reader = TopicReader(lambda: 1000, lambda *_: None, shutdown or Shutdown(), pace=pace or Pace())
    return KafkaPartition(shared, start, reader, ReadRules(), lambda _: None)


def test_an_idle_partition_rests_for_1_ms_doubling_up_to_50_and_after_records_not_at_all() -> None:
    rests: list[float] = []
    part = partition(Consumer(*[[]] * 10, records(7), []), pace=Pace(sleep=rests.append))
    for _ in range(10):
        assert part.next_batch() == []
    assert rests == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05, 0.05]
    assert len(part.next_batch()) == 1
    rests.clear()
    assert part.next_batch() == []
    assert rests == []
    assert part.next_batch() == []
    assert rests == [0.001]


def test_no_step_of_the_wall_clock_keeps_it_asleep() -> None:
    """Bytewax wakes by the wall clock, so what it is told is always over; it is called, and hears of the stop."""
    shutdown = Shutdown()
    part = partition(Consumer(), shutdown, Pace(sleep=lambda _: None))
    assert part.next_batch() == []
    assert part.next_awake() == AT_ONCE
    shutdown.request()
    with pytest.raises(StopIteration):
        part.next_batch()


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
    shutdown = Shutdown()
    part = partition(Consumer(records(7)), shutdown)
    shutdown.request()
    with pytest.raises(StopIteration):
        part.next_batch()
    assert part.snapshot() == 7
