"""Which topic a name stands for now, beside what the state directory and the group know of it.

It may have been deleted and made again; the state may be older than the group; another process may read for the group.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from connectors.kafka.claim import Claim
from connectors.kafka.cluster import committed, notes
from connectors.kafka.kept import Origin
from connectors.kafka.note import CommitMetadata, FinalAbove, unpack_final
from connectors.kafka.position import ResumePosition
from connectors.shutdown import Shutdown


class Origins:
    """Of one topic, for one run. Without a claim, or where Kafka tells no id, nothing is compared."""

    def __init__(self, topic: str, claim: Claim | None) -> None:
        self._topic = topic
        self._claim = claim
        self._now: Origin | None = None
        self._before: Origin | None = None
        self._notes: Mapping[int, CommitMetadata] = {}

    def settle(
        self,
        topic_id: str | None,
        offsets: list[Any],
        ask: Callable[[], Mapping[int, CommitMetadata] | None],
        shutdown: Shutdown,
        wait_seconds: float,
    ) -> bool:
        """Compare what the group says of itself with the state directory; return False at a stop.

        `offsets` is the answer to `Cluster.ask_committed`; `ask` asks once more; `wait_seconds` is how long a run that
        may live has for a sign of life.

        Raises:
            KafkaSetupError: the state is older than the group, or another process reads for it.
        """
        self._notes = notes(offsets)
        claim = self._claim
        if claim is None or topic_id is None:
            return True
        places = committed(offsets)
        of_group = {each: note for each, note in self._notes.items() if note.topic_id == topic_id}
        for partition, note in of_group.items():
            claim.kept.refuse_older(partition, places[partition], note)
        if not claim.await_silence(of_group, ask, shutdown, wait_seconds):
            return False
        claim.topic_id = topic_id
        self._before = known = claim.kept.origin
        if known is None or known.topic_id == topic_id:
            self._now = known or Origin(topic_id, self._topic)
        else:
            self._now = Origin(topic_id, f"{self._topic}@{topic_id}")
        claim.kept.remember(self._now)
        return True

    def of(self, partition: int, stored: ResumePosition | None) -> tuple[Origin | None, bool]:
        """Return which topic it is, and whether it is another than the one whose position is known."""
        now = self._now
        if now is None:
            return None, False
        before = stored.origin if stored is not None else None
        before = before or self._before
        if before is None and (note := self._notes.get(partition)) is not None and note.topic_id is not None:
            before = Origin(note.topic_id, note.source)
        if before is None or before.topic_id == now.topic_id:
            return before or now, False
        structlog.get_logger().error(
            "the topic was deleted and made again; the new one is read from its first record, and what is pending of "
            "the old one stays as it is",
            topic=self._topic,
            partition=partition,
            next_offset_before=stored.offset if stored is not None else None,
        )
        return Origin(now.topic_id, f"{self._topic}@{now.topic_id}"), True

    def final_of(self, partition: int, group: int | None) -> FinalAbove | None:
        """Return what is final above the group's offset, for a start whose state is lost; None where nothing is."""
        note, now = self._notes.get(partition), self._now
        if group is None or note is None or now is None or self._claim is None:
            return None
        if note.topic_id != now.topic_id or note.state == self._claim.kept.state:
            return None
        found = unpack_final(group, note.final)
        return found if found.until > group else None
