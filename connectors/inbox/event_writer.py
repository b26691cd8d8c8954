"""The inbox as the collector writes it: one thread stores what all uploads of a moment bring, with one sync."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, NamedTuple

from connectors.event_writer import EventsNotStoredError, TakenEvent, Waiting
from connectors.inbox.appender import Appender
from connectors.limited_log import LimitedLog
from connectors.ports import SetupError
from connectors.sqlite_errors import is_damage, problem_of
from connectors.state.lock import InUseError

_MOST_EVENTS: Final = 8192
"""So many share a sync at the most, or one upload that has more."""
_TRY_SECONDS: Final = 0.5
"""How often it looks whether anything is to be done where no uploads come."""
_MOST_MENDED: Final = 3
"""So often a group is tried again in a new file; then those who wait are told."""


class _Upload(NamedTuple):
    events: Sequence[TakenEvent]
    stored: "asyncio.Future[None]"


class InboxEventWriter:
    """Implements `EventWriter`."""

    def __init__(self, directory: Path) -> None:
        """Take the part of the writer. Raises SetupError."""
        try:
            self._appender = Appender(directory)
        except InUseError:
            problem = f"source.directory: another collector writes to {directory}; give each its own"
            raise SetupError(problem) from None
        except OSError as error:
            problem = f"source.directory: {directory} cannot be used: {problem_of(error)}; correct it"
            raise SetupError(problem) from None
        self._directory = directory
        self._log = LimitedLog()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: SimpleQueue[_Upload | None] = SimpleQueue()
        self._is_closed = False
        self._blocked: str | None = None
        self._thread = Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    async def write(self, events: Sequence[TakenEvent]) -> None:
        """Store them in their order; when this returns they are durable. Raises EventsNotStoredError."""
        if self._is_closed:
            raise EventsNotStoredError("the inbox is closed")
        if not events:
            return
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.put(_Upload(events, stored))
        await stored

    @property
    def blocked(self) -> str | None:
        """Why nothing can be stored now, as far as that is known."""
        return self._blocked

    @property
    def waiting(self) -> Waiting | None:
        """What is stored and has not met its fate, as of some seconds ago; None before that was looked at."""
        return self._appender.waiting

    async def close(self) -> None:
        """Store what was begun, and let go of the file. May be called more than once."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            uploads, is_over = self._take()
            if uploads or self._blocked is not None:
                self._store(uploads)
            self._tend()
        self._appender.close()

    def _take(self) -> tuple[list[_Upload], bool]:
        """Wait for uploads, and return all that are there; with them, whether none will follow."""
        uploads: list[_Upload] = []
        events = 0
        with suppress(Empty):
            found = self._waiting.get(timeout=_TRY_SECONDS)
            while found is not None:
                if not found.stored.cancelled():  # nobody waits for it, and the client will send it again
                    uploads.append(found)
                    events += len(found.events)
                if events >= _MOST_EVENTS:
                    return uploads, False
                found = self._waiting.get_nowait()
            return uploads, True
        return uploads, False

    def _store(self, uploads: list[_Upload]) -> None:
        """Store them, or none; tell those who wait. Without any it tries whether events can be stored."""
        try:
            self._append(uploads)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told, and the thread goes on
            problem = f"the inbox in {self._directory} cannot be written to: {problem_of(error)}"
            self._log.say(logging.ERROR, "events cannot be stored; clients keep them meanwhile", problem=problem)
            self._blocked = problem
            self._tell(uploads, problem)
            return
        if self._blocked is not None:
            self._blocked = None
            self._log.say(logging.INFO, "events are stored again")
        self._tell(uploads, None)

    def _append(self, uploads: list[_Upload]) -> None:
        mended = 0
        while True:
            try:
                if uploads:
                    self._appender.append([each.events for each in uploads])
                else:
                    self._appender.try_once()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                self._log.say(logging.WARNING, "another process keeps the inbox; waiting for it")
                uploads[:] = [each for each in uploads if not each.stored.cancelled()]
                if not uploads:
                    raise
            except sqlite3.DatabaseError as error:
                mended += 1  # if it was damaged, another file is the inbox now
                if not is_damage(error) or mended > _MOST_MENDED:
                    raise
            else:
                return

    def _tend(self) -> None:
        try:
            self._appender.tend()
        except Exception as error:  # noqa: BLE001 - as above
            self._log.say(logging.ERROR, "the inbox cannot be tended; trying again", problem=problem_of(error))

    def _tell(self, uploads: Sequence[_Upload], problem: str | None) -> None:
        if uploads and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(_settle, uploads, problem)


def _settle(uploads: Sequence[_Upload], problem: str | None) -> None:
    for _, stored in uploads:
        if stored.done():
            continue
        if problem is None:
            stored.set_result(None)
        else:
            stored.set_exception(EventsNotStoredError(problem))
