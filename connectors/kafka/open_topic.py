"""The topic as it is open in a process of the stream: read with a warm-up, under a claim on its group."""

import sys

from connectors.kafka.claim import Claim
from connectors.kafka.kept import Kept, is_of_earlier_topic
from connectors.kafka.read_rules import Intervals, ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.source import KafkaInput
from connectors.kafka.topic_reader import Learning, TopicReader
from connectors.opening import Opening, PartitionProgress


class OpenTopic:
    """Implements `OpenSource`."""

    bytes_read = None

    def __init__(self, settings: KafkaSource, opening: Opening) -> None:
        fates, stored = opening.fates, opening.stored
        has_position = any(part.rpartition("/")[0] == settings.topic for part in stored.parts)
        kept = Kept(stored.directory, settings.topic, has_position=has_position)
        self._fates, self._stored = fates, stored
        self._claim = Claim(kept, fates.pending_offsets)
        self.input = KafkaInput(
            settings,
            TopicReader(
                opening.room,
                fates.watermark,
                opening.shutdown,
                begun_anew=stored.places.forget_partition,
                pace=opening.pace,
            ),
            opening.part,
            claim=self._claim,
            rules=ReadRules(Intervals(watch_partitions=settings.watch_partitions_seconds)),
            learning=Learning(
                stored.warm_up, opening.read_clock, looks_back=stored.has_recovery and settings.warm_up_hours > 0
            ),
        )
        """Bytewax's source."""

    def connect(self) -> bool:
        """Find the topic; see `KafkaInput.connect`."""
        return self.input.connect()

    @property
    def is_found(self) -> bool:
        """Whether Kafka was found at the start."""
        return self.input.is_found

    @property
    def waits_for(self) -> str | None:
        """What it waits for, if Kafka does not answer."""
        if self.input.is_connected:
            return None
        return "Kafka does not answer" if self.is_found else "waiting for Kafka"

    @property
    def damaged(self) -> dict[int, str]:
        """Partition → why it is not read on, of those of which Kafka hands out damaged records."""
        return self.input.damaged

    @property
    def partition_count(self) -> int | None:
        """How many partitions the topic has, whoever reads them; None before Kafka has said it."""
        return self.input.partition_count

    def progress(self) -> list[PartitionProgress]:
        """Return how far each partition has come; those that are not begun yet are left out."""
        return self.input.progress()

    def sent_again(self) -> dict[int, int]:
        """Return partition → how many records would be sent again at the most if the state were lost; see `Claim`."""
        return self._claim.sent_again()

    def released(self) -> dict[tuple[str, int], int]:
        """Return the offsets below which no start reads again: neither from a snapshot nor from the group's offsets.

        The group has an offset only when Kafka has acknowledged it, which the low watermark runs ahead of. And what the
        group has may still be read again from a snapshot, until this run has read it and took snapshots after it.
        """
        watermarks = self._fates.watermarks()
        committed = self.input.committed()
        if not self._stored.has_recovery:
            return committed
        released = {place: min(offset, committed.get(place, -1)) for place, offset in watermarks.items()}
        for place in self._stored.places.places():
            if is_of_earlier_topic(place, committed):  # only what waits of it may meet its fate again
                pending = self._fates.pending_offsets(*place)
                released[place] = pending[0][0] if pending and pending[0] else sys.maxsize
        return released

    def close(self) -> None:
        """Commit a last time, and let go of the connection. May be called more than once."""
        self.input.close()
