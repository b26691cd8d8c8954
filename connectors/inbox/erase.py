"""Erases events of a person: they are blanked where they stand, so that no event's id is used a second time."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from connectors.dead_letters import StoredBytes
from connectors.inbox.database import ForeignFileError, checksum, connect, give_back
from connectors.inbox.directory import READER_LOCK, inbox_file
from connectors.sqlite_errors import problem_of
from connectors.state.lock import InUseError, lock

BLANK: Final = b'{"events":[]}'
"""A body that holds nothing: it is read, and no event comes of it."""
_BUSY_SECONDS: Final = 10.0
_STEP_ROWS: Final = 500
"""So many are looked at, and blanked, at once: the collector waits meanwhile."""
_SELECT: Final = "SELECT id, key, received_ms, checksum, value FROM events WHERE id > ? ORDER BY id LIMIT ?"
_UPDATE: Final = "UPDATE events SET key = NULL, checksum = ?, value = ? WHERE id = ?"


def erase_events(directory: Path, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int:
    """Blank events in an inbox that no stream reads, and overwrite them on the disk; return how many.

    A collector may write to it meanwhile. `is_theirs` is asked of each event; of a damaged one, with its bytes. Raises
    OSError where not everything is erased.
    """
    path = inbox_file(directory)
    if path is None:
        return 0
    try:
        descriptor = lock(directory, READER_LOCK)
    except InUseError:
        raise OSError(f"a stream reads the inbox {directory}; stop it first") from None
    try:
        with closing(connect(path, busy_seconds=_BUSY_SECONDS)) as database:
            database.execute("PRAGMA secure_delete = ON")
            blanked = sum(_blank(database, each) for each in _theirs(database, is_theirs))
            # What was deleted in the usual way stands in pages that are free, until something else does.
            give_back(database)
            _empty_log(database)
            return blanked
    except (sqlite3.Error, ForeignFileError) as error:
        raise OSError(f"the inbox {path}: {problem_of(error)}") from error
    finally:
        os.close(descriptor)


def _theirs(
    database: sqlite3.Connection, is_theirs: Callable[[StoredBytes | bytes], bool]
) -> Iterator[list[tuple[int, int]]]:
    """Yield the ids of their events, and when each arrived; some at a time."""
    last = -1
    while rows := database.execute(_SELECT, (last, _STEP_ROWS)).fetchall():
        last = rows[-1][0]
        yield [
            (number, time_ms)
            for number, key, time_ms, expected, value in rows
            if value != BLANK
            and is_theirs(StoredBytes(value, key) if checksum(key, time_ms, value) == expected else value)
        ]


def _blank(database: sqlite3.Connection, found: list[tuple[int, int]]) -> int:
    if found:
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(_UPDATE, [(checksum(None, at, BLANK), BLANK, number) for number, at in found])
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise
    return len(found)


def _empty_log(database: sqlite3.Connection) -> None:
    """Take what was erased out of the write-ahead log, too. Raises sqlite3.Error where it is in use for long."""
    (is_busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise sqlite3.OperationalError("its log is in use; nothing is lost, do it again")
