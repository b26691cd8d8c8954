"""Earlier parts: what a source has read before, and reads no more, as after a move to another topic.

Bytewax ends with an error where its recovery store holds the position of a part that the source does not list. So the
source lists it, and it is at its end at once. Its position stays in the store, for a move back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.state.seal import seal, unseal
from flows.domain.event import Record


class _Ended(StatefulSourcePartition[Record, Any]):
    def __init__(self, position: Any) -> None:
        self._position = position

    def next_batch(self) -> list[Record]:
        raise StopIteration

    def snapshot(self) -> Any:
        return self._position


class _Sealed(StatefulSourcePartition[Record, Any]):
    """A part whose position is sealed in the recovery store."""

    def __init__(self, part: StatefulSourcePartition[Record, Any]) -> None:
        self._part = part

    def next_batch(self) -> Iterable[Record]:
        return self._part.next_batch()

    def next_awake(self) -> datetime | None:
        return self._part.next_awake()

    def snapshot(self) -> Any:
        return seal(self._part.snapshot())

    def close(self) -> None:
        self._part.close()


class WithEarlierParts(FixedPartitionedSource[Record, Any]):
    """A source, and beside its own parts those of which a recovery store knows."""

    def __init__(self, source: FixedPartitionedSource[Record, Any], known: Sequence[str]) -> None:
        """`known` are the keys of the parts in the store, the source's own among them."""
        self._source = source
        self._own = source.list_parts()
        self._earlier = sorted(set(known) - set(self._own))

    def list_parts(self) -> list[str]:
        """Return the keys of all."""
        return [*self._own, *self._earlier]

    def build_part(self, step_id: str, for_part: str, resume_state: Any | None) -> StatefulSourcePartition[Record, Any]:
        """Begin to read one, or nothing."""
        position = unseal(resume_state)
        if for_part in self._earlier:
            return _Sealed(_Ended(position))
        return _Sealed(self._source.build_part(step_id, for_part, position))
