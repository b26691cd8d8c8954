"""The marks in a source's stream: what waits for an identifier is told of a time only behind all that was there."""

from typing import Any

from connectors.kafka.passing import Passing
from connectors.read_clock import ReadClock
from flows.domain.event import Record
from flows.domain.punctuation import Punctuation
from flows.operators.punctuated_source import WithPunctuation

BACKLOG = 1000
BATCH = 100


class Part:
    """A partition with a backlog; it is looked at whenever something was read of it."""

    def __init__(self, read_clock: ReadClock) -> None:
        self.next_offset = 0
        self.passing = Passing(read_clock, [0], lambda: {0: self.next_offset}, lambda: True)

    def next_batch(self) -> list[Record]:
        first, self.next_offset = self.next_offset, min(self.next_offset + BATCH, BACKLOG)
        self.passing.look()
        return [Record(b"", None, "t", 0, offset, 1) for offset in range(first, self.next_offset)]

    def close(self) -> None:
        """Nothing is open."""


class Source:
    """Of that one part."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def build_part(self, *_: object) -> Part:
        return self._part


def test_a_time_is_told_behind_the_whole_backlog_that_was_there_then() -> None:
    """However many batches it takes, and however often Kafka is asked meanwhile."""
    read_clock = ReadClock(0, clock=lambda: 0.0)
    part = Part(read_clock)
    source: Any = Source(part)
    stream: Any = WithPunctuation(source, read_clock).build_part("source", "t/0", None)
    part.passing.answered(0.0, {0: 0})
    part.passing.answered(5.0, {0: 0})
    part.passing.answered(6.0, {0: BACKLOG})
    told: list[Record | Punctuation] = []
    for second in range(BACKLOG // BATCH):
        told += stream.next_batch()
        part.passing.answered(7.0 + second, {0: BACKLOG})
    told += stream.next_batch()
    marks = [(place, each.read_to_ms) for place, each in enumerate(told) if isinstance(each, Punctuation)]
    read = [sum(isinstance(each, Record) for each in told[:place]) for place, _ in marks]
    assert [(before, heard_ms) for before, (_, heard_ms) in zip(read, marks, strict=True)] == [
        (BATCH, 5000),
        (BACKLOG, 6000),
        (BACKLOG, 16_000),
    ]
