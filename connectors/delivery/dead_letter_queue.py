"""The dead-letter queue: one thread that makes the outbox's dead letters durable, and tells it which are."""

import time
from threading import Event, Thread
from typing import Final

import structlog

from connectors.dead_letters import LettersUnavailableError, LetterWriter
from connectors.delivery.outbox import Outbox
from flows.domain.fate import DeadLetter

log = structlog.get_logger()

_BATCH_LETTERS: Final = 500
_BATCH_BYTES: Final = 4 << 20
"""A batch is over once its letters are more: as they are stored they take several times as much for a moment."""
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0


class DeadLetterQueue:
    """Writes `outbox.letters`. A letter that cannot be written is tried again until it can: none is dropped."""

    def __init__(self, outbox: Outbox, writer: LetterWriter, first_wait_seconds: float = _FIRST_WAIT_SECONDS) -> None:
        self._outbox = outbox
        self._writer = writer
        self._first_wait_seconds = first_wait_seconds
        self._closing = Event()
        self._is_busy = False
        self.waits_for: str | None = None
        """Why letters cannot be written, if so."""
        self.moved_at = time.monotonic()
        """When it last began or ended to write."""
        self.error: BaseException | None = None
        """What ended the thread, if anything did."""
        self._thread = Thread(target=self._run, name="dead-letter queue", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many letters wait to be taken up."""
        return len(self._outbox.letters)

    @property
    def is_idle(self) -> bool:
        """Whether everything taken is durable."""
        return not self._outbox.letters and not self._is_busy

    def close(self) -> None:
        """Stop; what is not written yet stays unwritten."""
        self._closing.set()
        self._outbox.letters_arrived.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._outbox.letters_arrived.wait()
                self._outbox.letters_arrived.clear()
                self._is_busy = True
                while self._outbox.letters and not self._closing.is_set():
                    self._write(self._next_batch())
                self._is_busy = False
        except BaseException as problem:  # raised again where the flow can see it
            self.error = problem
            log.exception("dead-letter queue stopped")
        finally:
            self._writer.close()

    def _next_batch(self) -> list[DeadLetter]:
        batch: list[DeadLetter] = []
        letters, room_bytes = self._outbox.letters, _BATCH_BYTES
        while letters and len(batch) < _BATCH_LETTERS and room_bytes > 0:
            letter = letters.popleft()
            room_bytes -= len(letter.value) + len(letter.key or b"")
            batch.append(letter)
        return batch

    def _write(self, batch: list[DeadLetter]) -> None:
        wait_seconds = self._first_wait_seconds
        while (why_not := self._try(batch)) is not None:
            if self.waits_for is None:
                log.error("dead letters cannot be written; waiting, nothing is lost", why=why_not)
            self.waits_for = why_not
            if self._closing.wait(wait_seconds):
                return
            wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
        if self.waits_for is not None:
            log.info("dead letters are written again")
            self.waits_for = None
        self._outbox.written(batch)

    def _try(self, batch: list[DeadLetter]) -> str | None:
        """Write; return why that is not possible now, if so."""
        self.moved_at = time.monotonic()
        try:
            self._writer.write(batch)
        except LettersUnavailableError as problem:
            return str(problem)
        finally:
            self.moved_at = time.monotonic()
        return None
