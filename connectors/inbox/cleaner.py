"""The cleaner: notes in the inbox how far its events have met their fate, and deletes those that nobody needs."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from connectors.clock import now_ms
from connectors.inbox.database import ForeignFileError, Inbox, connect, give_back, read_inbox
from connectors.inbox.directory import inbox_file
from connectors.inbox.position import InboxPlace
from connectors.inbox.room import free_bytes
from connectors.limited_log import LimitedLog
from connectors.sqlite_errors import problem_of

EVERY_SECONDS: Final = 2.0
STEP_ROWS: Final = 500
"""So many are deleted at once: the collector waits meanwhile."""
_STEP_PAGES: Final = 500
_REST_SECONDS: Final = 0.01
_BUSY_SECONDS: Final = 0.5
_LONG_LOG_PAGES: Final = 8192
"""A log gets this long only without a collector, which keeps it short and whose syncs would wait for those of here."""
_TRY_SECONDS: Final = 0.001
_TRIES: Final = 2000
_MS_PER_HOUR: Final = 3_600_000
_MOST_PENDING: Final = 50_000
"""Of more than so many it is not noted which are final beyond the first that is not."""
_LEAST_FREE_PAGES: Final = 4096
"""So much of the file, 16 MB, stays for what comes next, if the disk has room."""
_SIZES: Final = ("page_count", "freelist_count")
_FIRST: Final = "SELECT id, received_ms FROM events ORDER BY id LIMIT ?"
_COMMIT: Final = "UPDATE inbox SET committed = ?, read_to = ?, pending = ?"
_DELETED: Final = "UPDATE inbox SET first_id = max(first_id, ?1), next_id = max(next_id, ?1)"


class KnownFates(NamedTuple):
    """How far all of an inbox is final."""

    name: str
    lowest: int
    """The lowest id without a fate."""
    read_to: int
    """The id behind the last that was read."""
    pending: Sequence[int]
    """All ids below it without a fate, sorted."""


class Cleaner:
    """Works in a thread of its own, with a connection of its own. What fails is done the next time.

    Args:
        directory: the inbox.
        keep_hours: for how long an event stays after it arrived; not where the disk is nearly full.
        fates: returns how far all is final; None if nothing was read yet.
        needed: returns the place of the lowest event that a start may read again; None if it is not known.
        now_ms: the time, in ms since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        keep_hours: float,
        fates: Callable[[], KnownFates | None],
        needed: Callable[[], InboxPlace | None],
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._directory = directory
        self._keep_ms = int(keep_hours * _MS_PER_HOUR)
        self._fates = fates
        self._needed = needed
        self._now_ms = now_ms
        self._log = LimitedLog()
        self._noted: tuple[Path, KnownFates] | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox-cleaner", daemon=True)
        self.noted: KnownFates | None = None
        """What the inbox certainly has of it, if this run has noted anything."""
        self.committed: InboxPlace | None = None
        """What the inbox certainly has as the place where a start without state begins."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Note how far all is final a last time, and end. May be called more than once."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def clean(self) -> None:
        """Note and delete what there is to, in steps."""
        path, fates, needed = inbox_file(self._directory), self._fates(), self._needed()
        if path is None or (fates is None and needed is None):
            return
        try:
            with closing(connect(path, busy_seconds=_BUSY_SECONDS)) as database:
                inbox = read_inbox(database)
                if fates is not None and fates.name == inbox.name:
                    self._commit(path, database, fates, inbox)
                database.execute("PRAGMA busy_timeout = 0")
                database.execute(f"PRAGMA wal_autocheckpoint = {_LONG_LOG_PAGES}")
                if needed is not None and needed.name == inbox.name:
                    self._delete(database, min(read_inbox(database).committed, needed.next_id))
                self._shrink(database)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                self._say(error)
        except (sqlite3.Error, OSError, ForeignFileError) as error:
            self._say(error)

    def _run(self) -> None:
        while not self._is_over.wait(EVERY_SECONDS):
            self.clean()
        self.clean()

    def _commit(self, path: Path, database: sqlite3.Connection, fates: KnownFates, inbox: Inbox) -> None:
        if self._noted != (path, fates) and fates.lowest >= inbox.committed:
            noted = fates
            if len(fates.pending) > _MOST_PENDING:
                noted = fates._replace(read_to=fates.lowest, pending=[])
            database.execute(_COMMIT, (noted.lowest, noted.read_to, orjson.dumps(noted.pending).decode()))
            self._noted, self.noted = (path, fates), noted
        self.committed = InboxPlace(inbox.name, max(fates.lowest, inbox.committed))

    def _delete(self, database: sqlite3.Connection, below: int) -> None:
        """Delete what is below an id and has been kept for long enough."""
        free, needed = free_bytes(self._directory)
        until_ms = self._now_ms() - (self._keep_ms if free >= needed else 0)
        has_more = True
        while has_more and not self._is_over.is_set():
            rows = database.execute(_FIRST, (STEP_ROWS,)).fetchall()
            last = None
            for number, received_ms in rows:
                if number >= below or received_ms > until_ms:
                    break
                last = number
            if last is None:
                return
            self._begin(database)
            try:
                database.execute("DELETE FROM events WHERE id <= ?", (last,))
                database.execute(_DELETED, (last + 1,))
                database.execute("COMMIT")
            except BaseException:
                database.execute("ROLLBACK")
                raise
            has_more = len(rows) == STEP_ROWS and last == rows[-1][0]
            self._is_over.wait(_REST_SECONDS)

    def _begin(self, database: sqlite3.Connection) -> None:
        """Begin to write, in the moment between two groups of uploads. SQLite itself would look for it too seldom."""
        for _ in range(_TRIES):
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or self._is_over.wait(_TRY_SECONDS):
                    raise
            else:
                return
        database.execute("BEGIN IMMEDIATE")

    def _shrink(self, database: sqlite3.Connection) -> None:
        """Give back to the disk what the file has free, where that is most of it or the disk is nearly full."""
        is_smaller = False
        while not self._is_over.is_set() and self._is_mostly_free(database):
            give_back(database, _STEP_PAGES)
            is_smaller = True
            self._is_over.wait(_REST_SECONDS)
        if is_smaller:  # before the log is in the file, the file has its size
            database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _is_mostly_free(self, database: sqlite3.Connection) -> bool:
        (pages,), (unused,) = (database.execute(f"PRAGMA {each}").fetchone() for each in _SIZES)
        free, needed = free_bytes(self._directory)
        return bool(unused and (free < needed or (unused >= _LEAST_FREE_PAGES and 2 * unused >= pages)))

    def _say(self, error: Exception) -> None:
        self._log.say(logging.ERROR, "nothing is deleted from the inbox at the moment", problem=problem_of(error))
