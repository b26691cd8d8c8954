"""The Kafka sink: batches of records, in order, to one topic. It keeps nothing: what is not written is read again.

A `FixedPartitionedSink`, because Bytewax tells such a one when an epoch ends and when the flow does. It has nothing to
save, for the source's snapshots never go beyond what Kafka has acknowledged here.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.kafka.producer import NotWrittenError, OrderedProducer, ProducerRecord
from connectors.pace import wait
from connectors.shutdown import Shutdown

log = structlog.get_logger()

PART: Final = "kafka"
_LOOK_SECONDS: Final = 0.005


class _WriterPartition(StatefulSinkPartition[list[ProducerRecord], None]):
    def __init__(self, sink: "KafkaOutput") -> None:
        self._sink = sink

    def write_batch(self, values: list[list[ProducerRecord]]) -> None:
        write = self._sink.producer.write
        for batch in values:
            for each in batch:
                write(each)
        self._sink.producer.poll()

    def snapshot(self) -> None:
        self._sink.producer.poll()
        if self._sink.shutdown.input_is_over:
            self._sink.drain()

    def close(self) -> None:
        self._sink.close()


class KafkaOutput(FixedPartitionedSink[list[ProducerRecord], None]):
    """Writes. One partition per process, so that all of its workers' records keep their order.

    Args:
        producer: where records go; it must be polled by the source too, for a sink without input is not called.
        stopping: whether no more input comes.
        unwritten: how many records are on their way.
        drain_seconds: how long a stop waits for them.
        closed: called once, when no more is written.
    """

    def __init__(
        self,
        producer: OrderedProducer,
        shutdown: Shutdown,
        unwritten: Callable[[], int],
        drain_seconds: float,
        closed: Callable[[], None],
    ) -> None:
        self.producer = producer
        self.shutdown = shutdown
        self._unwritten = unwritten
        self._drain_seconds = drain_seconds
        self._closed = closed

    def list_parts(self) -> list[str]:
        """Return the one partition's name."""
        return [PART]

    def part_fn(self, item_key: str) -> int:  # noqa: ARG002 - all goes to the one partition
        """Return its place."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _WriterPartition:  # noqa: ARG002 - there is one
        """Begin."""
        return _WriterPartition(self)

    def drain(self) -> None:
        """Wait until everything is written, for at most `drain_seconds` since the stop was asked for.

        Raises:
            NotWrittenError: something cannot be.
        """
        until = (self.shutdown.since or time.monotonic()) + self._drain_seconds
        while self._unwritten() and time.monotonic() < until:
            self.producer.poll()
            wait(_LOOK_SECONDS)

    def close(self) -> None:
        """End; after an error of the flow too. Raises nothing: Bytewax would abort where it is dying already."""
        try:
            self.drain()
        except NotWrittenError as problem:
            log.error("kafka does not take everything", why=str(problem))
        if left := self._unwritten():
            log.warning("stopped before kafka had everything; it is read again at the next start", records=left)
        self._closed()
