"""The dead-letter queue: one thread that makes dead letters durable, and says which are."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Final

import structlog

from connectors.dead_letters import LettersUnavailableError, LetterWriter
from flows.domain.fate import DeadLetter

log = structlog.get_logger()

_BATCH_LETTERS: Final = 500
_BATCH_BYTES: Final = 4 << 20
"""A batch is over once its letters are more: as they are stored they take several times as much for a moment."""
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0


class DeadLetterQueue:
    """Takes dead letters. A letter that cannot be written is tried again until it can: none is dropped."""

    def __init__(
        self,
        writer: LetterWriter,
        written: Callable[[DeadLetter], None],
        first_wait_seconds: float = _FIRST_WAIT_SECONDS,
    ) -> None:
        self._writer = writer
        self._written = written
        self._inbox: deque[DeadLetter] = deque()
        self._arrived = Event()
        self._first_wait_seconds = first_wait_seconds
        self._closing = Event()
        self._is_busy = False
        self.waits_for: str | None = None
        """Why letters cannot be written, if so."""
        self.moved_at = time.monotonic()
        """When it last began or ended to write."""
        self.error: BaseException | None = None
        """What ended the thread, if anything did."""
        self._thread = Thread(target=self._run, name="postbox", daemon=True)
        self._thread.start()

    def submit(self, letters: Iterable[DeadLetter]) -> None:
        """Take letters over. Never blocks.

        `written` is called for each once it is durable, from the dead-letter queue's thread.
        """
        self._inbox.extend(letters)
        self._arrived.set()

    @property
    def waiting(self) -> int:
        """How many letters wait to be taken up."""
        return len(self._inbox)

    @property
    def is_idle(self) -> bool:
        """Whether everything taken is durable."""
        return not self._inbox and not self._is_busy

    def close(self) -> None:
        """Stop; what is not written yet stays unwritten."""
        self._closing.set()
        self._arrived.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._arrived.wait()
                self._arrived.clear()
                self._is_busy = True
                while self._inbox and not self._closing.is_set():
                    self._write(self._next_batch())
                self._is_busy = False
        except BaseException as problem:  # raised again where the flow can see it
            self.error = problem
            log.exception("postbox stopped")
        finally:
            self._writer.close()

    def _next_batch(self) -> list[DeadLetter]:
        batch: list[DeadLetter] = []
        room_bytes = _BATCH_BYTES
        while self._inbox and len(batch) < _BATCH_LETTERS and room_bytes > 0:
            letter = self._inbox.popleft()
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
        for letter in batch:
            self._written(letter)

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
