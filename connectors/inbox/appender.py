"""The writing end of an inbox: groups of uploads, each group durable at once."""

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import structlog

from connectors.event_writer import TakenEvent, Waiting
from connectors.inbox.checkpointer import Checkpointer
from connectors.inbox.database import (
    ForeignFileError,
    LaterVersionError,
    checksum,
    connect,
    create,
    end_of,
    new_inbox,
)
from connectors.inbox.directory import (
    OPEN,
    WRITER_LOCK,
    has_log,
    inbox_file,
    is_marked,
    mark,
    older_files,
    set_aside,
    unmark,
)
from connectors.inbox.repair import LEAP, repair
from connectors.inbox.room import require
from connectors.sqlite_errors import is_damage, problem_of
from connectors.state.lock import InUseError, lock

_COLUMNS: Final = 6
_MOST_ROWS: Final = 256
"""A statement of many rows lets go of Python's lock once, and has to wait for it once."""
BUSY_SECONDS: Final = 1.0
_ROOM_SECONDS: Final = 0.1
"""How often it looks how full the disk is."""

_log = structlog.get_logger()


class Appender:
    """Appends events, in their order. One thread uses it; it holds the part of the writer until it is closed.

    Of what can go wrong, damage alone is mended here: what can be read goes into a new file. Everything else is raised,
    and the same may be tried again.
    """

    def __init__(self, directory: Path, require_room: Callable[[Path], None] = require) -> None:
        """Take the part. Raises InUseError, OSError."""
        self._directory = directory
        self._require_room = require_room
        self._lock: int | None = lock(directory, WRITER_LOCK)
        self._path: Path | None = None
        self._database: sqlite3.Connection | None = None
        self._checkpointer: Checkpointer | None = None
        self._next_id = 0
        self._next_look = 0.0

    @property
    def waiting(self) -> Waiting | None:
        """What was stored and waited when it was looked at last. Any thread may ask."""
        checkpointer = self._checkpointer
        return None if checkpointer is None else checkpointer.waiting

    def append(self, uploads: Iterable[Sequence[TakenEvent]]) -> None:
        """Store all of them or none. Raises sqlite3.Error, OSError, ForeignFileError; then it may be called again."""
        if (now := time.monotonic()) >= self._next_look:
            self._find_room()
            self._next_look = now + _ROOM_SECONDS
        database = self._database or self._open()
        next_id = self._next_id
        rows: list[Any] = []
        for upload in uploads:
            for value, key, received_ms, library in upload:
                client = library if library.isascii() else library.encode(errors="replace").decode()
                rows += (next_id, key, received_ms, client, checksum(key, received_ms, value), value)
                next_id += 1
        self._write(database, _statements(rows))
        self._next_id = next_id
        self._find_file()

    def try_once(self) -> None:
        """Find out whether anything can be stored, by storing nothing. Raises as `append`."""
        self._find_room()
        self._write(self._database or self._open(), (("UPDATE inbox SET first_id = first_id", ()),))

    def tend(self) -> None:
        """Do what is due between two groups: mend a damaged file, and keep the log short. Raises as `append`."""
        checkpointer, database = self._checkpointer, self._database
        if checkpointer is None or database is None:
            return
        if checkpointer.damage is not None:
            self._mend(checkpointer.damage)
        elif checkpointer.is_long:
            checkpointer.is_long = False
            database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Let go of the file and of the part. May be called more than once."""
        self._let_go()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _find_file(self) -> None:
        """Raise OSError where the file has been removed, so that what was stored last is stored in another."""
        path = self._path
        if path is None or path.exists():
            return
        self._let_go()
        text = f"{path} has been removed; what waited in it is lost, and events go into another file"
        raise FileNotFoundError(errno.ENOENT, text)

    def _find_room(self) -> None:
        """Raise OSError where the disk is too full, also without the log."""
        try:
            self._require_room(self._directory)
        except OSError:
            if self._database is None:
                raise
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._require_room(self._directory)

    def _write(self, database: sqlite3.Connection, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        try:
            database.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                database.execute(statement, values)
            database.execute("COMMIT")
        except BaseException as error:
            self._undo(database)
            if is_damage(error):
                self._mend(problem_of(error))
            elif isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR:
                self._let_go()
            raise

    def _open(self) -> sqlite3.Connection:
        if self._lock is None:
            raise InUseError
        path = inbox_file(self._directory) or create(self._directory, new_inbox())
        was_open, had_log = is_marked(path, OPEN), has_log(path)
        try:
            database = connect(path, busy_seconds=BUSY_SECONDS)
        except LaterVersionError:
            raise
        except (sqlite3.DatabaseError, ForeignFileError) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            path = repair(path, problem_of(error))
            database, was_open = connect(path, busy_seconds=BUSY_SECONDS), False
        self._path, self._database = path, database
        try:
            self._begin(path, database, is_log_lost=was_open and not had_log)
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            if is_damage(error):
                self._mend(problem_of(error))
            raise
        return database

    def _begin(self, path: Path, database: sqlite3.Connection, *, is_log_lost: bool) -> None:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        if is_log_lost:  # noted in the file, so that it also holds for a run that stores nothing
            database.execute("UPDATE inbox SET next_id = ?", (end_of(database) + LEAP,))
        self._next_id = end_of(database)
        if is_log_lost:
            _log.warning(
                "the inbox was not closed, and has no log: if something has removed it, its events are lost; ids go on "
                "farther on",
                file=str(path),
                next_id=self._next_id,
            )
        for each in older_files(path):
            set_aside(each)
        mark(path, OPEN)
        self._checkpointer = Checkpointer(path)

    def _mend(self, problem: str) -> None:
        path, next_id = self._path, self._next_id
        self._let_go()
        if path is not None:
            repair(path, problem, next_id)

    def _undo(self, database: sqlite3.Connection) -> None:
        try:
            if database.in_transaction:
                database.execute("ROLLBACK")
        except sqlite3.Error:
            self._let_go()

    def _let_go(self) -> None:
        """Close the file. The mark of one that was not begun stays: what it says of a kill is not dealt with yet."""
        checkpointer, self._checkpointer = self._checkpointer, None
        if checkpointer is not None:
            checkpointer.close()
        database, self._database = self._database, None
        if database is not None and self._path is not None:
            with suppress(sqlite3.Error, OSError):
                database.close()
                if checkpointer is not None:
                    unmark(self._path, OPEN)


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
