"""The hand-over of a group from one topic to a copy of it: it goes on there where it stood here."""

from dataclasses import replace

from confluent_kafka import KafkaException

from connectors.kafka.cluster import Cluster, available, committed
from connectors.kafka.errors import KafkaSetupError, KafkaSourceError
from connectors.kafka.settings import KafkaSource
from connectors.kafka.target import TargetTopic
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties
from connectors.shutdown import Shutdown


class HandOver:
    """Of a group that has stopped. Every method waits while Kafka is away, and returns None when a stop is requested.

    Raises:
        KafkaSetupError: Kafka refuses `[source.properties]`.
        SecretError: the secret of one of them is missing.
    """

    def __init__(self, source: KafkaSource, group_id: str, target: TargetTopic, shutdown: Shutdown) -> None:
        """`source` is the topic that is copied, and the group of the copy itself."""
        secret = replace(source, properties=tuple(resolve_properties(source.properties).items()))
        self._group_id = group_id
        self._start = source.start
        self._source_topic = source.topic
        self._target = target
        self._shutdown = shutdown
        log = LimitedLog()
        self._copying = Cluster(secret, log)
        self._read = Cluster(replace(secret, group_id=group_id), log)
        self._written = Cluster(replace(secret, group_id=group_id, topic=target.topic), log)

    def cut(self) -> dict[int, int] | None:
        """Return partition → the offset up to which the copy has to go: where the group stands.

        Raises:
            KafkaSetupError: the group has no place to be handed over from, or has one in the copy already, or the copy
                is further than the group.
        """
        partitions = range(self._target.source_partitions)
        ranges = self._read.answers(lambda: self._read.ask_available(partitions), self._shutdown)
        of_group = self._read.answers(lambda: self._read.ask_committed(partitions), self._shutdown)
        of_copy = self._copying.answers(lambda: self._copying.ask_committed(partitions), self._shutdown)
        ends = range(self._target.partitions)
        handed = self._written.answers(lambda: self._written.ask_committed(ends), self._shutdown)
        if ranges is None or of_group is None or of_copy is None or handed is None:
            return None
        if there := committed(handed):
            raise KafkaSetupError(
                f"--hand-over: the group {self._group_id!r} has offsets in {self._target.topic!r} already ({there}); "
                "it goes on there. Leave out --hand-over"
            )
        stands, copied = committed(of_group), committed(of_copy)
        cut = {}
        for partition, has in zip(partitions, available(ranges), strict=True):
            if partition not in stands and has.end > has.first and self._start == "latest":
                raise KafkaSetupError(
                    f"--hand-over: the group {self._group_id!r} has read nothing yet of partition {partition} of "
                    f"{self._source_topic!r}, so where it stands is not known; let the stream read of it first"
                )
            cut[partition] = stands.get(partition, has.first)
            if copied.get(partition, 0) > cut[partition]:
                raise KafkaSetupError(
                    f"--hand-over: partition {partition} of {self._source_topic!r} is copied up to "
                    f"{copied[partition]}, and the group {self._group_id!r} stands at {cut[partition]}; start the "
                    "stream until it is further, stop it, and do this again"
                )
        return cut

    def finish(self) -> dict[int, int] | None:
        """Let the group stand at the end of the copy; return partition → offset.

        Raises:
            KafkaSetupError: Kafka refuses the access.
            KafkaSourceError: it does not take the offsets; the same again may do.
        """
        partitions = range(self._target.partitions)
        answers = self._written.answers(lambda: list(self._written.ask_ends(partitions).values()), self._shutdown)
        if answers is None:
            return None
        ends = {partition: each.offset for partition, each in zip(partitions, answers, strict=True)}
        try:
            self._written.commit(ends)
        except KafkaException as problem:
            raise KafkaSourceError(str(problem)) from problem
        return ends
