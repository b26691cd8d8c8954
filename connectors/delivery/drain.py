"""Drain: at the end of the input, or at a stop, what was taken comes to its end, and then the threads do."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.outbox import Outbox
from connectors.delivery.sender import Sender
from connectors.pace import wait
from connectors.shutdown import Shutdown

log = structlog.get_logger()

_LOOK_SECONDS: Final = 0.01
_REMINDER_SECONDS: Final = 10.0
_SPARE_SECONDS: Final = 0.5
"""For what takes its time besides the answers."""


class Drain:
    """Watches the threads that bring the outbox to its end. `beat` is called while it waits."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        dead_letter_queue: DeadLetterQueue,
        shutdown: Shutdown,
        drain_seconds: float,
        timeout_seconds: float,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._dead_letter_queue = dead_letter_queue
        self._shutdown = shutdown
        self._drain_seconds = drain_seconds
        self._send_seconds = drain_seconds - timeout_seconds - _SPARE_SECONDS
        self._beat = beat
        self._has_said_so = False

    def raise_errors(self) -> None:
        """Raise what ended a background thread, so that the process stops loudly and is started again."""
        for worker in (self._sender, self._dead_letter_queue):
            if worker.error is not None:
                raise RuntimeError(f"{type(worker).__name__.lower()} stopped") from worker.error

    def run(self) -> None:
        """Wait until everything taken is final: at a stop for at most `drain_seconds` since it was asked for.

        What is broken off at its end would be sent twice, so nothing new is sent when its answer could come too late.
        """
        reminded_at = time.monotonic()
        while len(self._outbox) or (self._outbox.set_aside_count and not self._shutdown.requested):
            paused = self._sender.paused
            if paused and not self._outbox.besides(paused) and not self._sender.in_flight:
                log.info("syncs are paused by the settings; what waits for them is kept", syncs=sorted(paused))
                return
            self._beat()
            now = time.monotonic()
            if self._shutdown.requested and self._must_end(now - self._shutdown.since):
                if not self._has_said_so:  # the last snapshot and the end both wait
                    log.warning("stopped before everything was final; the rest is pending", events=len(self._outbox))
                self._has_said_so = True
                return
            if now - reminded_at >= _REMINDER_SECONDS:
                reminded_at = now
                circuits = {
                    lane: circuit.value for lane, circuit in self._sender.circuits.items() if circuit.value != "closed"
                }
                log.info(
                    "waiting for what is not final yet",
                    events=len(self._outbox),
                    circuits=circuits,
                    letters=self._dead_letter_queue.waits_for,
                )
            self.raise_errors()
            wait(_LOOK_SECONDS)

    def _must_end(self, waited_seconds: float) -> bool:
        if waited_seconds >= self._send_seconds:
            self._sender.hold()
        return waited_seconds >= self._drain_seconds or (self._sender.is_still and self._dead_letter_queue.is_idle)

    def close(self) -> None:
        """Stop the background threads."""
        self._sender.close()
        self._dead_letter_queue.close()
