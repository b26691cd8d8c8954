"""The source in memory: one partition, whose offsets are places in a sequence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Self

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from typing_extensions import override

from connectors.memory.settings import MemorySource
from connectors.opening import Opening, PartitionProgress
from connectors.pace import AT_ONCE
from flows.domain.event import Record

_BATCH_RECORDS: Final = 100


class MemoryPartition(StatefulSourcePartition[Record, int]):
    """The one partition. Its snapshot is the place of the next value."""

    def __init__(self, settings: MemorySource, opening: Opening, place: int) -> None:
        self._settings = settings
        self._opening = opening
        self.place = place

    @override
    def next_batch(self) -> list[Record]:
        opening, values = self._opening, self._settings.values
        opening.pace.rest(self)
        if opening.shutdown.requested:
            raise StopIteration
        room = opening.room()
        opening.read_clock.read_now(counts=room > 0)
        if room > 0 and self.place >= len(values):
            opening.read_clock.all_read(opening.read_clock.read_ms)
            opening.shutdown.input_ended = True
            raise StopIteration
        begin, self.place = self.place, min(self.place + max(min(room, _BATCH_RECORDS), 0), len(values))
        name = self._settings.name
        batch = [Record(values[each], None, name, 0, each, 0) for each in range(begin, self.place)]
        if batch:
            opening.pace.found()
        return batch

    @override
    def next_awake(self) -> datetime:
        return AT_ONCE

    @override
    def snapshot(self) -> int:
        return self.place

    @override
    def close(self) -> None:
        self._opening.pace.leave(self)


class MemoryInput(FixedPartitionedSource[Record, int]):
    """Implements `OpenSource`."""

    waits_for = None
    is_found = True
    bytes_read = None
    partition_count = 1
    damaged: Mapping[int, str] = MappingProxyType({})

    def __init__(self, settings: MemorySource, opening: Opening) -> None:
        self._settings = settings
        self._opening = opening
        self._part: MemoryPartition | None = None

    @property
    def input(self) -> Self:
        """Bytewax's source: itself."""
        return self

    @override
    def list_parts(self) -> list[str]:
        return [f"{self._settings.name}/0"]

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> MemoryPartition:
        self._part = MemoryPartition(self._settings, self._opening, resume_state or 0)
        return self._part

    def connect(self) -> bool:
        """Do nothing: it is there."""
        return True

    def progress(self) -> Sequence[PartitionProgress]:
        """Return how far it has come."""
        if self._part is None:
            return ()
        return (PartitionProgress(0, self._part.place, None, len(self._settings.values), None),)

    def sent_again(self) -> None:
        """Return None: only the state knows how far it has come."""

    def released(self) -> dict[tuple[str, int], int]:
        """Return what is final."""
        return self._opening.fates.watermarks()

    def close(self) -> None:
        """Do nothing."""
