"""A source whose workers say in the stream up to when all has been read: a mark behind the records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.hearing import Hearing
from flows.domain.event import Record
from flows.domain.punctuation import Punctuation


class _PunctuatedPartition(StatefulSourcePartition[Record | Punctuation, Any]):
    def __init__(self, part: StatefulSourcePartition[Record, Any], hearing: Hearing) -> None:
        self._part = part
        self._hearing = hearing
        self._told = 0
        self._has_ended = False

    def next_batch(self) -> Iterable[Record | Punctuation]:
        hearing = self._hearing
        try:
            records = self._part.next_batch()
        except StopIteration:
            self._end()
            raise
        if hearing.version != self._told:  # looked at behind the records, so that what is counted as read is in front
            self._told = hearing.version
            heard = hearing.tell()
            if heard is not None:
                return [*records, heard]
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
            self._hearing.end()


class WithPunctuation(FixedPartitionedSource[Record | Punctuation, Any]):
    """A source, and in its stream what `Hearing` has to tell."""

    def __init__(self, source: FixedPartitionedSource[Record, Any], hearing: Hearing) -> None:
        self._source = source
        self._hearing = hearing

    def list_parts(self) -> list[str]:
        """Return the keys of the source's parts."""
        return self._source.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: Any | None) -> StatefulSourcePartition[Any, Any]:
        """Begin to read one."""
        self._hearing.begin()
        return _PunctuatedPartition(self._source.build_part(step_id, for_part, resume_state), self._hearing)
