"""The cleaner: notes in the inbox how far its events have met their fate, and deletes those that nobody needs."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from connectors.clock import now_ms
from connectors.inbox.database import ForeignFileError, Inbox, connect, is_damage, read_inbox
from connectors.inbox.directory import inbox_file, problem_of
from connectors.inbox.position import Place
from connectors.limited_log import LimitedLog

EVERY_SECONDS: Final = 2.0
_STEP_ROWS: Final = 500
"""So many are deleted at once: the collector waits meanwhile."""
_REST_SECONDS: Final = 0.01
_MS_PER_HOUR: Final = 3_600_000
_FIRST: Final = "SELECT id, received_ms FROM events ORDER BY id LIMIT ?"


class Cleaner:
    """Works in a thread of its own, with a connection of its own.

    Args:
        directory: the inbox.
        keep_hours: for how long an event stays after it arrived.
        final: returns the place of the lowest event without a fate; None if nothing was read yet.
        needed: returns the place of the lowest event that a start may read again; None if it is not known.
        now_ms: the time, in ms since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        keep_hours: float,
        final: Callable[[], Place | None],
        needed: Callable[[], Place | None],
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._directory = directory
        self._keep_ms = int(keep_hours * _MS_PER_HOUR)
        self._final = final
        self._needed = needed
        self._now_ms = now_ms
        self._log = LimitedLog()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox-cleaner", daemon=True)
        self.committed: Place | None = None
        """What the inbox certainly has as the place where a start without state begins."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Note how far all is final a last time, and end. May be called more than once."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(EVERY_SECONDS):
            self.clean()
        self.clean()

    def clean(self) -> None:
        """Note and delete what there is to, in steps. What fails is done the next time."""
        path, final, needed = inbox_file(self._directory), self._final(), self._needed()
        if path is None or (final is None and needed is None):
            return
        try:
            with closing(connect(path)) as database:
                inbox = read_inbox(database)
                if final is not None and final.name == inbox.name:
                    self._commit(database, max(final.next_id, inbox.committed), inbox)
                if needed is not None and needed.name == inbox.name:
                    below = min(read_inbox(database).committed, needed.next_id)
                    while self._delete(database, below) and not self._is_over.is_set():
                        self._is_over.wait(_REST_SECONDS)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                self._say(error)
        except (sqlite3.Error, OSError, ForeignFileError) as error:
            self._say(error)

    def _commit(self, database: sqlite3.Connection, next_id: int, inbox: Inbox) -> None:
        if next_id > inbox.committed:
            database.execute("UPDATE inbox SET committed = ?", (next_id,))
        self.committed = Place(inbox.name, next_id)

    def _delete(self, database: sqlite3.Connection, below: int) -> bool:
        """Delete some; return whether there are more."""
        until_ms = self._now_ms() - self._keep_ms
        last = None
        rows = database.execute(_FIRST, (_STEP_ROWS,)).fetchall()
        for number, received_ms in rows:
            if number >= below or received_ms > until_ms:
                break
            last = number
        if last is None:
            return False
        database.execute("BEGIN IMMEDIATE")
        try:
            database.execute("DELETE FROM events WHERE id <= ?", (last,))
            database.execute("UPDATE inbox SET first_id = max(first_id, ?)", (last + 1,))
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise
        return bool(last == rows[-1][0])

    def _say(self, error: Exception) -> None:
        is_damaged = isinstance(error, sqlite3.Error) and is_damage(error)
        what = "the inbox is damaged" if is_damaged else "nothing is deleted from the inbox at the moment"
        self._log.say(logging.ERROR, what, problem=problem_of(error))
