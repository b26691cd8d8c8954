"""The inbox as Bytewax reads it: one partition."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bytewax.inputs import StatefulSourcePartition
from typing_extensions import override

from connectors.inbox.database import ForeignFileError
from connectors.inbox.position import InboxPlace, StoredPosition
from connectors.inbox.reader import Reader
from connectors.limited_log import LimitedLog
from connectors.pace import AT_ONCE, Pace
from connectors.read_clock import ReadClock
from connectors.shutdown import Shutdown
from connectors.sqlite_errors import is_damage, problem_of
from connectors.state.manifest import KEPT_SNAPSHOTS
from flows.domain.event import Record

MAX_BATCH_RECORDS: Final = 250
_LOOK_SECONDS: Final = 0.25
"""How often it looks which file is the inbox, and how much waits in it."""


class InboxPartition(StatefulSourcePartition[Record, StoredPosition]):
    """All of the inbox. Its snapshot is the place of the next event."""

    def __init__(
        self, reader: Reader, room: Callable[[], int], shutdown: Shutdown, pace: Pace, read_clock: ReadClock
    ) -> None:
        self._reader = reader
        self._room = room
        self._shutdown = shutdown
        self._pace = pace
        self._read_clock = read_clock
        self._log = LimitedLog()
        self._next_look = pace.clock()
        self._snapshots: deque[InboxPlace | None] = deque(maxlen=KEPT_SNAPSHOTS + 1)
        self.unreadable: str | None = None
        """Why nothing is read at the moment, if it cannot be."""

    @property
    def place(self) -> InboxPlace | None:
        """Where it goes on; None before there is an inbox."""
        return None if self._reader.position is None else self._reader.position.place

    @property
    def end(self) -> int | None:
        """The id of the next event that will be taken in, as far as is known."""
        return self._reader.end

    @property
    def last_record_ms(self) -> int | None:
        """When the last event that was read had arrived, in ms since the epoch."""
        return self._reader.last_record_ms

    @property
    def oldest_start(self) -> InboxPlace | None:
        """Where a start may go on at the earliest; None before that is known.

        A crash can go back to an older snapshot than the last, as the journal has it.
        """
        return self._snapshots[0] if len(self._snapshots) > KEPT_SNAPSHOTS else None

    @override
    def next_batch(self) -> list[Record]:
        self._pace.rest(self)
        if self._shutdown.requested:
            raise StopIteration
        limit = min(self._room(), MAX_BATCH_RECORDS)
        self._read_clock.read_now(counts=limit > 0 and self.unreadable is None)
        asked_ms = self._read_clock.read_ms
        try:
            now = self._pace.clock()
            if now >= self._next_look or self.unreadable is not None:
                self._next_look = now + _LOOK_SECONDS
                self._reader.look()
            batch = self._reader.read(limit) if limit > 0 else []
        except (sqlite3.Error, OSError, ForeignFileError) as error:
            self._cannot(error)
            return []
        self.unreadable = None
        if batch:
            self._pace.found()
        elif limit > 0 and self._read_clock.is_awaited:
            self._read_clock.all_read(asked_ms)
        return batch

    @override
    def next_awake(self) -> datetime:
        return AT_ONCE

    @override
    def snapshot(self) -> StoredPosition:
        self._snapshots.append(self.place)
        return None if self._reader.position is None else self._reader.position.stored()

    @override
    def close(self) -> None:
        self._pace.leave(self)
        self._reader.close()

    def _cannot(self, error: Exception) -> None:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return  # it is being opened after a crash, which takes the blink of an eye
        problem = problem_of(error)
        self.unreadable = f"the inbox cannot be read: {problem}"
        if is_damage(error):
            self.unreadable = f"the inbox is damaged: {problem}; the collector mends it, if it runs"
            self._reader.suspect()
        self._log.say(logging.ERROR, "the inbox cannot be read; trying again", problem=problem)
        self._reader.close()
