"""The settings of Kafka, as a source and as the place of dead letters."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KafkaSource:
    """`[source] kind = "kafka"`."""

    bootstrap_servers: str
    topic: str
    group_id: str
    start: Literal["earliest", "latest"] = "earliest"
    """Where a group without committed offsets begins."""
    on_out_of_range: Literal["fail", "earliest"] = "fail"
    """What to do when Kafka no longer has the next event: stop, or go on with the oldest it has; both say how many
    are gone."""
    watch_partitions_seconds: float = 60.0
    """How often to look for partitions that were added to the topic."""
    warm_up_hours: float = 24.0
    """How far before the group's offset a start without state of its own begins to learn, without sending."""
    properties: tuple[tuple[str, str], ...] = ()
    """librdkafka properties."""


@dataclass(frozen=True, slots=True)
class KafkaDeadLetters:
    """`[dead_letters] kind = "kafka"`: by default in the source's cluster."""

    bootstrap_servers: str
    topic: str
    properties: tuple[tuple[str, str], ...] = ()
