"""The one consumer of the process. Its partitions may be read by several worker threads."""

import ctypes
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kafka.claim import Claim
from connectors.kafka.cluster import Cluster, Futures, available, failure
from connectors.kafka.damage import TopicDamage, is_damage
from connectors.kafka.ends import Ends
from connectors.kafka.errors import (
    GroupInUseError,
    KafkaSetupError,
    KafkaSourceError,
    OffsetsGoneError,
    OtherTopicError,
    is_missing_topic,
    missing_topic,
    reason_of,
    setup_error,
)
from connectors.kafka.log import librdkafka_logger
from connectors.kafka.offsets import Available, Committer, Watermark, describe_gap
from connectors.kafka.properties import consumer_properties, scrubber
from connectors.kafka.rivals import Rivals
from connectors.kafka.settings import KafkaSource
from connectors.kafka.watch import PartitionWatch
from connectors.limited_log import Clock, LimitedLog
from connectors.pace import wait
from flows.domain.event import Record

BATCH_RECORDS = 100
BATCH_BYTES = 1 << 20
"""A batch is over once its values are more: what is decoded takes up to some thirty times their size at once."""
"""Downstream an event is a live dict, and few live dicts are several times faster than many."""
READ_AHEAD_RECORDS = 4 * BATCH_RECORDS
"""Records taken out of librdkafka's bounded prefetch that wait here for their partition's turn."""
READ_AHEAD_BYTES = 4 * BATCH_BYTES
"""What they may take together before more is taken."""
FINAL_COMMIT_SECONDS = 2.0
_LOOK_SECONDS = 0.01
SILENCE_SECONDS = 0.25
"""Nobody deletes a topic, makes it again and fills it beyond the old position within this time."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the source does what is not reading, in seconds."""

    chores: float = 0.5
    """The resolution of the others."""
    commit: float = 5.0
    watch_partitions: float = 60.0


class _Message(Protocol):
    """What confluent-kafka consumes; unlike its own `Message`, it always has a place."""

    def error(self) -> KafkaError | None: ...
    def value(self) -> bytes | None: ...
    def key(self) -> bytes | None: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> list[tuple[str, bytes | None]] | None: ...


def check_properties(settings: KafkaSource) -> None:
    """Let librdkafka look at the properties, before any broker has to answer.

    Raises:
        KafkaSetupError: it refuses one, or the stream needs one for itself.
    """
    properties = consumer_properties(settings)
    try:
        Consumer(properties).close()
    except KafkaException as error:
        text = scrubber(settings.properties)(reason_of(error).str())
        raise KafkaSetupError(f"source.properties: {text}") from None


def size_of(record: Record) -> int:
    """Return the bytes of a record's value and key."""
    return len(record.value or b"") + len(record.key or b"")


class SharedConsumer:
    """Hands out records partition by partition, in order, from one librdkafka consumer without group membership.

    Nothing here blocks but `close`. Every method may be called from any thread.
    """

    def __init__(
        self,
        settings: KafkaSource,
        cluster: Cluster,
        watch: PartitionWatch,
        *,
        room: Callable[[], int],
        watermark: Watermark,
        log: LimitedLog,
        intervals: Intervals,
        clock: Clock,
        ends: Ends | None = None,
        begun_anew: Callable[[str, int], None] = lambda _topic, _partition: None,
        with_headers: bool = False,
        claim: Claim | None = None,
        stop_to_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._with_headers = with_headers
        self._begun_anew = begun_anew
        self._claim = claim
        self._sources: dict[int, str] = {}
        self._silent_since = clock()
        self._unconfirmed_since: float | None = None
        self._ends = ends
        self._cluster = cluster
        self._watch = watch
        self._room = room
        self._log = log
        self._intervals = intervals
        self._clock = clock
        self._lock = threading.RLock()  # callbacks run inside consume()
        self._scrub = scrubber(settings.properties)
        self._watermark = watermark
        self._committer = Committer(settings.topic, self._final_up_to, log)
        self._handed: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._ready: dict[int, deque[list[Record]]] = {}
        self._ready_records = self._ready_bytes = 0
        self._repairs: dict[int, tuple[int, Futures]] = {}
        self._needed_from: dict[int, int] = {}
        self._failure: KafkaSourceError | None = None
        self._lost_since: float | None = None
        self._next_chores = 0.0
        self._next_commit = clock() + (intervals.commit if claim is None else 0.0)  # others are to see it at once
        self._closed = False
        self._stop_to_restart = stop_to_restart
        self._is_abandoned = False
        self._damage = TopicDamage(settings.topic, log)
        self._begun: dict[int, int] = {}
        self._consumer = Consumer(
            {**consumer_properties(settings), "error_cb": self._on_error, "on_commit": self._on_commit},
            logger=librdkafka_logger(log, self._scrub),
        )
        self._rivals = Rivals(claim, self._consumer, settings.topic) if claim is not None else None

    def begin(
        self,
        partition: int,
        offset: int,
        committed: int | None,
        has: Available,
        needed_from: int = 0,
        source: str | None = None,
        *,
        claims: bool = False,
    ) -> int:
        """Start to fetch a partition and return the offset of its first record to come.

        Offsets below `needed_from` only teach, so that none of them is missed. Records carry `source`, the topic's name
        where it is not given. With `claims` the group is told at once where it begins.

        Raises:
            OffsetsGoneError: Kafka does not have that offset and `source.on_out_of_range` is "fail".
        """
        with self._lock:
            self._needed_from[partition] = needed_from
            self._sources[partition] = source or self._settings.topic
            if not has.can_start_at(offset):
                offset = self._offset_after_gap(partition, offset, has)
            self._committer.know(partition, None if committed is None or committed > has.end else committed)
            self._committer.claim(partition, offset if claims else -1)
            self._ready[partition] = deque()
            self._begun[partition] = offset
            self._consumer.incremental_assign([TopicPartition(self._settings.topic, partition, offset)])
            return offset

    def take(self, partition: int) -> list[Record]:
        """Return the partition's next records, at most 100; an empty list if there is none, or no room for any.

        Raises:
            KafkaSourceError: reading cannot go on; see its kinds.
        """
        with self._lock:
            now = self._clock()
            if now >= self._next_chores:
                self._do_chores(now)
            if self._failure is None and self._unconfirmed_since is not None:
                self._confirm(now)
            if self._failure is not None:
                raise self._failure
            if self._unconfirmed_since is not None and self._has_room_ahead():
                self._fetch()  # librdkafka tells only those who fetch that no broker answers
                if self._failure is not None:
                    raise self._failure
            if self._unconfirmed_since is not None or self._room() <= 0:
                return []
            ready = self._ready[partition]
            if not ready and self._has_room_ahead():
                self._fetch()
                if self._failure is not None:
                    raise self._failure
            if not ready or self._unconfirmed_since is not None:
                return []
            batch = ready.popleft()
            self._ready_records -= len(batch)
            self._ready_bytes -= sum([size_of(each) for each in batch])
            self._handed[partition] = batch[-1].offset + 1
            return batch

    @property
    def is_confirming(self) -> bool:
        """Whether what was fetched waits until Kafka has said that it is of the same topic as before."""
        return self._unconfirmed_since is not None

    def reached(self, partition: int) -> int | None:
        """Return the partition's end where everything before it was taken, else None.

        It is beyond the last record where offsets hold no record, as after the marker of a transaction.
        """
        with self._lock:
            return None if self._ready[partition] else self._reached.get(partition)

    def end(self, partition: int) -> None:
        """Read no more of a partition, so that what is fetched of it takes no room from others."""
        with self._lock:
            if self._closed:
                return
            if not self._damage.forget(partition):  # librdkafka was told already to let go of a damaged one
                self._consumer.incremental_unassign([TopicPartition(self._settings.topic, partition)])
            self._ready_records -= sum(map(len, self._ready[partition]))
            self._ready_bytes -= sum([size_of(each) for batch in self._ready[partition] for each in batch])
            self._ready[partition].clear()

    @property
    def acknowledged(self) -> dict[int, int]:
        """Partition → the offset that the group certainly has."""
        with self._lock:
            return self._committer.acknowledged

    @property
    def told_group(self) -> dict[int, int]:
        """As `acknowledged`, one answer old at the worst: it waits for nobody, not even for a worker that is stuck."""
        return self._committer.acknowledged

    @property
    def is_lost(self) -> bool:
        """Whether no broker answers at the moment."""
        return self._lost_since is not None

    @property
    def damaged(self) -> dict[int, str]:
        """Partition → what is wrong with it, of those that are not read on because their records are damaged."""
        return self._damage.reasons

    def unreadable(self, partition: int) -> str | None:
        """Return what is wrong with a partition where damage comes next that stayed when it was tried again, else None.

        What stands before the damage was taken then.
        """
        with self._lock:
            return None if self._ready[partition] else self._damage.lasting(partition)

    def commit(self) -> None:
        """Commit the low watermark and wait, for a short time, until Kafka has it."""
        with self._lock:
            if self._closed:
                return
            self._commit()
            self._await_commits()

    def close(self) -> None:
        """Commit the low watermark and let go of the connection. May be called more than once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            is_looking = self._rivals is not None and self._rivals.is_looking(FINAL_COMMIT_SECONDS)
            self._consumer.unassign()
            self._commit(is_open=False)
            self._await_commits()
            # To close, and to be collected, waits for a broker that hangs for up to a minute, which no stop has. It is
            # a good manner towards a group, and this is no member of one; what is not closed goes with the process.
            if self._committer.is_answered and self._lost_since is None and not is_looking:
                self._consumer.close()
            else:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._consumer))  # so that it is never collected

    def _has_room_ahead(self) -> bool:
        return self._ready_records < READ_AHEAD_RECORDS and self._ready_bytes < READ_AHEAD_BYTES

    def _fetch(self) -> None:
        messages = cast("list[_Message]", self._consumer.consume(BATCH_RECORDS, 0))
        if not messages:
            return
        now = self._clock()
        if now - self._silent_since > SILENCE_SECONDS:
            self._unconfirmed_since = now
        self._silent_since = now
        all_ready, with_headers = self._ready, self._with_headers
        topic = ""
        batch: list[Record] = []
        of_partition = -1
        room_bytes = 0
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_message_error(message, error)
                of_partition = -1
                continue
            partition = message.partition()
            value = message.value()
            if partition != of_partition or room_bytes <= 0:
                if partition in self._damage:
                    continue
                self._damage.healed(partition)
                batch = []
                all_ready[partition].append(batch)
                of_partition, room_bytes = partition, BATCH_BYTES
                topic = self._sources[partition]
            key = message.key()
            size_bytes = len(value or b"") + len(key or b"")
            room_bytes -= size_bytes
            self._ready_bytes += size_bytes
            time_ms = message.timestamp()[1]
            batch.append(
                Record(
                    value,
                    key,
                    topic,
                    partition,
                    message.offset(),
                    time_ms if time_ms > 0 else time.time_ns() // 1_000_000,
                    (message.headers() or ()) if with_headers else (),
                )
            )
            self._ready_records += 1

    def _confirm(self, now: float) -> None:
        """Hand out what came after a silence only when the topic is still the same.

        It may have been deleted, made again and filled beyond the old position meanwhile, and librdkafka goes on there.
        """
        try:
            if self._watch.confirms(self._unconfirmed_since or 0.0, now):
                self._unconfirmed_since = None
                if self._lost_since is not None:
                    self._found()
            elif self._lost_since is None and self._fails_since_silence():
                self._lost_since = now  # who has all that fits fetches no more, and librdkafka tells him nothing
        except KafkaSetupError as error:
            self._failure = error
        self._look_for_another_topic()

    def _fails_since_silence(self) -> bool:
        failed_since, silent_since = self._watch.failed_since, self._unconfirmed_since
        return failed_since is not None and silent_since is not None and failed_since >= silent_since

    def _look_for_another_topic(self) -> None:
        if not self._watch.is_another or self._is_abandoned:
            return
        self._is_abandoned = True
        self._unconfirmed_since = self._unconfirmed_since or self._clock()
        topic = self._settings.topic
        if self._claim is None:
            self._failure = OtherTopicError(
                f"source.topic: {topic!r} was deleted and made again; where it is read from is not known any more. "
                "Give it another source.group_id and state directory to begin anew."
            )
            return
        self._log.say(
            logging.ERROR,
            "the topic was deleted and made again; restarting to read the new one from its first record",
            topic=topic,
        )
        self._stop_to_restart()

    def _look_at_group(self, now: float) -> None:
        """Commit, once it is known that nobody else has."""
        rivals = self._rivals
        if rivals is None or self._is_abandoned:
            return
        if rivals.are_looked_for:
            if rivals.is_looking():
                return
            if rivals.are_found():
                self._is_abandoned = True
                self._failure = GroupInUseError(
                    f"source.group_id: another process reads {self._settings.topic!r} for the group "
                    f"{self._settings.group_id!r} too, so that events are sent twice. Stop one of them, or give each a "
                    "source.group_id of its own."
                )
                return
            self._commit()
        elif now >= self._next_commit:
            self._next_commit = now + self._intervals.commit
            rivals.look(each for each in self._committer.acknowledged if each in self._ready)

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        self._committer.on_commit(error, offsets)
        if self._rivals is not None and error is None and all(each.error is None for each in offsets):
            self._rivals.has_claimed = True
        if self._claim is not None and error is None:
            for each in offsets:
                if each.error is None:
                    self._claim.acknowledged(each.partition)

    def _do_chores(self, now: float) -> None:
        self._next_chores = now + self._intervals.chores
        self._cluster.poll()
        if self._ends is not None:
            self._ends.look(now)
        if self._claim is not None:
            self._look_at_group(now)
        elif now >= self._next_commit:
            self._next_commit = now + self._intervals.commit
            self._commit()
        if self._repairs:
            self._repair()
        for partition, offset in self._damage.due(now):
            self._go_on_at(partition, max(offset, self._handed.get(partition, 0), self._begun[partition]))
        try:
            answered = self._watch.look(now, hurry=self._lost_since is not None)
        except KafkaSetupError as error:
            self._failure = error
            return
        self._look_for_another_topic()
        if answered and self._lost_since is not None:
            self._found()
        if self._lost_since is not None:
            self._say_lost(now - self._lost_since)

    def _final_up_to(self, topic: str, partition: int) -> int | None:
        """Return the lowest offset that is not final; where all that was taken is, the end that was reached."""
        offset, reached = (
            self._watermark(self._sources.get(partition, topic), partition),
            self._reached.get(partition, 0),
        )
        is_all = offset is not None and partition in self._handed and offset >= self._handed[partition]
        return reached if offset is not None and is_all and not self._ready[partition] and reached > offset else offset

    def _commit(self, *, is_open: bool = True) -> None:
        if self._is_abandoned:
            return
        offsets = self._due(self._claim, is_open=is_open) if self._claim else self._committer.due(self._ready)
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._committer.on_commit(reason_of(error), offsets)

    def _due(self, claim: Claim, *, is_open: bool) -> list[TopicPartition]:
        def note(partition: int, offset: int) -> str:
            return claim.note(self._sources[partition], partition, offset, is_open=is_open)

        offsets = self._committer.all_due(self._ready, note)
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

    def _await_commits(self) -> None:
        deadline = time.monotonic() + FINAL_COMMIT_SECONDS
        while not self._committer.is_answered and time.monotonic() < deadline:
            self._consumer.poll(0)  # librdkafka's own waits go by the wall clock
            wait(_LOOK_SECONDS)

    def _on_message_error(self, message: _Message, error: KafkaError) -> None:
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public code
            self._reached[partition] = message.offset()
            self._damage.healed(partition)
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - a public code
            self._unconfirmed_since = self._clock()
            self._repairs[partition] = (message.offset(), self._cluster.ask_available([partition]))
            return
        if is_damage(error):
            if partition in self._damage:  # librdkafka had queued it before the partition was let go of
                return
            self._damage.note(partition, message.offset(), self._scrub(error.str()), self._clock(), error.code())
            self._consumer.incremental_unassign([TopicPartition(self._settings.topic, partition)])
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

    def _repair(self) -> None:
        if self._unconfirmed_since is not None:
            return  # of another topic of that name, no offset says anything
        for partition, (wanted, futures) in list(self._repairs.items()):
            if not all(each.done() for each in futures):
                continue
            if any(failure(each) is not None for each in futures):
                self._repairs[partition] = (wanted, self._cluster.ask_available([partition]))
                continue
            del self._repairs[partition]
            has = available([each.result() for each in futures])[0]
            try:
                offset = wanted if has.can_start_at(wanted) else self._offset_after_gap(partition, wanted, has)
            except OffsetsGoneError as error:
                self._failure = error
                return
            if offset < wanted:
                self._committer.know(partition, None)
                self._handed.pop(partition, None)
                self._reached.pop(partition, None)
            self._consumer.incremental_unassign([TopicPartition(self._settings.topic, partition)])
            self._go_on_at(partition, offset)

    def _go_on_at(self, partition: int, offset: int) -> None:
        self._begun[partition] = offset
        self._consumer.incremental_assign([TopicPartition(self._settings.topic, partition, offset)])

    def _offset_after_gap(self, partition: int, wanted: int, has: Available) -> int:
        wanted = max(wanted, self._needed_from[partition])
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
            self._begun_anew(self._sources[partition], partition)
        return has.first

    def _on_error(self, error: KafkaError) -> None:
        refusal = setup_error(error, self._settings)
        if refusal is not None:
            self._failure = refusal
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and self._lost_since is None:  # noqa: SLF001 - a public code
            self._lost_since = self._clock()

    def _found(self) -> None:
        self._lost_since = None
        self._log.say(logging.INFO, "kafka is back", topic=self._settings.topic)

    def _say_lost(self, lost_seconds: float) -> None:
        self._log.say(
            logging.WARNING,
            "waiting for kafka",
            bootstrap_servers=self._settings.bootstrap_servers,
            lost_seconds=round(lost_seconds),
        )
