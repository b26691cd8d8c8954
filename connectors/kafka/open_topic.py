"""The topic as it is open in a process of the stream: read with a warm-up, under a claim on its group."""

import sys

from connectors.kafka.claim import Claim
from connectors.kafka.consumer import Intervals
from connectors.kafka.kept import Kept, is_of_earlier_topic
from connectors.kafka.settings import KafkaSource
from connectors.kafka.source import KafkaInput
from connectors.opening import Opening


class OpenTopic(KafkaInput):
    """Implements `OpenSource`."""

    bytes_read = None

    def __init__(self, settings: KafkaSource, opening: Opening) -> None:
        self._fates, self._stored = opening.fates, opening.stored
        has_position = any(part.rpartition("/")[0] == settings.topic for part in self._stored.parts)
        kept = Kept(self._stored.directory, settings.topic, has_position=has_position)
        super().__init__(
            settings,
            opening.room,
            opening.fates.watermark,
            opening.shutdown,
            opening.part,
            intervals=Intervals(watch_partitions=settings.watch_partitions_seconds),
            begun_anew=self._stored.places.forget_partition,
            warm_up=self._stored.warm_up if self._stored.has_recovery and settings.warm_up_hours else None,
            claim=Claim(kept, opening.fates.pending_offsets),
            final=self._stored.warm_up,
            pace=opening.pace,
            hearing=opening.hearing,
        )

    @property
    def input(self) -> KafkaInput:
        """Bytewax's source: itself."""
        return self

    @property
    def waits_for(self) -> str | None:
        """What it waits for, if Kafka does not answer."""
        if self.is_connected:
            return None
        return "Kafka does not answer" if self.is_found else "waiting for Kafka"

    def released(self) -> dict[tuple[str, int], int]:
        """Return the offsets below which no start reads again: neither from a snapshot nor from the group's offsets.

        The group has an offset only when Kafka has acknowledged it, which the low watermark runs ahead of. And what the
        group has may still be read again from a snapshot, until this run has read it and took snapshots after it.
        """
        watermarks = self._fates.watermarks()
        committed = self.committed()
        if not self._stored.has_recovery:
            return committed
        released = {place: min(offset, committed.get(place, -1)) for place, offset in watermarks.items()}
        for place in self._stored.places.places():
            if is_of_earlier_topic(place, committed):  # only what waits of it may meet its fate again
                pending = self._fates.pending_offsets(*place)
                released[place] = pending[0][0] if pending and pending[0] else sys.maxsize
        return released
