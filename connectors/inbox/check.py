"""The inbox: whether it can be read, how much waits in it, and what a sample of it holds."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from connectors.finding import Finding, Mark, count
from connectors.inbox.database import ForeignFileError, connect, end_of, read_inbox
from connectors.inbox.directory import inbox_file, problem_of
from connectors.inbox.settings import InboxSource
from connectors.ports import LookAt
from connectors.sample import SAMPLE_RECORDS, sample_of
from flows.domain.event import Record

_LATEST = "SELECT id, key, received_ms, value FROM events ORDER BY id DESC LIMIT ?"


def source_findings(source: InboxSource, look_at: LookAt) -> Iterator[Finding]:
    """Yield what is found of the inbox, and of a sample of what it holds."""
    path = inbox_file(source.directory)
    if path is None:
        do = "`python -m flows serve` makes it, and takes events in"
        yield Finding(Mark.NOTE, f"source.directory: no inbox in {source.directory} yet", do)
        yield from look_at(sample_of((), "the inbox"))
        return
    try:
        with closing(connect(path, busy_seconds=1.0)) as database:
            yield _of_size(path, database)
            rows = database.execute(_LATEST, (SAMPLE_RECORDS,)).fetchall()
    except (sqlite3.Error, OSError, ForeignFileError) as error:
        yield Finding(Mark.FAILED, f"source.directory: {path} cannot be read: {problem_of(error)}")
        return
    records = [Record(value, key, "inbox", 0, number, at) for number, key, at, value in reversed(rows)]
    yield from look_at(sample_of(records, f"the latest {count(len(records), 'event')} of the inbox"))


def _of_size(path: Path, database: sqlite3.Connection) -> Finding:
    inbox, end = read_inbox(database), end_of(database)
    first = max(inbox.committed, inbox.first_id)
    waiting = max(end - first, 0)
    text = f"source.directory: {path}: {count(waiting, 'event')} of {end - inbox.first_id:,} not delivered yet"
    oldest = database.execute("SELECT received_ms FROM events WHERE id >= ? ORDER BY id LIMIT 1", (first,)).fetchone()
    if oldest is not None:
        text = f"{text}, the oldest {max(time.time() - oldest[0] / 1000, 0) / 60:,.0f} minutes old"
    return Finding(Mark.FINE, text)
