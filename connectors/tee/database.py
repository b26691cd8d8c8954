"""The queue's file: an SQLite database, which one thread of one process uses."""

import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from connectors.request_copy import CopiedRequest
from connectors.state.durable import sync_entries

_NAME: Final = "copies.sqlite"
LOCK: Final = "lock"
ASIDE: Final = ".damaged"
"""What a file that was set aside ends with."""
_APPLICATION_ID: Final = 0x616D7074
_VERSION: Final = 1
_SCHEMA: Final = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
CREATE TABLE IF NOT EXISTS copies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_ms INTEGER NOT NULL, events INTEGER NOT NULL, size INTEGER NOT NULL,
    keys BLOB NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL);
"""
_ROW_BYTES: Final = 128
"""What a row takes beside its content."""


class ForeignFileError(Exception):
    """The file is of another program, or of a later version of this one."""


class Row(NamedTuple):
    """A copy, without its content."""

    id: int
    received_ms: int
    events: int
    size: int
    keys: list[int]


class Totals(NamedTuple):
    """What the queue holds."""

    copies: int
    size: int
    oldest_received_ms: int | None


class Database:
    """The open file. After an error, close it and open another."""

    def __init__(self, directory: Path, used_id: int = 0) -> None:
        """Open the file, or make it; ids in a new one begin behind `used_id`.

        Raises sqlite3.Error, OSError, ForeignFileError.
        """
        path = directory / _NAME
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._begin(path, used_id)
        except BaseException:
            self._database.close()
            raise
        sync_entries(directory)

    def add(self, requests: Iterable[tuple[CopiedRequest, int]]) -> list[int]:
        """Add copies, each with its size, in the transaction that is open; return their ids. Raises sqlite3.Error."""
        return [self._add(request, size) for request, size in requests]

    def delete(self, ids: Iterable[int]) -> None:
        """Delete copies, in the transaction that is open. Raises sqlite3.Error."""
        self._database.executemany("DELETE FROM copies WHERE id = ?", ((each,) for each in ids))

    def begin(self) -> None:
        """Begin a transaction. Raises sqlite3.Error."""
        self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make what was done since durable. Raises sqlite3.Error."""
        self._database.execute("COMMIT")

    def rows(self, after: int, most: int) -> list[Row]:
        """Return copies with a higher id, lowest first. Raises sqlite3.Error."""
        found = self._database.execute(
            "SELECT id, received_ms, events, size, keys FROM copies WHERE id > ? ORDER BY id LIMIT ?", (after, most)
        )
        return [
            Row(number, received_ms, events, size, array("I", keys[: len(keys) // 4 * 4]).tolist())
            for number, received_ms, events, size, keys in found
        ]

    def request(self, number: int) -> CopiedRequest | None:
        """Return a copy with its content; None where it is gone. Raises sqlite3.Error, ValueError."""
        found = self._database.execute(
            "SELECT head, body, events, received_ms FROM copies WHERE id = ?", (number,)
        ).fetchone()
        if found is None:
            return None
        head, body, events, received_ms = found
        method, path, query, headers = orjson.loads(head)
        passed_on = tuple((name, value) for name, value in headers)
        return CopiedRequest(method, path, query, passed_on, body, events, frozenset(), received_ms)

    def totals(self) -> Totals:
        """Count everything. Raises sqlite3.Error."""
        copies, size = self._database.execute("SELECT count(*), total(size) FROM copies").fetchone()
        return Totals(copies, int(size), self.oldest())

    def oldest(self) -> int | None:
        """Return when the oldest arrived. Raises sqlite3.Error."""
        found = self._database.execute("SELECT received_ms FROM copies ORDER BY id LIMIT 1").fetchone()
        return None if found is None else int(found[0])

    def shrink(self) -> None:
        """Give the disk back what is free, where nothing waits. Raises sqlite3.Error."""
        self._database.execute("PRAGMA incremental_vacuum").fetchall()
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self._database.close()

    def _begin(self, path: Path, used_id: int) -> None:
        execute = self._database.execute
        (application_id,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and (application_id, version) != (_APPLICATION_ID, _VERSION):
            raise ForeignFileError(f"{path} is not this program's, or a later version's; move it away")
        if not tables:
            self._database.executescript(_SCHEMA)
            execute("INSERT INTO sqlite_sequence VALUES ('copies', ?)", (used_id,))
        execute("PRAGMA journal_mode = WAL").fetchone()
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA secure_delete = ON")
        execute("PRAGMA journal_size_limit = 16777216")

    def _add(self, request: CopiedRequest, size: int) -> int:
        method, path, query, headers, body, events, keys, received_ms = request
        head = orjson.dumps((method, path, query, headers))
        cursor = self._database.execute(
            "INSERT INTO copies (received_ms, events, size, keys, head, body) VALUES (?, ?, ?, ?, ?, ?)",
            (received_ms, events, size, array("I", keys).tobytes(), head, body),
        )
        return cursor.lastrowid or 0


def size_of(request: CopiedRequest) -> int:
    """Return what a copy counts as towards the queue's bound, in bytes."""
    headers = sum(len(name) + len(value) for name, value in request.headers)
    return _ROW_BYTES + len(request.body) + len(request.query) + headers + 4 * len(request.keys)


def set_aside(directory: Path) -> Path:
    """Give a damaged file another name, with what SQLite keeps beside it; return it. Raises OSError."""
    names = list(_names(directory))
    for path in reversed(names):
        if path.exists():
            path.rename(path.with_name(path.name.replace(_NAME, _NAME + ASIDE)))
    sync_entries(directory)
    return directory / (_NAME + ASIDE)


def is_disk_full(error: Exception) -> bool:
    """Return whether an error says that there is no room."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _names(directory: Path) -> Iterator[Path]:
    for end in ("", "-wal", "-shm"):
        yield directory / (_NAME + end)
