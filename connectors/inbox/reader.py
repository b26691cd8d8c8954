"""The reading end of an inbox: the events behind a place, in the order in which they were taken in."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from connectors.inbox.damage import Damage
from connectors.inbox.database import Inbox, checksum, connect, end_of, read_inbox
from connectors.inbox.directory import inbox_file
from connectors.inbox.position import Place
from flows.domain.event import Record

MAX_BATCH_BYTES: Final = 1024 * 1024
_SELECT: Final = "SELECT id, key, received_ms, checksum, value FROM events WHERE id >= ? ORDER BY id LIMIT ?"
_NO_JSON: Final = b"\xff"
"""Begins no text in UTF-8."""

_log = structlog.get_logger()


class Reader:
    """Reads on from a place. Nothing here waits for the collector. One thread uses it.

    Where another file has become the inbox, it goes on there.
    """

    def __init__(self, directory: Path, place: Place | None, on_damage: Callable[[object], None]) -> None:
        self._directory = directory
        self._on_damage = on_damage
        self._database: sqlite3.Connection | None = None
        self._path: Path | None = None
        self.place = place
        """Where it goes on; None before there is an inbox."""
        self.end: int | None = None
        """The id of the next event that will be taken in, as far as is known."""
        self.last_record_ms: int | None = None
        """When the last event that was read had arrived, in ms since the epoch."""

    def look(self) -> None:
        """Look which file is the inbox now, and up to where it reaches. Raises sqlite3.Error, ForeignFileError."""
        path = inbox_file(self._directory)
        if path != self._path or self._database is None:
            self.close()
            if path is None:
                return
            self._open(path)
        if self._database is not None:
            self.end = end_of(self._database)

    def read(self, limit: int) -> list[Record]:
        """Return the next events, at most so many; none where none is there yet. Raises sqlite3.Error."""
        if self._database is None or self.place is None:
            return []
        name, next_id = self.place
        records: list[Record] = []
        size_bytes = 0
        cursor = self._database.execute(_SELECT, (next_id, limit))
        try:
            for number, key, received_ms, expected, found in cursor:
                value = found
                if checksum(key, value) != expected:
                    self._report(number)
                    value = _NO_JSON + value
                records.append(Record(value, key, name, 0, number, received_ms))
                size_bytes += len(value)
                if size_bytes >= MAX_BATCH_BYTES:
                    break
        finally:
            cursor.close()  # what is read from keeps its log on the disk
        if records:
            last = records[-1]
            self.place = Place(name, last.offset + 1)
            self.end = max(self.end or 0, last.offset + 1)
            self.last_record_ms = last.time_ms
        return records

    def close(self) -> None:
        """Let go of the file. May be called more than once."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _open(self, path: Path) -> None:
        database = connect(path)
        try:
            inbox = read_inbox(database)
        except sqlite3.Error:
            database.close()
            raise
        self._path, self._database = path, database
        self.place = self._begin(inbox)
        _log.info("reading the inbox", file=os.fspath(path), next_id=self.place.next_id)

    def _begin(self, inbox: Inbox) -> Place:
        if self.place is None or self.place.name != inbox.name:
            return Place(inbox.name, max(inbox.committed, inbox.first_id))
        if self.place.next_id < inbox.first_id:
            _log.warning(
                "the state is older than the inbox: events that had met their fate since are deleted there, and are "
                "not read again",
                next_id=self.place.next_id,
                first_id=inbox.first_id,
            )
            return Place(inbox.name, inbox.first_id)
        return self.place

    def _report(self, number: int) -> None:
        problem = f"event {number} is not as it was written: it becomes a dead letter"
        _log.error("the inbox is damaged", file=os.fspath(self._path or ""), problem=problem)
        if self._path is not None:
            self._on_damage(Damage(self._path, problem))
