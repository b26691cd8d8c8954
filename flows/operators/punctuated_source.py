"""A source whose workers say in the stream up to when all has been read: a mark behind the records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.read_clock import ReadClock
from flows.domain.event import Record
from flows.domain.punctuation import Punctuation


class _PunctuatedPartition(StatefulSourcePartition[Record | Punctuation, Any]):
    def __init__(self, part: StatefulSourcePartition[Record, Any], read_clock: ReadClock) -> None:
        self._part = part
        self._read_clock = read_clock
        self._told = 0
        self._has_ended = False

    def next_batch(self) -> Iterable[Record | Punctuation]:
        read_clock = self._read_clock
        try:
            records = self._part.next_batch()
        except StopIteration:
            self._end()
            raise
        if read_clock.version != self._told:  # behind the records, so that what is counted as read is in front
            self._told = read_clock.version
            mark = read_clock.tell()
            if mark is not None:
                return [*records, mark]
        return records

    def next_awake(self) -> datetime | None:
        return self._part.next_awake()

    def snapshot(self) -> Any:
        return self._part.snapshot()

    def close(self) -> None:
        self._end()
        self._part.close()

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._read_clock.end()


class WithPunctuation(FixedPartitionedSource[Record | Punctuation, Any]):
    """A source, and in its stream what `ReadClock` has to tell."""

    def __init__(self, source: FixedPartitionedSource[Record, Any], read_clock: ReadClock) -> None:
        self._source = source
        self._read_clock = read_clock

    def list_parts(self) -> list[str]:
        """Return the keys of the source's parts."""
        return self._source.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: Any | None) -> StatefulSourcePartition[Any, Any]:
        """Begin to read one."""
        self._read_clock.begin()
        return _PunctuatedPartition(self._source.build_part(step_id, for_part, resume_state), self._read_clock)
