"""The queue: copies that are stored, read and deleted by one thread, off everybody's path."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple, TypeVar

from connectors.limited_log import LimitedLog
from connectors.request_copy import CopiedRequest
from connectors.tee.counts import DropReason, TeeCounts
from connectors.tee.database import Database, size_of
from connectors.tee.schedule import WaitingCopy
from connectors.tee.store import Store

_Found = TypeVar("_Found")

_DURABLE_SECONDS: Final = 0.5
"""For so long at the most an answer waits for its copy."""
_MOST_IN_MEMORY_BYTES: Final = 48 << 20
"""Of copies that wait for the disk: two of the largest bodies, and some."""
_TICK_SECONDS: Final = 0.5
_MOST_DONE: Final = 64
"""So many are deleted at once; before that, with the next copies that come, or at a tick."""


class _Question(NamedTuple):
    ask: Callable[[Database], Any]
    answer: "asyncio.Future[Any]"


class QueuedCopy:
    """Implements `RequestCopy`."""

    def __init__(self, queue: "CopyQueue", request: CopiedRequest, stored: "asyncio.Future[None]") -> None:
        self._queue = queue
        self.request = request
        self.size = size_of(request)
        self.stored = stored
        self.is_taken: bool | None = None
        self.id: int | None = None

    def settle(self, *, is_taken: bool) -> None:
        """Say whether the client is told that its events were taken."""
        self.is_taken = is_taken
        self._queue.settled(self)

    async def durable(self) -> None:
        """Return when the copy is stored or dropped; after half a second in any case."""
        if self._queue.is_slow or self.stored.done():
            return
        done, _ = await asyncio.wait((self.stored,), timeout=_DURABLE_SECONDS)
        if not done:
            self._queue.is_slow = True


class CopyQueue:
    """Implements `RequestCopier`. Belongs to one event loop; of its methods, none raises."""

    def __init__(self, directory: Path, most_bytes: int, counts: TeeCounts, on_more: Callable[[], None]) -> None:
        """Open it; `on_more` is called in the loop when there may be more to send on. Raises SetupError."""
        self._directory = directory
        self._counts = counts
        self._on_more = on_more
        self._loop = asyncio.get_running_loop()
        self._log = LimitedLog()
        self._work: SimpleQueue[QueuedCopy | _Question | None] = SimpleQueue()
        self._memory_bytes = 0
        self._done: deque[tuple[int, int]] = deque()
        self._unsettled: dict[int, WaitingCopy | None] = {}
        """Stored, and nobody knows yet what its client is told; with what was read of it."""
        self._withdrawn: set[int] = set()
        self._settled: list[WaitingCopy] = []
        self._last_read = 0
        self._is_closed = False
        self.is_slow = False
        """The disk does not keep up: no answer waits for it."""
        self._store = Store(directory, most_bytes, counts)
        self._thread = Thread(target=self._run, name="tee", daemon=True)
        self._thread.start()

    def begin(self, request: CopiedRequest) -> QueuedCopy:
        """Begin to store a copy, and return at once."""
        copy = QueuedCopy(self, request, self._loop.create_future())
        if self._is_closed or self._memory_bytes + copy.size > _MOST_IN_MEMORY_BYTES:
            copy.stored.set_result(None)
            self.drop(DropReason.SLOW, request.events)
        else:
            self._memory_bytes += copy.size
            self._work.put(copy)
        return copy

    def settled(self, copy: QueuedCopy) -> None:
        """Take note of whether a copy is to be sent on."""
        if copy.id is None or copy.id not in self._unsettled:
            return
        known = self._unsettled.pop(copy.id)
        if not copy.is_taken:
            self._withdraw(copy.id, copy.size)
            return
        if known is not None:
            self._settled.append(known)
        self._on_more()

    def done(self, number: int, size: int) -> None:
        """Delete a copy, soon."""
        self._done.append((number, size))

    async def more(self, most: int) -> list[WaitingCopy]:
        """Return copies to be sent on that were not returned before, in their order, at the most so many and some."""
        after = self._last_read
        rows = await self._ask(lambda database: database.rows(after, most)) or []
        found, self._settled = self._settled, []
        for row in rows:
            self._last_read = row.id
            waiting = WaitingCopy(row.id, row.received_ms, row.events, row.size, row.keys)
            if row.id in self._unsettled:
                self._unsettled[row.id] = waiting
            elif row.id not in self._withdrawn:
                found.append(waiting)
        self._withdrawn = {each for each in self._withdrawn if each > self._last_read}
        return found

    async def request(self, number: int) -> CopiedRequest | None:
        """Return a copy with its content; None where it cannot be read."""
        return await self._ask(lambda database: database.request(number))

    def drop(self, reason: DropReason, events: int) -> None:
        """Count a copy that is lost, and say so."""
        self._counts.dropped[reason] += events
        self._log.say(
            logging.ERROR,
            "copies for Amplitude are dropped; their events are taken, and stay in the stream",
            message_class=reason,
            reason=reason.value,
            directory=str(self._directory),
        )

    async def close(self) -> None:
        """Store and delete what was begun, and let go of the file. May be called more than once."""
        if not self._is_closed:
            self._is_closed = True
            self._work.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    async def _ask(self, ask: Callable[[Database], _Found]) -> _Found | None:
        if self._is_closed:
            return None
        answer: asyncio.Future[_Found | None] = self._loop.create_future()
        self._work.put(_Question(ask, answer))
        return await answer

    def _withdraw(self, number: int, size: int) -> None:
        self._withdrawn.add(number)
        self.done(number, size)

    def _on_stored(self, copies: Sequence[QueuedCopy], outcomes: Sequence[int | DropReason]) -> None:
        self.is_slow = False
        for copy, outcome in zip(copies, outcomes, strict=True):
            self._memory_bytes -= copy.size
            if not copy.stored.done():
                copy.stored.set_result(None)
            if isinstance(outcome, DropReason):
                self.drop(outcome, copy.request.events)
                continue
            copy.id = outcome
            if copy.is_taken is None:
                self._unsettled[outcome] = None
            elif not copy.is_taken:
                self._withdraw(outcome, copy.size)
        self._on_more()

    def _run(self) -> None:
        is_over = False
        while not is_over:
            copies, questions, is_over = self._take()
            is_idle = not copies and not questions
            if copies or (self._done and (is_over or is_idle or len(self._done) >= _MOST_DONE)):
                self._put(copies)
            for ask, answer in questions:
                self._call(_settle, answer, self._store.ask(ask))
            if is_idle:
                self._store.tend()
        self._store.close()

    def _take(self) -> tuple[list[QueuedCopy], list[_Question], bool]:
        """Wait for something to do, and return all that is there; with it, whether nothing will follow."""
        copies: list[QueuedCopy] = []
        questions: list[_Question] = []
        with suppress(Empty):
            found = self._work.get(timeout=_TICK_SECONDS)
            while found is not None:
                if isinstance(found, QueuedCopy):
                    copies.append(found)
                else:
                    questions.append(found)
                found = self._work.get_nowait()
            return copies, questions, True
        return copies, questions, False

    def _put(self, copies: Sequence[QueuedCopy]) -> None:
        done = [self._done.popleft() for _ in range(len(self._done))]
        outcomes, is_deleted = self._store.put([each.request for each in copies], done)
        if not is_deleted:
            self._done.extend(done)
        if copies:
            self._call(self._on_stored, copies, outcomes)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            self._loop.call_soon_threadsafe(function, *arguments)


def _settle(answer: "asyncio.Future[Any]", found: Any) -> None:
    if not answer.done():
        answer.set_result(found)
