"""The store: copies on disk, within their bound. One thread uses it."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from connectors.limited_log import LimitedLog
from connectors.ports import SetupError
from connectors.request_copy import CopiedRequest
from connectors.sqlite_errors import is_damage, problem_of
from connectors.state.lock import InUseError, lock
from connectors.tee.counts import DropReason, TeeCounts
from connectors.tee.database import (
    LOCK,
    Database,
    ForeignFileError,
    is_disk_full,
    set_aside,
    size_of,
)
from connectors.tee.room import has_room

_Found = TypeVar("_Found")

_LOOK_SECONDS: Final = 0.1
"""How often it looks how full the disk is."""


class Store:
    """Stores copies; it keeps `counts.waiting_…` and `oldest_received_ms`. Of its methods, none raises."""

    def __init__(self, directory: Path, most_bytes: int, counts: TeeCounts) -> None:
        """Open it. Raises SetupError."""
        self._directory = directory
        self._most_bytes = most_bytes
        self._counts = counts
        self._log = LimitedLog()
        self._used_id = 0
        self._next_look = 0.0
        self._has_room = True
        self._is_shrunk = False
        try:
            self._lock = lock(directory, LOCK)
            self._database: Database | None = self._open()
        except InUseError:
            problem = f"collector.tee.directory: another collector uses {directory}; give each its own"
            raise SetupError(problem) from None
        except (OSError, sqlite3.Error, ForeignFileError) as error:
            problem = f"collector.tee.directory: {directory} cannot be used: {problem_of(error)}; correct it"
            raise SetupError(problem) from None

    def put(
        self, requests: Sequence[CopiedRequest], done: Sequence[tuple[int, int]]
    ) -> tuple[list[int | DropReason], bool]:
        """Delete what is done, each an id and a size, and store copies, durably and with one sync.

        Return for each copy its id, or why it is dropped, because what is queued already stays; and whether the file
        could be used, so that what is done is deleted.
        """
        freed = sum(size for _, size in done)
        outcomes = self._admitted(requests, freed)
        kept = [(each, size_of(each)) for each, reason in zip(requests, outcomes, strict=True) if reason is None]
        ids: list[int] = []
        try:
            database = self._database = self._database or self._open()
            database.begin()
            database.delete(number for number, _ in done)
            ids = database.add(kept)
            oldest = database.oldest()
            database.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told, and the thread goes on
            self._let_go(error)
            failed = DropReason.DISK_FULL if is_disk_full(error) else DropReason.BROKEN
            return [reason or failed for reason in outcomes], False
        counts = self._counts
        counts.waiting_requests += len(kept) - len(done)
        counts.waiting_bytes += sum(size for _, size in kept) - freed
        counts.oldest_received_ms = oldest
        self._used_id = max(self._used_id, *ids, 0)
        self._is_shrunk = self._is_shrunk and not ids
        left = iter(ids)
        return [next(left) if reason is None else reason for reason in outcomes], True

    def ask(self, question: Callable[[Database], _Found]) -> _Found | None:
        """Return the answer; None where the file cannot be read."""
        try:
            database = self._database = self._database or self._open()
            return question(database)
        except Exception as error:  # noqa: BLE001 - as above
            self._let_go(error)
            return None

    def tend(self) -> None:
        """Give the disk back what an empty queue does not need, so that nothing of what was sent on is left there."""
        if self._counts.waiting_requests or self._is_shrunk or self._database is None:
            return
        self._is_shrunk = True
        self.ask(lambda database: database.shrink())

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
        os.close(self._lock)

    def _admitted(self, requests: Sequence[CopiedRequest], freed: int) -> list[DropReason | None]:
        left = self._most_bytes - self._counts.waiting_bytes + freed
        outcomes: list[DropReason | None] = []
        for each in requests:
            size = size_of(each)
            if not self._disk_has_room():
                outcomes.append(DropReason.DISK_FULL)
            elif size > left:
                outcomes.append(DropReason.FULL)
            else:
                outcomes.append(None)
                left -= size
        return outcomes

    def _disk_has_room(self) -> bool:
        if (now := time.monotonic()) >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            try:
                self._has_room = has_room(self._directory)
            except OSError:
                self._has_room = True  # writing will tell
        return self._has_room

    def _open(self) -> Database:
        try:
            database = Database(self._directory, self._used_id)
            totals = database.totals()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._set_aside(error)
            database = Database(self._directory, self._used_id)
            totals = database.totals()
        self._counts.waiting_requests, self._counts.waiting_bytes, self._counts.oldest_received_ms = totals
        return database

    def _let_go(self, error: Exception) -> None:
        """Close the file after an error; the next use opens it anew, or another where it is damaged."""
        self._say(error)
        if self._database is not None:
            self._database.close()
            self._database = None
        if is_damage(error):
            try:
                self._set_aside(error)
            except OSError as problem:
                self._say(problem)

    def _say(self, error: Exception) -> None:
        self._log.say(
            logging.ERROR,
            "the queue of copies for Amplitude cannot be used; trying again",
            problem=problem_of(error),
            directory=str(self._directory),
        )

    def _set_aside(self, error: Exception) -> None:
        aside = set_aside(self._directory)
        self._log.say(
            logging.ERROR,
            "the queue of copies for Amplitude was damaged and is set aside; its copies are not sent on",
            problem=problem_of(error),
            file=str(aside),
        )
