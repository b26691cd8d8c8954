"""What a source is opened with, and how it says how far it has come; see `Source` in `ports.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from connectors.pace import Pace
from connectors.read_clock import ReadClock
from connectors.shutdown import Shutdown
from flows.domain.slice import Slice
from flows.domain.warm_up import WarmUp


class PartitionProgress(NamedTuple):
    """How far the reading of one partition has come. An offset is that of the next record, None if it is not known."""

    partition: int
    next_offset: int
    committed: int | None
    """What the group certainly has."""
    end: int | None
    """The partition's end when the source was last asked, or what was read since, if that is further."""
    last_record_ms: int | None
    """The source's timestamp of the last record that was read, in ms since the epoch."""

    @property
    def lag_events(self) -> int | None:
        """How many records were not read yet."""
        return None if self.end is None else self.end - self.next_offset

    @property
    def committed_lag_events(self) -> int | None:
        """How many records would be read again by a start from the group's offset; None without one."""
        return None if self.end is None or self.committed is None else max(self.end - self.committed, 0)


class BytesRead(Protocol):
    """How much was read of a source whose size is known in bytes."""

    @property
    def read_bytes(self) -> int:
        """How much was read so far."""

    @property
    def total_bytes(self) -> int | None:
        """How much there is; None before that is known."""


class Fates(Protocol):
    """What is known of the events' fates; the ledger."""

    def watermark(self, source: str, partition: int) -> int | None:
        """Return the lowest offset that is not final; None if nothing is known yet."""

    def watermarks(self) -> dict[tuple[str, int], int]:
        """Return (source, partition) → the lowest offset that is not final."""

    def pending_offsets(self, source: str, partition: int) -> tuple[list[int], int] | None:
        """Return the offsets that are not final, sorted, and the one after the last that was read; None if none was."""


class Places(Protocol):
    """The places whose fates are stored; the journal."""

    def forget_partition(self, source: str, partition: int) -> None:
        """Forget the fates of a partition whose offsets name other events now."""

    def places(self) -> set[tuple[str, int]]:
        """Return (source, partition) of all that is stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What earlier runs have left to a source."""

    directory: Path
    """The state directory of this process."""
    places: Places
    warm_up: WarmUp
    """Is told up to where each partition only teaches."""
    parts: Sequence[str] = ()
    """The keys of the source's parts in the recovery store."""
    has_recovery: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """What a source needs in a process."""

    room: Callable[[], int]
    """How many events may be read now; at 0 or below nothing is."""
    shutdown: Shutdown
    """Ends the source when requested; is told when the source ends by itself, or asks for a restart."""
    part: Slice
    fates: Fates
    stored: Stored
    pace: Pace
    """How the workers rest while nothing comes; the same for all parts of the process."""
    read_clock: ReadClock
    """Is told for how long the source was read, and up to when all of it has been."""
    note_damage: Callable[[object], None]
    """Is told once of everything that cannot be read."""
