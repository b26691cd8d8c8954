"""The files source: archives of Amplitude's Export API, as one partition."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Self

from bytewax.inputs import FixedPartitionedSource
from typing_extensions import override

from connectors.clock import now_ms
from connectors.files.counted import Amount
from connectors.files.partition import FilesPartition
from connectors.files.position import FilesState
from connectors.files.settings import FilesSource
from connectors.opening import Opening, PartitionProgress
from flows.domain.event import Record

PARTITION: Final = "files"


class FilesInput(FixedPartitionedSource[Record, FilesState]):
    """Reads the files that the settings name, as one source partition: one after another gives their events in order.

    The source ends when `opening.shutdown` asks it to, and, unless it follows, after the last file, when it sets
    `input_ended`. `now_ms` returns the time in milliseconds since the epoch. Implements `OpenSource`.
    """

    waits_for = None
    is_found = True
    damaged: Mapping[int, str] = MappingProxyType({})
    partition_count = None

    def __init__(self, settings: FilesSource, opening: Opening, now_ms: Callable[[], int] = now_ms) -> None:
        self._settings = settings
        self._opening = opening
        self._now_ms = now_ms
        self.bytes_read = Amount()
        """How much was read."""

    @property
    def input(self) -> Self:
        """Bytewax's source: itself."""
        return self

    def connect(self) -> bool:
        """Do nothing: files are opened one after another."""
        return True

    def progress(self) -> Sequence[PartitionProgress]:
        """Return nothing: files have no offsets."""
        return ()

    def sent_again(self) -> None:
        """Return None: only the state knows how far it has come."""

    def released(self) -> dict[tuple[str, int], int]:
        """Return what is final, which no start reads again."""
        return self._opening.fates.watermarks()

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""

    @override
    def list_parts(self) -> list[str]:
        return [PARTITION]

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: FilesState | None) -> FilesPartition:
        return FilesPartition(self._settings, self._opening, self._now_ms, self.bytes_read, resume_state)
