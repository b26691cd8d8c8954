"""The topic as it is found at a start: its partitions, what they hold, and what the group has committed."""

from dataclasses import replace
from typing import Any, NamedTuple

from connectors.kafka.cluster import Cluster, available, committed, notes, topic_id
from connectors.kafka.errors import KafkaSetupError
from connectors.kafka.note import CommitMetadata
from connectors.kafka.offsets import Available
from connectors.kafka.properties import check_properties
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties
from connectors.shutdown import Shutdown
from flows.domain.slice import Slice


class FoundTopic(NamedTuple):
    """What Kafka has said."""

    cluster: Cluster
    secret: KafkaSource
    """`[source]` with the secrets themselves."""
    topic_id: str | None
    """None of a broker that tells none."""
    partition_count: int
    """How many partitions it has, whoever reads them."""
    available: dict[int, Available]
    """Owned partition → the offsets that it has."""
    offsets: list[Any]
    """Of the group, as Kafka has answered."""

    @property
    def committed(self) -> dict[int, int]:
        """Partition → the group's offset."""
        return committed(self.offsets)

    def ask_notes(self, shutdown: Shutdown) -> dict[int, CommitMetadata] | None:
        """Ask again what the group's commits say of themselves; None if a stop was requested."""
        answers = self.cluster.answers(lambda: self.cluster.ask_committed(self.available), shutdown)
        return None if answers is None else notes(answers)


def find_topic(settings: KafkaSource, part: Slice, shutdown: Shutdown, log: LimitedLog) -> FoundTopic | None:
    """Ask for it; wait for as long as no broker can be reached. None if a stop was requested meanwhile.

    Raises:
        KafkaSetupError: the topic is missing, Kafka refuses the access, or the slice would own no partition.
        SecretError: the secret of a property in `[source.properties]` is missing.
    """
    secret = replace(settings, properties=tuple(resolve_properties(settings.properties).items()))
    check_properties(secret)
    cluster = Cluster(secret, log)
    topics = cluster.answers(cluster.ask_partitions, shutdown)
    if topics is None:
        return None
    count = len(topics[0].partitions)
    owned = _owned(settings.topic, count, part)
    ranges = cluster.answers(lambda: cluster.ask_available(owned), shutdown)
    offsets = cluster.answers(lambda: cluster.ask_committed(owned), shutdown)
    if ranges is None or offsets is None:
        return None
    has = dict(zip(owned, available(ranges), strict=True))
    return FoundTopic(cluster, secret, topic_id(topics[0]), count, has, offsets)


def _owned(topic: str, count: int, part: Slice) -> list[int]:
    owned = [partition for partition in range(count) if part.owns(partition)]
    if not owned:
        raise KafkaSetupError(
            f"source.topic: {topic!r} has {count} partitions, so slice {part.index} of "
            f"{part.count} has none to read. Start at most {count} slices, or add partitions to the topic."
        )
    return owned
