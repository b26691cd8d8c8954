"""Gaps: what is read where Kafka does not have the offset that is next."""

import logging
from collections.abc import Callable, Iterator

from connectors.kafka.cluster import Cluster, Futures, available, failure
from connectors.kafka.errors import OffsetsGoneError
from connectors.kafka.offsets import Available, describe_gap
from connectors.kafka.read_ahead import ReadPartition
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog


class Gaps:
    """Of one topic. Not thread-safe."""

    def __init__(
        self, settings: KafkaSource, cluster: Cluster, log: LimitedLog, begun_anew: Callable[[str, int], None]
    ) -> None:
        """`begun_anew` is told (source, partition) where reading goes back, so that offsets name other events now."""
        self._settings = settings
        self._cluster = cluster
        self._log = log
        self._begun_anew = begun_anew
        self._asked: dict[int, tuple[int, Futures]] = {}

    def ask(self, partition: int, wanted: int) -> None:
        """Ask what Kafka has of a partition, because it does not have the offset that is next."""
        self._asked[partition] = (wanted, self._cluster.ask_available([partition]))

    def answered(self) -> Iterator[tuple[int, int, Available]]:
        """Yield (partition, the offset that is next, what Kafka has) where the answer is there; ask again if none."""
        for partition, (wanted, futures) in list(self._asked.items()):
            if not all(each.done() for each in futures):
                continue
            if any(failure(each) is not None for each in futures):
                self.ask(partition, wanted)
                continue
            del self._asked[partition]
            yield partition, wanted, available([each.result() for each in futures])[0]

    def first(self, partition: int, part: ReadPartition, wanted: int, has: Available) -> int:
        """Return the offset to read next: the one that is wanted if Kafka has it, else by `source.on_out_of_range`.

        Raises:
            OffsetsGoneError: it does not have it and `source.on_out_of_range` is "fail".
        """
        if has.can_start_at(wanted):
            return wanted
        wanted = max(wanted, part.needed_from)
        if has.can_start_at(wanted):
            return has.first
        gap = describe_gap(self._settings.topic, partition, wanted, has)
        if self._settings.on_out_of_range == "fail":
            raise OffsetsGoneError(
                f'{gap}. To go on with the oldest record that Kafka has, set source.on_out_of_range = "earliest".'
            )
        self._log.say(
            logging.ERROR,
            "offsets are gone; going on with the oldest record that kafka has",
            message_class=f"gap/{partition}",
            topic=self._settings.topic,
            partition=partition,
            wanted=wanted,
            first=has.first,
            end=has.end,
            lost_offsets=max(0, has.first - wanted),
            explanation=gap,
        )
        if has.first < wanted:
            self._begun_anew(part.source, partition)
        return has.first
