"""How a topic is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the source does what is not reading, in seconds."""

    chores: float = 0.5
    """The resolution of the others."""
    commit: float = 5.0
    watch_partitions: float = 60.0


@dataclass(frozen=True, slots=True)
class ReadRules:
    """Without arguments: as the stream reads."""

    intervals: Intervals = Intervals()
    with_headers: bool = False
    """The records have their headers."""
    rereads: bool = False
    """The reader keeps nothing of what it has read: what is not final is read again at the next start. Snapshots are
    the watermark then, and the group's offset counts where it is further than the saved position."""
    until: Mapping[int, int] = field(default_factory=dict)
    """Partition → the offset where it ends; looked at when a partition begins. Others never end by themselves. One with
    damage before it ends there, see `KafkaInput.unreadable`."""
