"""The files source: archives of Amplitude's Export API, as one partition."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Self

from bytewax.inputs import FixedPartitionedSource
from typing_extensions import override

from connectors.files.counted import Amount
from connectors.files.damage import Damage
from connectors.files.partition import FilesPartition
from connectors.files.position import FilesState
from connectors.files.settings import FilesSource
from connectors.hearing import Hearing
from connectors.opening import Fates, PartitionProgress
from connectors.pace import Pace
from connectors.shutdown import Shutdown
from flows.domain.event import Record

PARTITION: Final = "files"


class FilesInput(FixedPartitionedSource[Record, FilesState]):
    """Reads the files that the settings name, as one source partition: one after another gives their events in order.

    `room()` is how many events may be read now; `now_ms()` the time in milliseconds since the epoch; `on_damage` is
    told once of everything that cannot be read; `pace` is how the process's workers rest. The source ends when
    `stopping` asks it to, and, unless it follows, after the last file, when it sets `stopping.input_ended`. `hearing`
    is told for how long it was read, and when all of it has been. Implements `OpenSource`.
    """

    waits_for = None
    is_found = True
    damaged: Mapping[int, str] = MappingProxyType({})
    partition_count = None

    def __init__(
        self,
        settings: FilesSource,
        room: Callable[[], int],
        shutdown: Shutdown,
        now_ms: Callable[[], int],
        on_damage: Callable[[Damage], None],
        pace: Pace | None = None,
        hearing: Hearing | None = None,
        fates: Fates | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._hearing = hearing
        self._fates = fates
        self._settings = settings
        self._room = room
        self._shutdown = shutdown
        self._now_ms = now_ms
        self._on_damage = on_damage
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
        return self._fates.watermarks() if self._fates is not None else {}

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""

    @override
    def list_parts(self) -> list[str]:
        return [PARTITION]

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: FilesState | None) -> "FilesPartition":
        return FilesPartition(
            self._settings,
            self._room,
            self._shutdown,
            self._now_ms,
            self._on_damage,
            self._pace,
            resume_state=resume_state,
            amount=self.bytes_read,
            hearing=self._hearing,
        )
