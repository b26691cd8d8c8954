"""The file of an inbox: an SQLite database in WAL mode, which one process writes to while another reads it.

An event's id is its place in the order of arrival, counted from 0. None is used twice, also when everything is deleted:
then `next_id` tells. An id counts within one inbox only, so each has a name of its own, by which its events are known
in the state.
"""

import os
import secrets
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, NamedTuple

from connectors.inbox.directory import next_file, put_in_place

_APPLICATION_ID: Final = 0x616D7066
VERSION: Final = 1
NAME: Final = "inbox@"
"""What the name of each file begins with."""
_SCHEMA: Final = f"""
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE events (
    id INTEGER PRIMARY KEY, key BLOB, received_ms INTEGER NOT NULL, library TEXT NOT NULL, checksum INTEGER NOT NULL,
    value BLOB NOT NULL
);
CREATE TABLE inbox (
    name TEXT NOT NULL, first_id INTEGER NOT NULL, committed INTEGER NOT NULL,
    next_id INTEGER NOT NULL, read_to INTEGER NOT NULL, pending TEXT NOT NULL);
PRAGMA journal_mode = WAL;
"""
LOG_BYTES: Final = 64 * 1024 * 1024
"""How much of the write-ahead log stays on the disk when it is written from its beginning again."""


class Inbox(NamedTuple):
    """What a file says of itself."""

    name: str
    """What its events are called by in the state: no other inbox has it."""
    first_id: int
    """All below it are deleted."""
    committed: int
    """The id that a start without state begins at: below it everything has met its fate."""
    next_id: int
    """All that were ever used and are deleted are below it."""
    read_to: int = 0
    """Below it everything but `pending` has met its fate."""
    pending: str = "[]"
    """Ids from `committed` up to `read_to`, as a JSON list."""


class ForeignFileError(Exception):
    """The file is none of ours. The text says so, and what to do."""


class LaterVersionError(ForeignFileError):
    """The file is of a later version of this program."""


def new_name() -> str:
    """Return a name that no inbox has."""
    return f"{NAME}{secrets.token_hex(4)}"


def new_inbox() -> Inbox:
    """Return what an inbox says of itself that has never had an event."""
    return Inbox(new_name(), 0, 0, 0)


def create(directory: Path, inbox: Inbox, fill: Callable[[sqlite3.Connection], None] = lambda _: None) -> Path:
    """Make the next file of an inbox, with what `fill` puts into it; whole or not at all.

    Raises sqlite3.Error, OSError.
    """
    path = next_file(directory)
    fresh = directory / ".new.sqlite"
    for end in ("", "-wal", "-shm", "-journal"):
        fresh.with_name(fresh.name + end).unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(fresh, isolation_level=None)) as database:
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        database.execute("INSERT INTO inbox VALUES (?, ?, ?, ?, ?, ?)", inbox)
        fill(database)
        database.execute("COMMIT")
    put_in_place(fresh, path)
    return path


def connect(path: Path, *, busy_seconds: float = 0.0, mode: Literal["rw", "ro"] = "rw") -> sqlite3.Connection:
    """Open a file that is there. Raises ForeignFileError, sqlite3.Error."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    database = sqlite3.connect(address, timeout=busy_seconds, isolation_level=None, uri=True, check_same_thread=False)
    try:
        (application_id,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    if (application_id, version) != (_APPLICATION_ID, VERSION):
        database.close()
        if application_id != _APPLICATION_ID:
            raise ForeignFileError(f"{path} is no inbox; move it away")
        raise LaterVersionError(
            f"{path} has version {version}, and this program knows version {VERSION}; go on with the program that "
            "wrote it, or give another source.directory"
        )
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    return database


def read_inbox(database: sqlite3.Connection) -> Inbox:
    """Return what a file says of itself. Raises sqlite3.Error."""
    found = database.execute("SELECT name, first_id, committed, next_id, read_to, pending FROM inbox").fetchone()
    if found is None:
        raise sqlite3.DatabaseError("the inbox's own row is missing")
    return Inbox(*found)


def end_of(database: sqlite3.Connection) -> int:
    """Return the id of the next event. Raises sqlite3.Error."""
    (last,) = database.execute("SELECT max(id) FROM events").fetchone()
    (next_id,) = database.execute("SELECT next_id FROM inbox").fetchone() or (0,)
    return max(next_id, 0 if last is None else last + 1)


def give_back(database: sqlite3.Connection, pages: int = 0) -> None:
    """Give back to the disk what the file has free, or so many pages of it. Raises sqlite3.Error."""
    database.executescript(f"PRAGMA incremental_vacuum({pages});")  # `execute` would give back one page alone


def checksum(key: bytes | None, received_ms: int, value: bytes) -> int:
    """Return what tells a row that is not as it was written: SQLite itself does not notice."""
    return zlib.crc32(value, zlib.crc32(key or b"", received_ms & 0xFFFF_FFFF))
