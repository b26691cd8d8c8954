"""What the threads of one rekeying share: the two ends in Kafka, the ledger between them, and the wish to stop."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

from connectors.delivery.settings import DeliveryTable
from connectors.kafka.claim import Claim
from connectors.kafka.errors import KafkaSourceError
from connectors.kafka.hand_over import HandOver
from connectors.kafka.kept import IfOlder, Kept
from connectors.kafka.kept_target import TargetWatch, keep_target
from connectors.kafka.producer import PARTITIONER, OrderedProducer, ProducerRecord
from connectors.kafka.read_rules import Intervals, ReadRules
from connectors.kafka.sink import KafkaOutput
from connectors.kafka.source import KafkaInput
from connectors.kafka.target import TargetTopic, find_target
from connectors.kafka.topic_reader import TopicReader
from connectors.shutdown import Shutdown
from connectors.state.engine_store import StoreError, stored_keys
from connectors.state.layout import Layout
from connectors.state.lock import lock_directory
from connectors.state.step_states import REKEY_SOURCE
from flows.domain.event import Position, Record
from flows.domain.ledger import Ledger
from flows.domain.repartition import rekey
from flows.domain.slice import Slice
from flows.runtime.rekey import report
from flows.runtime.rekey.counts import RekeyCounts
from flows.runtime.rekey.place import Place

log = structlog.get_logger()

MOST_PENDING_BYTES: Final = 64 << 20
"""Of keys and values that Kafka has not acknowledged; what is fetched already may come on top."""
COMMIT_SECONDS: Final = 1.0
"""What is read between two commits is written again after a crash."""
_FAILED: Final = 1
_WRITTEN: Final = 0
"""The ledger's one place: its entries are not syncs here but records to write."""

_IF_OLDER: Final = IfOlder(
    "Another number of slices, or a newer copy of this state, has read on since; to go on from here would copy again "
    "what was copied since.",
    "Remove {directory}/recovery, and rekey begins at the group's offsets and copies nothing twice; or, to go on from "
    "here all the same and copy again, remove {file}.",
)


class Rekeying:
    """Builds the parts of the flow; keeps what they share."""

    def __init__(self, place: Place, delivery: DeliveryTable, part: Slice) -> None:
        """Build them. Raises StateInUseError, or OSError where the state directory cannot be used."""
        self.shutdown = Shutdown()
        self.counts = RekeyCounts()
        self.before_summary: Callable[[], None] = lambda: None
        """Called once, before the summary is printed."""
        self.ledger = Ledger(["written"], delivery.max_pending)
        self._directory = place.directory(part)
        self._lock = lock_directory(self._directory)
        self._place = place
        self._drain_seconds = delivery.drain_seconds
        self._pending_bytes = 0
        self._counting = Lock()
        self._producer: OrderedProducer | None = None
        self.is_closed = False
        self._hand_over: HandOver | None = None
        self._until: dict[int, int] = {}
        self._target_watch: TargetWatch | None = None
        kept = Kept(
            self._directory, place.source.topic, has_position=_has_position(self._directory), if_older=_IF_OLDER
        )
        self.kafka = KafkaInput(
            place.source,
            TopicReader(self._room, self.ledger.watermark, self.shutdown, self._begun),
            part,
            claim=Claim(kept, self.ledger.pending_offsets),
            rules=ReadRules(
                Intervals(commit=COMMIT_SECONDS, watch_partitions=place.source.watch_partitions_seconds),
                with_headers=True,
                rereads=True,
                until=self._until,
            ),
        )

    def connect(self) -> bool:
        """Open both ends: `source` and `sink`. Waits for Kafka; returns False if a stop is asked for meanwhile.

        Raises:
            KafkaSetupError: as `find_target` and `KafkaInput.connect`.
            SecretError: the secret of a property is missing.
        """
        target = find_target(self._place.source, self._place.to_topic, self.shutdown)
        if target is not None:
            keep_target(self._directory, target, self._place.source.group_id)
        if target is None or not self._may_hand_over(target) or not self.kafka.connect():
            return False
        self._target_watch = TargetWatch(self._place.source, target, self.shutdown)
        producer = self._producer = OrderedProducer(self._place.source, target, self._written)
        log.info(
            "rekeying a topic",
            from_topic=self._place.source.topic,
            from_partitions=target.source_partitions,
            to_topic=target.topic,
            to_partitions=target.partitions,
            partitioner=PARTITIONER,
            group=self._place.source.group_id,
        )
        self.source = self.kafka
        self.sink = KafkaOutput(
            producer, self.shutdown, lambda: self.ledger.open_events, self._drain_seconds, self.close
        )
        return True

    def rekey_records(self, records: list[Record]) -> Iterable[tuple[str, list[ProducerRecord]]]:
        """Records → one batch of records to write, in their order; opens their entries."""
        keyed = [rekey(record) for record in records]
        outgoing: list[ProducerRecord] = []
        empty: list[Position] = []
        for record, parts in zip(records, keyed, strict=True):
            for place, (key, value, _) in enumerate(parts):
                position = Position(record.source, record.partition, record.offset, place)
                outgoing.append(ProducerRecord(key, value, record.headers, record.time_ms, position))
            if not parts:
                empty.append(Position(record.source, record.partition, record.offset))
        self.ledger.open_all(each.position for each in outgoing)
        for position in empty:  # after the others, or the watermark could pass one that is not open yet
            self.ledger.read_nothing(position)
        with self._counting:
            self._pending_bytes += sum(each.size_bytes for each in outgoing)
        self.counts.add(keyed)
        return [("", outgoing)] if outgoing else []

    @property
    def written(self) -> int:
        """How many records Kafka has acknowledged."""
        return self.ledger.syncs[_WRITTEN].delivered

    @property
    def is_drained(self) -> bool:
        """Whether nothing waits for an answer."""
        return not self.ledger.open_events

    def ended(self, *, has_failed: bool) -> int:  # noqa: ARG002 - what is not acknowledged is read again
        """Hand over; return 1 where that cannot be yet."""
        self.kafka.close()  # where it has failed, this commits the watermark
        if self._hand_over is not None and self.is_closed:
            return self._finish_hand_over(self._hand_over)
        return 0

    def _may_hand_over(self, target: TargetTopic) -> bool:
        """Find out where it is to end, if anywhere; return False if a stop was requested before Kafka has said it."""
        if not self._place.hand_over:
            return True
        self._hand_over = HandOver(self._place.source, self._place.stream_group_id, target, self.shutdown)
        cut = self._hand_over.cut()
        self._until.update(cut or {})
        return cut is not None

    def _finish_hand_over(self, hand_over: HandOver) -> int:
        ends = None
        if unreadable := self.kafka.unreadable:
            for text in unreadable.values():
                sys.stderr.write(f"--hand-over: {text}\n")
            count = f"{len(unreadable)} of {len(self._until)} partitions"
            sys.stderr.write(f"{count} are not copied up to the group's place; ")
        elif self.shutdown.input_ended and not self.shutdown.requested and not self.ledger.open_events:
            try:
                ends = hand_over.finish()
            except KafkaSourceError as problem:
                sys.stderr.write(f"{problem}\n")
        if ends is None:
            sys.stderr.write("nothing is handed over yet; run the same command again\n")
            return _FAILED
        place = self._place
        sys.stdout.write(
            f"The group {place.stream_group_id} goes on in {place.to_topic} where it stood in {place.source.topic}. "
            f'Now set source.topic = "{place.to_topic}"; slices need another state.directory, too.\n'
        )
        return 0

    def _begun(self, topic: str, partition: int, offset: int) -> None:
        """Take where a partition begins as read up to there: it is committed although nothing may come for long."""
        self.ledger.read_nothing(Position(topic, partition, offset - 1))

    def _room(self) -> int:
        """Return how many records may be read; the source asks each time that the worker comes to it."""
        if self._producer is not None:
            self._producer.poll()
        if self._target_watch is not None:
            self._target_watch.look()
        return self.ledger.room() if self._pending_bytes < MOST_PENDING_BYTES else 0

    def _written(self, position: Position, size_bytes: int) -> None:
        self.ledger.delivered(position, _WRITTEN, 0)
        with self._counting:
            self._pending_bytes -= size_bytes

    def close(self) -> None:
        """End the run: everything is written, or what is not is read again."""
        self.is_closed = True
        if self._producer is not None:
            self._producer.close()
        self.kafka.close()  # commits the watermark, now that everything is written that will be
        self.before_summary()
        report.print_summary(self.counts, self.written, self.ledger.open_events)


def _has_position(directory: Path) -> bool:
    """Return whether the recovery store knows a position; to be asked before Bytewax opens it."""
    try:
        return bool(stored_keys(Layout(directory).recovery, REKEY_SOURCE))
    except StoreError:  # which Bytewax says
        return True
