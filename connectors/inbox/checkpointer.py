"""The checkpointer: moves what is in the log into the table, beside the thread that stores events.

SQLite would do it within a commit, and all who wait for that commit would wait for it too.
"""

import sqlite3
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from connectors.inbox.database import ForeignFileError, connect
from connectors.inbox.directory import SUSPECT, is_marked
from connectors.inbox.measure import waiting
from connectors.sqlite_errors import is_damage, problem_of

if TYPE_CHECKING:
    from connectors.event_writer import Waiting

_EVERY_SECONDS: Final = 0.25
_MEASURED_TURNS: Final = 8
_STEPS: Final = 100_000
"""How often the look asks whether it is to end, in steps of SQLite's own."""
_LONG_LOG_PAGES: Final = 1000
"""A log this long is to be written from its beginning again, which needs a moment in which nothing is added."""


class Checkpointer:
    """Works in a thread of its own, with a connection of its own. First it looks whether the file is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damage: str | None = None
        """What is wrong with the file, once it is known not to be whole."""
        self.waiting: Waiting | None = None
        """What waited when it was looked at last."""
        self.is_long = False
        """Whether the log is long, and nearly all of it is in the table."""
        self.looked = Event()
        """Set when it has looked whether the file is whole."""
        self._is_over = Event()
        self._thread = Thread(target=self._run, name="inbox-checkpointer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set() and self.damage is None:
            try:
                with closing(connect(self._path)) as database:
                    self._look(database)
                    self._work(database)
            except (sqlite3.Error, OSError, ForeignFileError) as error:
                if isinstance(error, ForeignFileError) or is_damage(error):
                    self.damage = problem_of(error)
                self._is_over.wait(_EVERY_SECONDS)
            finally:
                self.looked.set()

    def _look(self, database: sqlite3.Connection) -> None:
        """Look whether the file is whole."""
        if not self.looked.is_set():
            database.set_progress_handler(self._is_over.is_set, _STEPS)
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            database.set_progress_handler(None, 0)
            self.damage = None if found == "ok" else str(found)
        if is_marked(self._path, SUSPECT):
            self.damage = "the stream cannot read all of it"
        self.looked.set()

    def _work(self, database: sqlite3.Connection) -> None:
        for turn in count():
            if self._is_over.wait(_EVERY_SECONDS):
                return
            with suppress(sqlite3.OperationalError):  # the disk is full, or another process does the same
                self._move(database)
                if not turn % _MEASURED_TURNS:
                    self.waiting = waiting(database)
            if is_marked(self._path, SUSPECT):
                self.damage = "the stream cannot read all of it"
                return

    def _move(self, database: sqlite3.Connection) -> None:
        _, pages, moved = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self.is_long = pages > _LONG_LOG_PAGES and pages - moved < _LONG_LOG_PAGES
