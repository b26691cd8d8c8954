"""Measure: how much waits in an inbox, and since when."""

import sqlite3
from typing import Final

import orjson

from connectors.event_writer import Waiting
from connectors.inbox.database import read_inbox

_UNREAD: Final = (
    "SELECT (SELECT id FROM events WHERE id >= ? ORDER BY id LIMIT 1), (SELECT id FROM events ORDER BY id DESC LIMIT 1)"
)
"""Both by the index: `min` and `max` in one query would go through all rows."""


def waiting(database: sqlite3.Connection) -> Waiting:
    """Return what is in an inbox and has not met its fate, as the stream has noted it last. Raises sqlite3.Error."""
    inbox = read_inbox(database)
    lowest = max(inbox.committed, inbox.first_id)
    read_to = max(inbox.read_to, lowest)
    first, last = database.execute(_UNREAD, (read_to,)).fetchone()
    oldest = database.execute("SELECT received_ms FROM events WHERE id >= ? ORDER BY id LIMIT 1", (lowest,)).fetchone()
    pages, page_bytes = (database.execute(f"PRAGMA {each}").fetchone()[0] for each in ("page_count", "page_size"))
    events = len(orjson.loads(inbox.pending)) + (0 if first is None else last - first + 1)
    return Waiting(events, oldest[0] if events and oldest is not None else None, pages * page_bytes)
