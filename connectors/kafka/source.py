"""The Kafka source: one Bytewax partition per owned Kafka partition, all fed by one consumer."""

import threading
import time
from functools import partial
from typing import Final, NamedTuple

import structlog
from bytewax.inputs import FixedPartitionedSource

from connectors.kafka.claim import Claim
from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.ends import Ends
from connectors.kafka.errors import StoppedWhileWaitingError
from connectors.kafka.found_topic import FoundTopic, find_topic
from connectors.kafka.origins import Origins
from connectors.kafka.partition import KafkaPartition
from connectors.kafka.passing import Passing
from connectors.kafka.position import StoredPosition, read_position
from connectors.kafka.presence import Presence
from connectors.kafka.read_rules import ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.starts import Starts
from connectors.kafka.topic_reader import Learning, TopicReader
from connectors.kafka.watch import PartitionWatch
from connectors.limited_log import LimitedLog
from connectors.opening import PartitionProgress
from flows.domain.event import Record
from flows.domain.slice import ALL, Slice

AS_USUAL: Final = ReadRules()


class _Found(NamedTuple):
    """What there is once Kafka was found."""

    topic: FoundTopic
    watch: PartitionWatch
    presence: Presence
    ends: Ends
    consumer: SharedConsumer
    starts: Starts


class KafkaInput(FixedPartitionedSource[Record, StoredPosition]):
    """Reads the partitions of one topic that a slice owns. `Starts` says where each begins.

    The source is no member of the group: the group gets the ledger's low watermark every few seconds, for lag tools and
    for a start without a saved position.

    Call `connect` before the dataflow runs, which `list_parts` does where nobody has, and `close` when it has ended,
    also with a failure. One object serves one run.

    Args:
        settings: `[source]`.
        reader: whoever reads it.
        part: which slice this process is; by default it owns all partitions.
        claim: notices a topic that was made again, a state directory that is older than the group, and another process
            that reads for the group. None looks at none of these.
        rules: how it is read.
        learning: what is told of records that only teach, and of the time of reading. None where nobody learns.
    """

    def __init__(
        self,
        settings: KafkaSource,
        reader: TopicReader,
        part: Slice = ALL,
        *,
        claim: Claim | None = None,
        rules: ReadRules = AS_USUAL,
        learning: Learning | None = None,
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._part = part
        self._claim = claim
        self._rules = rules
        self._learning = learning
        self._lock = threading.Lock()
        self._found: _Found | None = None
        self._open: set[int] = set()
        self._parts: dict[int, KafkaPartition] = {}

    @property
    def is_connected(self) -> bool:
        """Whether Kafka was found at the start, and answers."""
        return self._found is not None and not self._found.presence.is_lost

    @property
    def is_found(self) -> bool:
        """Whether Kafka was found at the start."""
        return self._found is not None

    @property
    def damaged(self) -> dict[int, str]:
        """Partition → why it is not read on, of those of which Kafka hands out damaged records."""
        return {} if self._found is None else self._found.consumer.damaged

    @property
    def unreadable(self) -> dict[int, str]:
        """Partition → why it has ended before the offset where it was to end."""
        parts = sorted(self._parts.items())
        return {partition: part.unreadable for partition, part in parts if part.unreadable is not None}

    @property
    def partition_count(self) -> int | None:
        """How many partitions the topic has, whoever reads them; None before Kafka has said it."""
        return None if self._found is None else self._found.watch.known

    def progress(self) -> list[PartitionProgress]:
        """Return how far each partition has come; those that are not begun yet are left out."""
        if self._found is None:
            return []
        ends, committed = self._found.ends.known, self._found.consumer.told_group
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

    def connect(self) -> bool:
        """Find the topic, its partitions and the group's offsets; wait for as long as no broker can be reached.

        Returns:
            False if a stop was requested while it waited. Calling it again after True changes nothing.

        Raises:
            KafkaSetupError: the topic is missing, Kafka refuses the access, or the slice would own no partition.
            SecretError: the secret of a property in `[source.properties]` is missing.
        """
        with self._lock:
            if self._found is None:
                self._found = self._find()
            return self._found is not None

    def list_parts(self) -> list[str]:
        """Return the keys of the owned partitions, `TOPIC/PARTITION`.

        Raises:
            KafkaSetupError: as `connect`.
            StoppedWhileWaitingError: a stop was requested before Kafka could be reached. Bytewax has no clean end
                at this point, which is why `connect` is better called before it runs.
        """
        if not self.connect() or self._found is None:
            raise StoppedWhileWaitingError("stopped while waiting for Kafka; nothing was read")
        return [f"{self._settings.topic}/{partition}" for partition in self._found.topic.available]

    def build_part(self, step_id: str, for_part: str, resume_state: StoredPosition) -> KafkaPartition:  # noqa: ARG002 - Bytewax's signature
        """Begin to read a partition. The first that looks back waits until Kafka has said where each begins.

        Raises:
            OffsetsGoneError: Kafka does not have the offset that is next and `source.on_out_of_range` is "fail".
        """
        if self._found is None:
            raise RuntimeError("list_parts comes first")
        consumer = self._found.consumer
        partition = int(for_part.rpartition("/")[2])
        start = self._found.starts.of(partition, read_position(resume_state))
        offset = consumer.begin(start)
        start = start.at(offset)
        self._reader.begun(start.source, partition, offset)
        with self._lock:
            self._open.add(partition)
        border = start.position.warm_up_until
        structlog.get_logger().info(
            "reading a partition",
            topic=self._settings.topic,
            partition=partition,
            offset=offset,
            end=start.has.end,
            begun_from=start.begun_from,
            **({"sends_from": border} if border else {}),
        )
        part = self._parts[partition] = KafkaPartition(consumer, start, self._reader, self._rules, self._close_part)
        return part

    def committed(self) -> dict[tuple[str, int], int]:
        """Return (topic, partition) → the offset that the group certainly has: a commit that Kafka has acknowledged."""
        return {} if self._found is None else self._found.consumer.committed()

    def close(self) -> None:
        """Commit the low watermark a last time and let go of the connection. May be called more than once."""
        if self._found is not None:
            self._found.consumer.close()

    def _find(self) -> _Found | None:
        settings, reader, rules = self._settings, self._reader, self._rules
        log = LimitedLog()
        topic = find_topic(settings, self._part, reader.shutdown, log)
        if topic is None:
            return None
        origins = Origins(settings.topic, self._claim)
        wait_seconds = 2 * rules.intervals.commit + 1
        ask_notes = partial(topic.ask_notes, reader.shutdown)
        if not origins.settle(topic.topic_id, topic.offsets, ask_notes, reader.shutdown, wait_seconds):
            return None
        watch = PartitionWatch(
            settings,
            topic.cluster,
            known=topic.partition_count,
            owns=self._part.owns,
            shutdown=reader.shutdown,
            interval_seconds=rules.intervals.watch_partitions,
            now=time.monotonic(),
            known_id=topic.topic_id,
        )
        claim = self._claim if topic.topic_id is not None else None
        presence = Presence(settings, watch, reader.shutdown, log, restarts=claim is not None)
        ends = Ends(topic.cluster, list(topic.available), self._passing_of(list(topic.available)))
        consumer = SharedConsumer(topic, presence, ends, reader, rules, claim, log)
        starts = Starts(settings, topic, origins, self._claim, self._learning, rules, reader.shutdown)
        return _Found(topic, watch, presence, ends, consumer, starts)

    def _close_part(self, partition: int) -> None:
        with self._lock:
            self._open.discard(partition)
            is_last = not self._open
        if self._found is None:
            return
        if self._rules.until:
            self._found.consumer.end(partition)
            self._reader.shutdown.input_ended = is_last
        if is_last:
            self._found.consumer.commit()

    def _passing_of(self, owned: list[int]) -> Passing | None:
        if self._learning is None:
            return None
        parts = self._parts
        return Passing(
            self._learning.read_clock,
            owned,
            lambda: {each: part.next_offset for each, part in list(parts.items())},
            lambda: self._reader.room() > 0,
        )
