"""Repair: what can be read of a damaged inbox is taken over into a new file, and the damaged one is set aside."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from connectors.inbox.database import ForeignFileError, Inbox, LaterVersionError, connect, create, new_inbox, read_inbox
from connectors.inbox.directory import set_aside

LEAP: Final = 1_000_000_000
"""So many ids are left out where it is not certain which were used: an id that comes twice would hide an event."""
_FARTHEST: Final = 2**40
_ROW: Final = (
    "SELECT id, key, ifnull(received_ms, 0), ifnull(library, ''), ifnull(checksum, -1), ifnull(value, x'') FROM events "
    "WHERE id >= ? ORDER BY id"
)
"""What damage has made nothing of stays an event, and the stream finds that it is not as it was written."""

_log = structlog.get_logger()


class Salvage:
    """Reads the rows of a file that is not whole, as far as they can be read."""

    def __init__(self, database: sqlite3.Connection, first_id: int) -> None:
        self._database = database
        self._next_id = first_id
        self.read = 0
        """How many rows were read."""
        self.lost = 0
        """How many ids lie between them, at the most so many events, that could not be read."""
        self.is_whole = True
        """Whether nothing was in the way."""
        self.has_end = True
        """Whether the last row was read, so that it is known which was the last."""

    @property
    def next_id(self) -> int:
        """The id behind the last row that was read."""
        return self._next_id

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield them in order."""
        while True:
            try:
                for row in self._database.execute(_ROW, (self._next_id,)):
                    if row[0] >= self._next_id:  # a tree that is damaged may lead back
                        yield row
                        self._next_id = row[0] + 1
                        self.read += 1
            except sqlite3.DatabaseError:
                self.is_whole = False
                beyond = self._readable_beyond(self._next_id)
                if beyond is None:
                    self.has_end = False
                    return
                self.lost += beyond - self._next_id
                self._next_id = beyond
            else:
                return

    def _readable_beyond(self, number: int) -> int | None:
        """Return about the lowest id beyond one that cannot be read from where on rows can be; None if none can."""
        step = 1
        while not self._is_readable(number + step):
            step *= 2
            if step > _FARTHEST:
                return None
        low, high = number + step // 2, number + step
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_readable(middle) else (middle, high)
        return high

    def _is_readable(self, number: int) -> bool:
        try:
            return self._database.execute(f"{_ROW} LIMIT 1", (number,)).fetchone() is not None
        except sqlite3.DatabaseError:
            return False


def repair(path: Path, problem: str, next_id: int = 0) -> Path:
    """Let a new file be the inbox, with what can be read of a damaged one, which is set aside; return the new one.

    `next_id` is the id of the next event as far as it is known. Raises sqlite3.Error, OSError; then nothing is changed.
    """
    taken, lost = 0, "all"
    try:
        damaged = connect(path, mode="ro")
    except (sqlite3.DatabaseError, ForeignFileError) as error:
        if isinstance(error, sqlite3.OperationalError | LaterVersionError):
            raise
        fresh = create(path.parent, new_inbox())
    else:
        with closing(damaged):
            damaged.text_factory = partial(str, encoding="utf-8", errors="replace")
            inbox = _inbox_of(damaged)
            salvage = Salvage(damaged, inbox.first_id)
            fresh = create(path.parent, inbox, lambda into: _fill(into, salvage, next_id))
            taken, lost = salvage.read, f"{salvage.lost:,}" if salvage.has_end else "unknown"
    aside = set_aside(path)
    _log.error(
        "the inbox was damaged: the file is set aside, and what could be read of it is taken over into a new one",
        problem=problem,
        file=str(aside),
        events_taken_over=taken,
        events_lost_at_most=lost,
        do="keep the file until you have looked at it: sqlite3's .recover may read more of it",
    )
    return fresh


def _inbox_of(database: sqlite3.Connection) -> Inbox:
    try:
        return read_inbox(database)
    except sqlite3.DatabaseError:
        return new_inbox()


def _fill(database: sqlite3.Connection, salvage: Salvage, next_id: int) -> None:
    database.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)", salvage.rows())
    behind = max(salvage.next_id, next_id) + (0 if salvage.has_end else LEAP)
    database.execute("UPDATE inbox SET next_id = max(next_id, ?)", (behind,))
