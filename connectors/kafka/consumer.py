"""The one consumer of the process. Its partitions may be read by several worker threads."""

import logging
import threading
import time
from typing import cast

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.kafka.claim import Claim
from connectors.kafka.damage import TopicDamage, is_damage
from connectors.kafka.ends import Ends
from connectors.kafka.errors import KafkaSourceError, is_missing_topic, missing_topic, setup_error
from connectors.kafka.found_topic import FoundTopic
from connectors.kafka.gaps import Gaps
from connectors.kafka.group import GroupOffsets
from connectors.kafka.log import librdkafka_logger
from connectors.kafka.presence import Presence
from connectors.kafka.properties import consumer_properties, scrubber
from connectors.kafka.read_ahead import BATCH_RECORDS, Message, ReadAhead, ReadPartition
from connectors.kafka.read_rules import ReadRules
from connectors.kafka.starts import Start
from connectors.kafka.topic_reader import TopicReader
from connectors.limited_log import LimitedLog
from flows.domain.event import Record


class SharedConsumer:
    """Hands out records partition by partition, in order, from one librdkafka consumer without group membership.

    Nothing here blocks but `commit` and `close`. Every method may be called from any thread.
    """

    def __init__(
        self,
        found: FoundTopic,
        presence: Presence,
        ends: Ends,
        reader: TopicReader,
        rules: ReadRules,
        claim: Claim | None,
        log: LimitedLog,
    ) -> None:
        self._settings = settings = found.secret
        self._cluster = found.cluster
        self._presence = presence
        self._ends = ends
        self._room = reader.room
        self._log = log
        self._lock = threading.RLock()  # callbacks run inside consume()
        self._scrub = scrubber(settings.properties)
        self._damage = TopicDamage(settings.topic, log)
        self._ahead = ReadAhead(self._damage, with_headers=rules.with_headers)
        self._gaps = Gaps(settings, found.cluster, log, reader.begun_anew)
        self._failure: KafkaSourceError | None = None
        self._chores_seconds = rules.intervals.chores
        self._next_chores = 0.0
        self._closed = False
        self._consumer = Consumer(
            {**consumer_properties(settings), "error_cb": self._on_error, "on_commit": self._on_commit},
            logger=librdkafka_logger(log, self._scrub),
        )
        self._group = GroupOffsets(
            settings,
            self._consumer,
            self._ahead.parts,
            reader.watermark,
            claim,
            presence,
            log,
            rules.intervals.commit,
        )

    def begin(self, start: Start) -> int:
        """Start to fetch a partition and return the offset of its first record to come.

        Raises:
            OffsetsGoneError: Kafka does not have the offset and `source.on_out_of_range` is "fail".
        """
        partition, position = start.partition, start.position
        with self._lock:
            part = ReadPartition(start.source, position.warm_up_until, position.offset)
            offset = self._gaps.first(partition, part, position.offset, start.has)
            committed = start.committed
            if committed is not None and committed > start.has.end:
                committed = None
            self._group.begin(partition, committed, offset if start.claims else None)
            self._ahead.parts[partition] = part
            self._read_from(partition, offset)
            return offset

    def take(self, partition: int) -> list[Record]:
        """Return the partition's next records, at most 100; an empty list if there is none, or no room for any.

        Raises:
            KafkaSourceError: reading cannot go on; see its kinds.
        """
        with self._lock:
            presence, ahead = self._presence, self._ahead
            now = time.monotonic()
            try:
                if now >= self._next_chores:
                    self._do_chores(now)
                if presence.unconfirmed_since is not None:
                    presence.confirm(now)
            except KafkaSourceError as error:
                self._failure = self._failure or error
            if self._failure is not None:
                raise self._failure
            if presence.unconfirmed_since is not None and ahead.has_room:
                self._fetch()  # librdkafka tells only those who fetch that no broker answers
            if presence.unconfirmed_since is not None or self._room() <= 0:
                return []
            part = ahead.parts[partition]
            if not part.batches and ahead.has_room:
                self._fetch()
            if not part.batches or presence.unconfirmed_since is not None:
                return []
            return ahead.take(part)

    @property
    def is_confirming(self) -> bool:
        """Whether what was fetched waits until Kafka has said that it is of the same topic as before."""
        return self._presence.unconfirmed_since is not None

    def reached(self, partition: int) -> int | None:
        """Return the partition's end where everything before it was taken, else None.

        It is beyond the last record where offsets hold no record, as after the marker of a transaction.
        """
        with self._lock:
            part = self._ahead.parts[partition]
            return None if part.batches else part.reached

    def end(self, partition: int) -> None:
        """Read no more of a partition, so that what is fetched of it takes no room from others."""
        with self._lock:
            if self._closed:
                return
            if not self._damage.forget(partition):  # librdkafka was told already to let go of a damaged one
                self._let_go(partition)
            self._ahead.drop(self._ahead.parts[partition])

    def committed(self) -> dict[tuple[str, int], int]:
        """Return (source, partition) → the offset that the group certainly has."""
        with self._lock:
            parts = self._ahead.parts
            return {(parts[each].source, each): offset for each, offset in self._group.acknowledged.items()}

    @property
    def told_group(self) -> dict[int, int]:
        """The same by partition, one answer old at the worst: it waits for nobody, not even for a stuck worker."""
        return self._group.acknowledged

    @property
    def damaged(self) -> dict[int, str]:
        """Partition → what is wrong with it, of those that are not read on because their records are damaged."""
        return self._damage.reasons

    def unreadable(self, partition: int) -> str | None:
        """Return what is wrong with a partition where damage comes next that stayed when it was tried again, else None.

        What stands before the damage was taken then.
        """
        with self._lock:
            return None if self._ahead.parts[partition].batches else self._damage.lasting(partition)

    def commit(self) -> None:
        """Commit the low watermark and wait, for a short time, until Kafka has it."""
        with self._lock:
            if not self._closed:
                self._group.commit()

    def close(self) -> None:
        """Commit the low watermark and let go of the connection. May be called more than once."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._group.close()

    def _fetch(self) -> None:
        messages = cast("list[Message]", self._consumer.consume(BATCH_RECORDS, 0))
        if messages:
            self._presence.came(time.monotonic())
            self._ahead.put(messages, self._on_message_error)
        if self._failure is not None:
            raise self._failure

    def _do_chores(self, now: float) -> None:
        self._next_chores = now + self._chores_seconds
        self._cluster.poll()
        self._ends.look(now)
        self._group.look(now)
        if self._presence.unconfirmed_since is None:  # of another topic of that name, no offset says anything
            self._fill_gaps()
        for partition, offset in self._damage.due(now):
            part = self._ahead.parts[partition]
            self._read_from(partition, max(offset, part.handed or 0, part.begun))
        self._presence.look(now)

    def _fill_gaps(self) -> None:
        for partition, wanted, has in self._gaps.answered():
            part = self._ahead.parts[partition]
            offset = self._gaps.first(partition, part, wanted, has)
            if offset < wanted:
                self._group.went_back(partition)
                part.handed = part.reached = None
            self._let_go(partition)
            self._read_from(partition, offset)

    def _read_from(self, partition: int, offset: int) -> None:
        self._ahead.parts[partition].begun = offset
        self._consumer.incremental_assign([TopicPartition(self._settings.topic, partition, offset)])

    def _let_go(self, partition: int) -> None:
        self._consumer.incremental_unassign([TopicPartition(self._settings.topic, partition)])

    def _on_message_error(self, message: Message, error: KafkaError) -> None:
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public code
            self._ahead.parts[partition].reached = message.offset()
            self._damage.healed(partition)
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - a public code
            self._presence.doubt(time.monotonic())
            self._gaps.ask(partition, message.offset())
            return
        if is_damage(error):
            if partition in self._damage:  # librdkafka had queued it before the partition was let go of
                return
            self._damage.note(partition, message.offset(), self._scrub(error.str()), time.monotonic(), error.code())
            self._let_go(partition)
            return
        self._on_error(error)
        if self._failure is None and is_missing_topic(error):
            self._failure = missing_topic(self._settings)
        if self._failure is None:
            self._log.say(
                logging.ERROR,
                "kafka cannot be read; librdkafka tries again",
                message_class=f"cannot be read/{partition}/{error.code()}",
                topic=self._settings.topic,
                partition=partition,
                reason=self._scrub(error.str()),
            )

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        self._group.on_commit(error, offsets)

    def _on_error(self, error: KafkaError) -> None:
        refusal = setup_error(error, self._settings)
        if refusal is not None:
            self._failure = refusal
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - a public code
            self._presence.lose(time.monotonic())
