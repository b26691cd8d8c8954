"""The reading end of an inbox: the events behind a place, in the order in which they were taken in."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson
import structlog

from connectors.inbox.database import Inbox, checksum, connect, end_of, new_name, read_inbox
from connectors.inbox.directory import SUSPECT, inbox_file, mark
from connectors.inbox.position import FinalAbove, InboxPlace, ResumePosition
from flows.domain.event import Record
from flows.domain.warm_up import WarmUp

MAX_BATCH_BYTES: Final = 1024 * 1024
_BUSY_SECONDS: Final = 2.0
_SELECT: Final = (
    "SELECT id, CAST(key AS BLOB), received_ms, checksum, CAST(value AS BLOB) FROM events WHERE id >= ? "
    "ORDER BY id LIMIT ?"
)
"""Of a row that was changed on the disk, what is bytes or a number may be anything."""
_NO_JSON: Final = b"\xff"
"""Begins no text in UTF-8."""

_log = structlog.get_logger()


class Reader:
    """Reads on from a position. Nothing here waits for the collector. One thread uses it.

    Where another file has become the inbox, it goes on there. A start without a position begins at what was committed,
    with a warm-up: what the inbox still has of what is final only teaches.

    Args:
        directory: the inbox.
        resume: where to go on; None where nothing is known.
        warm_up: is told which events only teach.
        has_warm_up: whether what is before the commit is read at all.
        on_damage: is told of each event that is not as it was written, in words that hold nothing of it.
    """

    def __init__(
        self,
        directory: Path,
        resume: ResumePosition | None,
        warm_up: WarmUp,
        on_damage: Callable[[object], None],
        *,
        has_warm_up: bool,
    ) -> None:
        self._directory = directory
        self._warm_up = warm_up
        self._has_warm_up = has_warm_up
        self._on_damage = on_damage
        self._database: sqlite3.Connection | None = None
        self._path: Path | None = None
        self.position = resume
        """Where it goes on; None before there is an inbox."""
        self.end: int | None = None
        """The id of the next event that will be taken in, as far as is known."""
        self.last_record_ms: int | None = None
        """When the last event that was read had arrived, in ms since the epoch."""

    def look(self) -> None:
        """Look which file is the inbox now, and up to where it reaches.

        Raises sqlite3.Error, OSError, ForeignFileError; then it may be called again.
        """
        path = inbox_file(self._directory)
        if path != self._path or self._database is None:
            self.close()
            if path is not None:
                self._open(path)
        if self._database is not None:
            self.end = end_of(self._database)

    def read(self, limit: int) -> list[Record]:
        """Return the next events, at most so many; none where none is there yet. Raises sqlite3.Error."""
        if self._database is None or self.position is None:
            return []
        name, next_id = self.position.place
        records: list[Record] = []
        size_bytes = 0
        cursor = self._database.execute(_SELECT, (next_id, limit))
        try:
            for number, key, received_ms, expected, found in cursor:
                value = found
                time_ms = received_ms if isinstance(received_ms, int) else 0
                if found is None or checksum(key, time_ms, found) != expected:
                    self._report(number)
                    value = _NO_JSON + (found or b"")
                records.append(Record(value, key, name, 0, number, time_ms))
                size_bytes += len(value)
                if size_bytes >= MAX_BATCH_BYTES:
                    break
        finally:
            cursor.close()  # what is read from keeps its log on the disk
        if records:
            next_id = records[-1].offset + 1
            self.end = max(self.end or 0, next_id)
            self.last_record_ms = records[-1].time_ms
        elif self.end is not None:
            next_id = max(next_id, self.end)  # nothing is left of what lies between
        self._go_on(self.position, InboxPlace(name, next_id))
        return records

    def suspect(self) -> None:
        """Let the collector know that this file cannot be read on; it mends it."""
        self.close()
        if self._path is not None:
            with suppress(OSError):
                mark(self._path, SUSPECT)

    def close(self) -> None:
        """Let go of the file. May be called more than once."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _open(self, path: Path) -> None:
        database = connect(path, busy_seconds=_BUSY_SECONDS)
        try:
            self.position = begin = self._begin(database)
            database.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error:
            database.close()
            raise
        self._path, self._database = path, database
        name, next_id = begin.place
        if next_id < begin.border:
            self._warm_up.begin(name, 0, begin.border)
        if begin.final is not None:
            self._warm_up.begin_final(name, 0, *begin.final)
        sends_from = {"sends_from": begin.border} if next_id < begin.border else {}
        _log.info("reading the inbox", file=str(path), next_id=next_id, **sends_from)

    def _begin(self, database: sqlite3.Connection) -> ResumePosition:
        inbox, position = read_inbox(database), self.position
        if position is None or position.place.name != inbox.name:
            return self._begin_anew(inbox)
        next_id = position.place.next_id
        if next_id > end_of(database):
            _log.error(
                "the inbox is older than the state: events that were taken in later are gone from it; what it holds "
                "without a known fate is read again",
                next_id=next_id,
                end=end_of(database),
            )
            database.execute("UPDATE inbox SET name = ?", (new_name(),))
            return self._begin_anew(read_inbox(database))
        if next_id < inbox.first_id:
            _log.warning(
                "the state is older than the inbox: events that had met their fate since are deleted there, and are "
                "not read again",
                next_id=next_id,
                first_id=inbox.first_id,
            )
            return position._replace(place=InboxPlace(inbox.name, inbox.first_id))
        return position

    def _begin_anew(self, inbox: Inbox) -> ResumePosition:
        border = max(inbox.committed, inbox.first_id)
        begin = inbox.first_id if self._has_warm_up else border
        final = FinalAbove(inbox.read_to, tuple(orjson.loads(inbox.pending))) if inbox.read_to > border else None
        return ResumePosition(InboxPlace(inbox.name, begin), border, final)

    def _go_on(self, position: ResumePosition, place: InboxPlace) -> None:
        if position.border and place.next_id >= position.border:
            if position.place.next_id < position.border:
                _log.info("warmed up; from here on it sends", next_id=position.border)
            position = position._replace(border=0)
        self.position = position._replace(place=place)

    def _report(self, number: int) -> None:
        problem = f"event {number} is not as it was written: it becomes a dead letter"
        _log.error("the inbox is damaged", file=str(self._path), problem=problem)
        self._on_damage(f"{self._path}: {problem}")
