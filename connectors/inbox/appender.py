"""The writing end of an inbox: groups of uploads, each group durable at once."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from connectors.event_writer import TakenEvent
from connectors.inbox.database import checksum, connect, create, end_of
from connectors.inbox.directory import WRITER_LOCK, InUseError, inbox_file, lock

_COLUMNS: Final = 6
_MOST_ROWS: Final = 256
"""A statement of many rows lets go of Python's lock once, and has to wait for it once."""
BUSY_SECONDS: Final = 1.0


class Appender:
    """Appends events, in their order. One thread uses it; it holds the part of the writer until it is closed."""

    def __init__(self, directory: Path) -> None:
        """Take the part. Raises InUseError, OSError."""
        self._directory = directory
        self._lock: int | None = lock(directory, WRITER_LOCK)
        self._database: sqlite3.Connection | None = None
        self._next_id = 0

    def append(self, uploads: Iterable[Sequence[TakenEvent]]) -> None:
        """Store all of them or none. Raises sqlite3.Error, OSError, ForeignFileError; then it may be called again."""
        database = self._database or self._open()
        next_id = self._next_id
        rows: list[Any] = []
        for upload in uploads:
            for value, key, received_ms, library in upload:
                rows += (next_id, key, received_ms, library, checksum(key, value), value)
                next_id += 1
        try:
            database.execute("BEGIN IMMEDIATE")
            for statement, values in _statements(rows):
                database.execute(statement, values)
            database.execute("COMMIT")
        except BaseException:
            self._undo(database)
            raise
        self._next_id = next_id

    def close(self) -> None:
        """Let go of the file and of the part. May be called more than once."""
        self._let_go()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> sqlite3.Connection:
        if self._lock is None:
            raise InUseError
        path = inbox_file(self._directory) or create(self._directory)
        self._database = database = connect(path, busy_seconds=BUSY_SECONDS)
        database.execute("PRAGMA synchronous = FULL")
        self._next_id = end_of(database)
        return database

    def _undo(self, database: sqlite3.Connection) -> None:
        try:
            if database.in_transaction:
                database.execute("ROLLBACK")
        except sqlite3.Error:
            self._let_go()

    def _let_go(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None


def _statements(rows: list[Any]) -> Iterable[tuple[str, list[Any]]]:
    """Yield statements that insert rows, with their values: few, and of few kinds, so that each is parsed once."""
    values, left, size = iter(rows), len(rows) // _COLUMNS, _MOST_ROWS
    while left:
        while size > left:
            size //= 2
        yield _insert(size), list(islice(values, size * _COLUMNS))
        left -= size


@cache
def _insert(rows: int) -> str:
    return f"INSERT INTO events VALUES {','.join(['(?,?,?,?,?,?)'] * rows)}"  # noqa: S608 - no value is in it
