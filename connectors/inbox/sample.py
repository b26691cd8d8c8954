"""A sample of the inbox: its latest events, as they arrived."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from connectors.inbox.database import ForeignFileError, connect
from connectors.inbox.directory import inbox_file
from connectors.sample import SampleError
from connectors.sqlite_errors import problem_of
from flows.domain.event import Record

BUSY_SECONDS: Final = 1.0
_PAGE: Final = 1000
"""How many events are read at a time: a long transaction would keep the log of the database from being used again."""
_FIRST: Final = "SELECT min(id) FROM (SELECT id FROM events ORDER BY id DESC LIMIT ?)"
_EVENTS: Final = "SELECT id, key, received_ms, value FROM events WHERE id >= ? ORDER BY id LIMIT ?"
_NO_LIMIT: Final = -1


def latest_of(directory: Path, limit: int | None) -> Iterator[Record]:
    """Yield the latest events of the inbox in a directory; none where there is no inbox. Raises SampleError."""
    path = inbox_file(directory)
    if path is None:
        return
    try:
        with closing(connect(path, busy_seconds=BUSY_SECONDS)) as database:
            yield from latest_events(database, limit)
    except (sqlite3.Error, OSError, ForeignFileError) as error:
        raise SampleError(f"source.directory: {path} cannot be read: {problem_of(error)}") from error


def latest_events(database: sqlite3.Connection, limit: int | None) -> Iterator[Record]:
    """Yield the latest events, up to `limit` or all, in the order of their arrival. Raises sqlite3.Error."""
    (first,) = database.execute(_FIRST, (_NO_LIMIT if limit is None else limit,)).fetchone()
    left = limit
    while first is not None and left != 0:
        rows = database.execute(_EVENTS, (first, _PAGE if left is None else min(_PAGE, left))).fetchall()
        yield from (Record(value, key, "inbox", 0, number, at) for number, key, at, value in rows)
        first = rows[-1][0] + 1 if rows else None
        left = None if left is None else left - len(rows)
