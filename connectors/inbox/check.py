"""The inbox: whether it can be read, how much waits in it, and what a sample of it holds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from connectors.clock import now_ms
from connectors.finding import Finding, Mark, count
from connectors.inbox.database import ForeignFileError, connect
from connectors.inbox.directory import ASIDE, inbox_file
from connectors.inbox.measure import waiting
from connectors.inbox.room import free_bytes
from connectors.inbox.sample import BUSY_SECONDS, latest_events
from connectors.inbox.settings import InboxSource
from connectors.ports import LookAt
from connectors.sample import SAMPLE_RECORDS, sample_of
from connectors.sqlite_errors import problem_of

_MS_PER_MINUTE: Final = 60_000


def source_findings(source: InboxSource, look_at: LookAt) -> Iterator[Finding]:
    """Yield what is found of the inbox, and of a sample of what it holds."""
    path = inbox_file(source.directory)
    if path is None:
        do = "`python -m flows serve` makes it, and takes events in"
        yield Finding(Mark.NOTE, f"source.directory: no inbox in {source.directory} yet", do)
        yield from look_at(sample_of((), "the inbox"))
        return
    yield from _of_directory(source.directory)
    try:
        with closing(connect(path, busy_seconds=BUSY_SECONDS)) as database:
            yield _of_size(path, database)
            records = list(latest_events(database, SAMPLE_RECORDS))
    except (sqlite3.Error, OSError, ForeignFileError) as error:
        yield Finding(Mark.FAILED, f"source.directory: {path} cannot be read: {problem_of(error)}")
        return
    yield from look_at(sample_of(records, f"the latest {count(len(records), 'event')} of the inbox"))


def _of_size(path: Path, database: sqlite3.Connection) -> Finding:
    found = waiting(database)
    text = f"source.directory: {path} has {found.size_bytes / 1e6:,.1f} MB; {count(found.events, 'event')} wait"
    if found.oldest_received_ms is not None:
        minutes = max(now_ms() - found.oldest_received_ms, 0) // _MS_PER_MINUTE
        text = f"{text}, the oldest for {count(minutes, 'minute')}"
    return Finding(Mark.FINE, text)


def _of_directory(directory: Path) -> Iterator[Finding]:
    """Yield what is wrong around the inbox."""
    aside = sorted(each.name for each in directory.glob(f"*{ASIDE}"))
    if aside:
        do = "look at them with sqlite3's .recover, then remove them"
        yield Finding(Mark.NOTE, f"source.directory: damaged files were set aside: {', '.join(aside)}", do)
    free, needed = free_bytes(directory)
    if free < needed:
        text = (
            f"source.directory: the disk has {free / 1e6:,.0f} MB free; below {needed / 1e6:,.0f} MB no event is taken"
        )
        yield Finding(Mark.FAILED, text, "make room on that disk, or give it more")
