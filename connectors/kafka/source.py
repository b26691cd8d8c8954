"""The Kafka source: one Bytewax partition per owned Kafka partition, all fed by one consumer."""

import atexit
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog
from bytewax.inputs import FixedPartitionedSource

from connectors.hearing import Hearing
from connectors.kafka.claim import Claim
from connectors.kafka.consumer import Intervals, SharedConsumer
from connectors.kafka.ends import Ends
from connectors.kafka.errors import StoppedWhileWaitingError
from connectors.kafka.found_topic import FoundTopic, find_topic
from connectors.kafka.lookback import begins_of_warm_up
from connectors.kafka.note import FinalAbove
from connectors.kafka.offsets import Available, Watermark, starting_offset
from connectors.kafka.origins import Origins
from connectors.kafka.partition import KafkaPartition, ReadFrom
from connectors.kafka.passing import Passing
from connectors.kafka.position import ResumePosition, read_position
from connectors.kafka.settings import KafkaSource
from connectors.kafka.watch import PartitionWatch
from connectors.limited_log import Clock, LimitedLog
from connectors.opening import PartitionProgress
from connectors.pace import Pace
from connectors.shutdown import Shutdown
from flows.domain.event import Record
from flows.domain.slice import ALL, Slice
from flows.domain.warm_up import WarmUp

EVERY: Final = Intervals()


class KafkaInput(FixedPartitionedSource[Record, ReadFrom]):
    """Reads the partitions of one topic that a slice owns.

    A partition begins at Bytewax's saved position, else at the group's committed offset, else at `settings.start`. If
    it begins at the group's offset with a `warm_up`, it reads `settings.warm_up_hours` of what is before it first. The
    source is no member of the group: the group gets the ledger's low watermark every few seconds, for lag tools and for
    a start without a saved position.

    Call `connect` before the dataflow runs and `close` when it has ended; where they are not called, `list_parts` and
    the interpreter's exit do it. One object serves one run.

    Args:
        settings: `[source]`.
        room: how many events may be read now; at 0 or below nothing is.
        watermark: (topic, partition) → the lowest offset that is not final; None if nothing is known yet.
        stopping: ends the stream when requested; asked to restart the process when the topic gets new partitions.
        part: which slice this process is; by default it owns all partitions.
        intervals: how often it commits and looks for new partitions.
        clock: a monotonic clock, in seconds.
        begun_anew: told (topic, partition) where reading goes back because the topic was made again, so that offsets
            that were known name other events now.
        warm_up: is told up to where each partition only teaches. None is no warm-up: as without a recovery store, where
            each start would have one.
        with_headers: the records have their headers.
        begun: told (topic, partition, offset) where the reading of each partition begins.
        rereads: for a flow that keeps nothing of what it has read: what is not final is read again at the next start.
            Snapshots are the watermark then, and the group's offset counts where it is further than the saved position.
        claim: notices a topic that was made again, a state directory that is older than the group, and another process
            that reads for the group. None looks at none of these.
        final: told up to where each partition only teaches though it is above the group's offset, for a start without
            state; as `warm_up`, but with or without a recovery store.
        until: partition → the offset where it ends; looked at when a partition begins. Others never end by themselves.
            One with damage before it ends there, see `unreadable`.
        pace: how the workers rest while nothing comes; the same for all parts of the process.
        hearing: is told for how long the topic was read, and up to when all of it has been. None where nobody asks.
    """

    def __init__(
        self,
        settings: KafkaSource,
        room: Callable[[], int],
        watermark: Watermark,
        shutdown: Shutdown,
        part: Slice = ALL,
        *,
        intervals: Intervals = EVERY,
        clock: Clock = time.monotonic,
        begun_anew: Callable[[str, int], None] = lambda _topic, _partition: None,
        warm_up: WarmUp | None = None,
        with_headers: bool = False,
        begun: Callable[[str, int, int], None] = lambda _topic, _partition, _offset: None,
        rereads: bool = False,
        until: Mapping[int, int] = MappingProxyType({}),
        claim: Claim | None = None,
        final: WarmUp | None = None,
        pace: Pace | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._hearing = hearing
        self._claim = claim
        self._final = final
        self._origins = Origins(settings.topic, claim)
        self._sources: dict[int, str] = {}
        self._until = until
        self._with_headers = with_headers
        self._begun = begun
        self._rereads = rereads
        self._begun_anew = begun_anew
        self._warm_up = warm_up
        self._warm_up_begins: dict[int, int] | None = None
        self._found: FoundTopic | None = None
        self._settings = settings
        self._room = room
        self._watermark = watermark
        self._shutdown = shutdown
        self._part = part
        self._intervals = intervals
        self._clock = clock
        self._lock = threading.Lock()
        self._consumer: SharedConsumer | None = None
        self._available: dict[int, Available] = {}
        self._committed: dict[int, int] = {}
        self._open: set[int] = set()
        self._parts: dict[int, KafkaPartition] = {}
        self._ends: Ends | None = None
        self._watch: PartitionWatch | None = None

    @property
    def is_connected(self) -> bool:
        """Whether Kafka was found at the start, and answers."""
        return self._consumer is not None and not self._consumer.is_lost

    @property
    def is_found(self) -> bool:
        """Whether Kafka was found at the start."""
        return self._consumer is not None

    @property
    def damaged(self) -> dict[int, str]:
        """Partition → why it is not read on, of those of which Kafka hands out damaged records."""
        return {} if self._consumer is None else self._consumer.damaged

    @property
    def unreadable(self) -> dict[int, str]:
        """Partition → why it has ended before the offset where it was to end."""
        parts = sorted(self._parts.items())
        return {partition: part.unreadable for partition, part in parts if part.unreadable is not None}

    @property
    def partition_count(self) -> int | None:
        """How many partitions the topic has, whoever reads them; None before Kafka has said it."""
        return self._watch.known if self._watch is not None else None

    def progress(self) -> list[PartitionProgress]:
        """Return how far each partition has come; those that are not begun yet are left out."""
        if self._consumer is None or self._ends is None:
            return []
        ends, committed = self._ends.known, self._consumer.told_group
        return [
            PartitionProgress(
                partition,
                part.next_offset,
                committed.get(partition),
                max(ends[partition], part.next_offset) if partition in ends else None,
                part.last_record_ms,
            )
            for partition, part in sorted(self._parts.items())
        ]

    def sent_again(self) -> dict[int, int]:
        """Return partition → how many records would be sent again at the most if the state were lost; see `Claim`."""
        return self._claim.sent_again() if self._claim is not None else {}

    def connect(self) -> bool:
        """Find the topic, its partitions and the group's offsets; wait for as long as no broker can be reached.

        Returns:
            False if a stop was requested while it waited. Calling it again after True changes nothing.

        Raises:
            KafkaSetupError: the topic is missing, Kafka refuses the access, or the slice would own no partition.
            SecretError: the secret of a property in `[source.properties]` is missing.
        """
        with self._lock:
            if self._consumer is not None:
                return True
            log = LimitedLog(clock=self._clock)
            found = find_topic(self._settings, self._part, self._shutdown, log, self._clock)
            if found is None:
                return False
            wait_seconds = 2 * self._intervals.commit + 1
            ask_notes = partial(found.ask_notes, self._shutdown)
            if not self._origins.settle(found.topic_id, found.offsets, ask_notes, self._shutdown, wait_seconds):
                return False
            cluster = found.cluster
            self._found, self._available, self._committed = found, found.available, found.committed
            self._watch = watch = PartitionWatch(
                self._settings,
                cluster,
                known=found.partition_count,
                owns=self._part.owns,
                shutdown=self._shutdown,
                interval_seconds=self._intervals.watch_partitions,
                now=self._clock(),
                known_id=found.topic_id,
            )
            self._ends = Ends(cluster, list(found.available), self._passing_of(list(found.available)))
            self._consumer = SharedConsumer(
                found.secret,
                cluster,
                watch,
                room=self._room,
                watermark=self._watermark,
                log=log,
                intervals=self._intervals,
                clock=self._clock,
                begun_anew=self._begun_anew,
                ends=self._ends,
                with_headers=self._with_headers,
                claim=self._claim if found.topic_id is not None else None,
                stop_to_restart=lambda: self._shutdown.request(restart=True),
            )
            atexit.register(self.close)
            return True

    def list_parts(self) -> list[str]:
        """Return the keys of the owned partitions, `TOPIC/PARTITION`.

        Raises:
            KafkaSetupError: as `connect`.
            StoppedWhileWaitingError: a stop was requested before Kafka could be reached. Bytewax has no clean end
                at this point, which is why `connect` is better called before it runs.
        """
        if not self.connect():
            raise StoppedWhileWaitingError("stopped while waiting for Kafka; nothing was read")
        return [f"{self._settings.topic}/{partition}" for partition in self._available]

    def build_part(self, step_id: str, for_part: str, resume_state: ReadFrom) -> KafkaPartition:  # noqa: ARG002 - Bytewax's signature
        """Begin to read a partition. The first that is to warm up waits until Kafka has said where each begins.

        Raises:
            OffsetsGoneError: Kafka does not have the offset that is next and `source.on_out_of_range` is "fail".
        """
        partition = int(for_part.rpartition("/")[2])
        if self._consumer is None:
            raise RuntimeError("list_parts comes first")
        has = self._available[partition]
        group = self._committed.get(partition)
        stored = read_position(resume_state)
        if self._rereads and stored is not None and group is not None and stored.offset < group <= has.end:
            stored = None
        origin, is_another = self._origins.of(partition, stored)
        if is_another:
            stored, group = ResumePosition(has.first), None
        source = origin.source if origin is not None else self._settings.topic
        self._sources[partition] = source
        final = stored.final if stored is not None else self._final_of(partition, group)
        resume, border = (stored.offset, stored.warm_up_until) if stored is not None else (None, 0)
        is_decided = True
        if resume is None and group is not None and self._warm_up is not None:
            begins = self._begins_of_warm_up()
            is_decided = begins is not None
            resume, border = (begins[partition], group) if begins and partition in begins else (None, 0)
        if border and self._warm_up is not None:
            self._warm_up.begin(source, partition, border)
        if final is not None and self._final is not None:
            self._final.begin_final(source, partition, final.until, final.pending)
        is_added = resume is None and group is None and self._claim is not None and self._claim.kept.is_added(partition)
        if is_added:
            resume = has.first  # `start` says where the topic begins to be read, which it has long begun to be
        wanted = starting_offset(resume, group, has, self._settings.start)
        claims = self._claim is not None and group is None and (stored is None or is_another)
        offset = self._consumer.begin(partition, wanted, group, has, needed_from=border, source=source, claims=claims)
        self._begun(source, partition, offset)
        with self._lock:
            self._open.add(partition)
        structlog.get_logger().info(
            "reading a partition",
            topic=self._settings.topic,
            partition=partition,
            offset=offset,
            end=has.end,
            begun_from="a topic made again"
            if is_another
            else "a partition that was added"
            if is_added
            else "state"
            if stored is not None
            else "group"
            if group is not None
            else self._settings.start,
            **({"sends_from": border} if offset < border else {}),
        )
        part = KafkaPartition(
            self._consumer,
            partition,
            offset,
            shutdown=self._shutdown,
            on_close=self._close_part,
            warm_up_until=border if offset < border else 0,
            is_decided=is_decided,
            final_up_to=partial(self._watermark, source, partition) if self._rereads else None,
            until=self._until.get(partition),
            origin=origin,
            final=final,
            pace=self._pace,
        )
        self._parts[partition] = part
        return part

    def committed(self) -> dict[tuple[str, int], int]:
        """Return (topic, partition) → the offset that the group certainly has: a commit that Kafka has acknowledged."""
        if self._consumer is None:
            return {}
        topic, sources = self._settings.topic, self._sources
        return {(sources.get(each, topic), each): offset for each, offset in self._consumer.acknowledged.items()}

    def close(self) -> None:
        """Commit the low watermark a last time and let go of the connection. May be called more than once."""
        atexit.unregister(self.close)
        if self._consumer is not None:
            self._consumer.close()

    def _final_of(self, partition: int, group: int | None) -> FinalAbove | None:
        return None if self._final is None else self._origins.final_of(partition, group)

    def _begins_of_warm_up(self) -> dict[int, int] | None:
        """Return partition → the offset to begin to learn at; None if a stop was requested before Kafka has said it."""
        with self._lock:
            found = self._found
            if self._warm_up_begins is None and found is not None:
                self._warm_up_begins = begins_of_warm_up(
                    found.secret, found.cluster, self._shutdown, found.available, found.committed
                )
            return self._warm_up_begins

    def _close_part(self, partition: int) -> None:
        with self._lock:
            self._open.discard(partition)
            is_last = not self._open
        if self._until and self._consumer is not None:
            self._consumer.end(partition)
            self._shutdown.input_ended = is_last
        if is_last and self._consumer is not None:
            self._consumer.commit()

    def _passing_of(self, owned: list[int]) -> Passing | None:
        if self._hearing is None:
            return None
        parts = self._parts
        return Passing(
            self._hearing,
            owned,
            lambda: {each: part.next_offset for each, part in list(parts.items())},
            lambda: self._room() > 0,
        )
