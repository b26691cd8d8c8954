"""Whoever reads a topic, as the source sees it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.kafka.offsets import Watermark
from connectors.pace import Pace
from connectors.read_clock import ReadClock
from connectors.shutdown import Shutdown
from flows.domain.warm_up import WarmUp


@dataclass(frozen=True, slots=True)
class TopicReader:
    """What the source asks, and what it tells."""

    room: Callable[[], int]
    """How many events may be read now; at 0 or below nothing is."""
    watermark: Watermark
    """(source, partition) → the lowest offset that is not final; None if nothing is known yet."""
    shutdown: Shutdown
    """Ends the source when requested; asked to restart the process when the topic gets new partitions."""
    begun: Callable[[str, int, int], None] = lambda _source, _partition, _offset: None
    """Told (source, partition, offset) where the reading of each partition begins."""
    begun_anew: Callable[[str, int], None] = lambda _source, _partition: None
    """Told (source, partition) where reading goes back because the topic was made again, so that offsets that were
    known name other events now."""
    pace: Pace = field(default_factory=Pace)
    """How the workers rest while nothing comes; the same for all parts of the process."""


@dataclass(frozen=True, slots=True)
class Learning:
    """What a reader that learns from its records is told."""

    warm_up: WarmUp
    """Is told up to where each partition only teaches."""
    read_clock: ReadClock
    """Is told for how long the topic was read, and up to when all of it has been."""
    looks_back: bool
    """A partition that begins at the group's offset reads `settings.warm_up_hours` of what is before it first. Not
    without a recovery store, where each start would do so."""
