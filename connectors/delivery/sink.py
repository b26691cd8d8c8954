"""The sink: the end of the flow. Takes deliveries and dead letters, and remembers them until they are final.

A `FixedPartitionedSink`, because its snapshot is part of Bytewax's recovery: it holds what is not final yet, and what
it holds is taken up again at the next start. Nothing here blocks, apart from the drain at the end.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

import structlog
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.delivery import Attempts, Delivery, attempts_of
from connectors.delivery.items import Item, Key, key_of, resume_items, unpack
from connectors.delivery.outbox import Outbox
from connectors.delivery.sender import Sender
from connectors.pace import wait
from connectors.shutdown import Shutdown
from connectors.state.seal import seal, unseal
from connectors.state.step_states import SinkState
from flows.domain.ledger import Ledger

log = structlog.get_logger()

PART: Final = "appsflyer"
_LOOK_SECONDS: Final = 0.01
_REMINDER_SECONDS: Final = 10.0
_SPARE_SECONDS: Final = 0.5
"""For what takes its time besides the answers."""


def _raise(problem: Exception) -> NoReturn:
    raise problem


class _Partition(StatefulSinkPartition[list[Item], tuple[Any, ...]]):
    def __init__(self, sink: "AppsFlyerSink", resume_state: tuple[Any, ...] | None) -> None:
        self._sink = sink
        if resume_state is None:
            sink.outbox.forget_spills()
            return
        packed, marks, _ = SinkState.unpacked(unseal(resume_state))
        attempts = {key_of(unpack(each)): attempts_of(so_far) for each, so_far in packed}
        items = resume_items(sink.ledger, [each for each, _ in packed], attempts)
        sink.outbox.resume_spills(marks)
        self._take(items, attempts)
        for lane in marks:  # the sender only looks after lanes that it has seen
            if not sink.ledger.is_enabled(lane.partition("/")[0]):
                continue
            sink.sender.submit(sink.outbox.take_back(lane, 1))

    def write_batch(self, values: list[list[Item]]) -> None:
        self._sink.raise_errors()
        if self._sink.unsaved_since is None:
            self._sink.unsaved_since = time.monotonic()
        self._take([item for batch in values for item in batch], {})

    def snapshot(self) -> tuple[Any, ...]:
        self._sink.raise_errors()
        if self._sink.shutdown.input_is_over:
            self._sink.drain()
        began = time.monotonic()
        state = self._sink.outbox.state()
        self._sink.snapshot_taken()
        self._sink.snapshot_seconds = time.monotonic() - began
        self._sink.unsaved_since = None
        return seal(state)

    def close(self) -> None:
        if not self._sink.shutdown.input_is_over:  # an error has ended the flow: it takes no longer than a stop
            self._sink.shutdown.request()
        self._sink.drain()
        self._sink.close()

    def _take(self, items: list[Item], attempts: dict[Key, Attempts]) -> None:
        sink = self._sink
        deliveries = []
        letters = []
        for item in items:
            if sink.outbox.recalled(item):
                continue
            so_far = attempts.get(key_of(item), Attempts())
            sink.outbox.add(item, so_far)
            if isinstance(item, Delivery):
                deliveries.append((item, so_far))
            else:
                letters.append(item)
        if deliveries:
            sink.sender.submit(deliveries)
        if letters:
            sink.dead_letter_queue.submit(letters)


class AppsFlyerSink(FixedPartitionedSink[list[Item], tuple[Any, ...]]):
    """Delivers. One partition per process, for one sender serves all its workers."""

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        sender: Sender,
        dead_letter_queue: DeadLetterQueue,
        shutdown: Shutdown,
        drain_seconds: float,
        timeout_seconds: float,
        snapshot_taken: Callable[[], None],
        closed: Callable[[], None],
        beat: Callable[[], None] = lambda: None,
        refuse: Callable[[Exception], NoReturn] = _raise,
    ) -> None:
        self.ledger = ledger
        self.outbox = outbox
        self.sender = sender
        self.dead_letter_queue = dead_letter_queue
        self.shutdown = shutdown
        self._drain_seconds = drain_seconds
        self._send_seconds = drain_seconds - timeout_seconds - _SPARE_SECONDS
        self.snapshot_taken = snapshot_taken
        self._closed = closed
        self._beat = beat
        self._refuse = refuse
        self._has_said_so = False
        self.snapshot_seconds = 0.0
        """How long the last snapshot took, without the drain at the end."""
        self.unsaved_since: float | None = None
        """`time.monotonic()` when the first items came that are in no snapshot yet; Bytewax asks for none without."""

    def list_parts(self) -> list[str]:
        """Return the one partition's name."""
        return [PART]

    def part_fn(self, item_key: str) -> int:  # noqa: ARG002 - all goes to the one partition
        """Return its place."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: tuple[Any, ...] | None) -> _Partition:  # noqa: ARG002 - there is one
        """Begin, with what an earlier run left unfinished."""
        try:
            return _Partition(self, resume_state)
        except Exception as problem:  # noqa: BLE001 - whatever comes of a state that is not what was written
            self._refuse(problem)

    def raise_errors(self) -> None:
        """Raise what ended a background thread, so that the process stops loudly and is started again."""
        for worker in (self.sender, self.dead_letter_queue):
            if worker.error is not None:
                raise RuntimeError(f"{type(worker).__name__.lower()} stopped") from worker.error

    def drain(self) -> None:
        """Wait until everything taken is final: at a stop for at most `drain_seconds` since it was asked for.

        What is broken off at its end would be sent twice, so nothing new is sent when its answer could come too late.
        """
        reminded_at = time.monotonic()
        while len(self.outbox) or (self.outbox.set_aside_count and not self.shutdown.requested):
            paused = self.sender.paused
            if paused and not self.outbox.besides(paused) and not self.sender.in_flight:
                log.info("syncs are paused by the settings; what waits for them is kept", syncs=sorted(paused))
                return
            self._beat()
            now = time.monotonic()
            if self.shutdown.requested and self._must_end(now - self.shutdown.since):
                if not self._has_said_so:  # the last snapshot and the end both wait
                    log.warning("stopped before everything was final; the rest is pending", events=len(self.outbox))
                self._has_said_so = True
                return
            if now - reminded_at >= _REMINDER_SECONDS:
                reminded_at = now
                circuits = {
                    lane: circuit.value for lane, circuit in self.sender.circuits.items() if circuit.value != "closed"
                }
                log.info(
                    "waiting for what is not final yet",
                    events=len(self.outbox),
                    circuits=circuits,
                    letters=self.dead_letter_queue.waits_for,
                )
            self.raise_errors()
            wait(_LOOK_SECONDS)

    def _must_end(self, waited_seconds: float) -> bool:
        if waited_seconds >= self._send_seconds:
            self.sender.hold()
        return waited_seconds >= self._drain_seconds or (self.sender.is_still and self.dead_letter_queue.is_idle)

    def close(self) -> None:
        """Stop the background threads."""
        self.sender.close()
        self.dead_letter_queue.close()
        self._closed()
