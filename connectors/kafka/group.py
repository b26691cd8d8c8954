"""What the group is told: the low watermark of each partition, every few seconds."""

import ctypes
import logging
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kafka.claim import Claim
from connectors.kafka.errors import GroupInUseError, reason_of
from connectors.kafka.offsets import Committer, Watermark
from connectors.kafka.presence import Presence
from connectors.kafka.read_ahead import ReadPartition
from connectors.kafka.rivals import Rivals
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.pace import wait

FINAL_COMMIT_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class GroupOffsets:
    """Commits for the group, without being a member of it. Not thread-safe, apart from `acknowledged`.

    With a claim each commit says of itself which run has made it, and is made only if no other run has committed since.
    Nothing is committed for a topic that was made again.
    """

    def __init__(
        self,
        settings: KafkaSource,
        consumer: Consumer,
        parts: Mapping[int, ReadPartition],
        watermark: Watermark,
        claim: Claim | None,
        presence: Presence,
        log: LimitedLog,
        interval_seconds: float,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._parts = parts
        self._watermark = watermark
        self._claim = claim
        self._presence = presence
        self._log = log
        self._interval_seconds = interval_seconds
        self._committer = Committer(settings.topic, self._final_up_to, log)
        self._rivals = Rivals(claim, consumer, settings.topic) if claim is not None else None
        self._is_taken = False
        # Others are to see a claim at once.
        self._next_commit = time.monotonic() + (interval_seconds if claim is None else 0.0)

    @property
    def acknowledged(self) -> dict[int, int]:
        """Partition → the offset that the group certainly has; it waits for nobody, and is one answer old at worst."""
        return self._committer.acknowledged

    def begin(self, partition: int, committed: int | None, claimed: int | None) -> None:
        """Know what the group has of a partition; `claimed` is what it is to have at once, if it has nothing."""
        self._committer.know(partition, committed)
        self._committer.claim(partition, -1 if claimed is None else claimed)

    def went_back(self, partition: int) -> None:
        """Know that reading goes back, so that any offset may be committed next."""
        self._committer.know(partition, None)

    def look(self, now: float) -> None:
        """Commit if it is time to and nobody else has. Does not block.

        Raises:
            GroupInUseError: another process has.
        """
        if self._rivals is None:
            if now >= self._next_commit:
                self._next_commit = now + self._interval_seconds
                self._commit()
        elif not self._is_abandoned:
            self._look_at_rivals(self._rivals, now)

    def commit(self, *, is_open: bool = True) -> None:
        """Commit, and wait for a short time until Kafka has it. The last commit of a run is not open."""
        self._commit(is_open=is_open)
        deadline = time.monotonic() + FINAL_COMMIT_SECONDS
        while not self._committer.is_answered and time.monotonic() < deadline:
            self._consumer.poll(0)  # librdkafka's own waits go by the wall clock
            wait(_LOOK_SECONDS)

    def close(self) -> None:
        """Commit a last time and close the consumer."""
        is_looking = self._rivals is not None and self._rivals.is_looking(FINAL_COMMIT_SECONDS)
        self._consumer.unassign()
        self.commit(is_open=False)
        # To close, and to be collected, waits for a broker that hangs for up to a minute, which no stop has. It is
        # a good manner towards a group, and this is no member of one; what is not closed goes with the process.
        if self._committer.is_answered and not self._presence.is_lost and not is_looking:
            self._consumer.close()
        else:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._consumer))  # so that it is never collected

    def on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Take Kafka's answer to a commit."""
        self._committer.on_commit(error, offsets)
        if self._rivals is not None and error is None and all(each.error is None for each in offsets):
            self._rivals.has_claimed = True
        if self._claim is not None and error is None:
            for each in offsets:
                if each.error is None:
                    self._claim.acknowledged(each.partition)

    @property
    def _is_abandoned(self) -> bool:
        return self._is_taken or self._presence.is_another

    def _look_at_rivals(self, rivals: Rivals, now: float) -> None:
        if rivals.are_looked_for:
            if rivals.is_looking():
                return
            if rivals.are_found():
                self._is_taken = True
                raise GroupInUseError(
                    f"source.group_id: another process reads {self._settings.topic!r} for the group "
                    f"{self._settings.group_id!r} too, so that events are sent twice. Stop one of them, or give each a "
                    "source.group_id of its own."
                )
            self._commit()
        elif now >= self._next_commit:
            self._next_commit = now + self._interval_seconds
            rivals.look(each for each in self._committer.acknowledged if each in self._parts)

    def _final_up_to(self, _topic: str, partition: int) -> int | None:
        part = self._parts[partition]
        return part.final_up_to(self._watermark(part.source, partition))

    def _commit(self, *, is_open: bool = True) -> None:
        if self._is_abandoned:
            return
        offsets = self._due(self._claim, is_open=is_open) if self._claim else self._committer.due(self._parts)
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._committer.on_commit(reason_of(error), offsets)

    def _due(self, claim: Claim, *, is_open: bool) -> list[TopicPartition]:
        def note(partition: int, offset: int) -> str:
            return claim.note(self._parts[partition].source, partition, offset, is_open=is_open)

        offsets = self._committer.all_due(self._parts, note)
        try:
            claim.kept.will_commit({each.partition: each.offset for each in offsets})
        except OSError as problem:
            if offsets:
                self._committer.withdraw()
            self._log.say(
                logging.WARNING,
                "offsets not committed: the state directory cannot be written; the stream goes on",
                reason=problem.strerror,
            )
            return []
        return offsets
