"""The files source: archives of Amplitude's Export API, one after another, oldest name first."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from typing_extensions import override

from connectors.files.archive import Line, Skipped, read_archive
from connectors.files.damage import Damage, UnreadableError, source_name
from connectors.files.intake import Intake
from connectors.limited_log import LimitedLog
from connectors.stopping import Stopping
from flows.settings.model import FilesSource
from flows.steps.event import Record

PARTITION: Final = "files"
MAX_BATCH_RECORDS: Final = 100
MAX_BATCH_BYTES: Final = 1024 * 1024
"""How much is gone through for one batch: bounds memory, and the time for which the worker is kept."""
_STEP_BYTES: Final = 64
_SHORTEST_WAIT_MS: Final = 1
_LONGEST_WAIT_MS: Final = 100
_STATE_VERSION: Final = 1

FilesState = tuple[int, tuple[str, ...], str | None, str | None, int]
"""Version, the files that are done, the file being read, its member, the number of the next line."""

_log = structlog.get_logger()


class FilesInput(FixedPartitionedSource[Record, FilesState]):
    """Reads the files that the settings name, as one source partition: one after another gives their events in order.

    `room()` is how many events may be read now; `now_ms()` the time in milliseconds since the epoch; `on_damage` is
    told once of everything that cannot be read. The source ends when `stopping` asks it to, and, unless it follows,
    after the last file, when it sets `stopping.input_ended`.
    """

    def __init__(
        self,
        settings: FilesSource,
        room: Callable[[], int],
        stopping: Stopping,
        now_ms: Callable[[], int],
        on_damage: Callable[[Damage], None],
    ) -> None:
        self._settings = settings
        self._room = room
        self._stopping = stopping
        self._now_ms = now_ms
        self._on_damage = on_damage

    @override
    def list_parts(self) -> list[str]:
        return [PARTITION]

    @override
    def build_part(self, step_id: str, for_part: str, resume_state: FilesState | None) -> "FilesPartition":
        return FilesPartition(
            self._settings, self._room, self._stopping, self._now_ms, self._on_damage, resume_state=resume_state
        )


class FilesPartition(StatefulSourcePartition[Record, FilesState]):
    """The one partition of `FilesInput`."""

    def __init__(
        self,
        settings: FilesSource,
        room: Callable[[], int],
        stopping: Stopping,
        now_ms: Callable[[], int],
        on_damage: Callable[[Damage], None],
        *,
        resume_state: FilesState | None,
    ) -> None:
        self._room = room
        self._stopping = stopping
        self._now_ms = now_ms
        self._on_damage = on_damage
        self._limited = LimitedLog()
        self._intake = Intake(
            settings.paths,
            follow=settings.follow,
            now_ms=now_ms,
            on_no_match=lambda pattern: self._report(pattern, None, None, "no file matches; check [source] paths"),
        )
        self._done: dict[str, None] = {}
        self._path: str | None = None
        self._member: str | None = None
        self._next_number = 1
        self._lines: Iterator[Line | Skipped] | None = None
        self._source = ""
        self._wait_ms = 0
        self._awake: datetime | None = None
        self._has_read = False
        self._is_resumed = resume_state is not None
        if resume_state is not None:
            self._resume(resume_state)

    @override
    def next_batch(self) -> list[Record]:
        if self._stopping.requested:
            raise StopIteration
        limit = min(self._room(), MAX_BATCH_RECORDS)
        batch: list[Record] = []
        is_idle = limit <= 0 or self._fill(batch, limit)
        if batch:
            self._wait_ms, self._awake = 0, None
        elif not is_idle:
            self._awake = None
        elif limit > 0 and self._intake.is_over:
            self._end()
        else:
            self._wait_ms = min(self._wait_ms * 2, _LONGEST_WAIT_MS) or _SHORTEST_WAIT_MS
            self._awake = datetime.fromtimestamp(self._now_ms() / 1000, UTC) + timedelta(milliseconds=self._wait_ms)
        return batch

    @override
    def next_awake(self) -> datetime | None:
        return self._awake

    @override
    def snapshot(self) -> FilesState:
        return (_STATE_VERSION, tuple(self._done), self._path, self._member, self._next_number)

    @override
    def close(self) -> None:
        self._lines = None

    def _fill(self, batch: list[Record], limit: int) -> bool:
        """Add up to `limit` records; return whether there is nothing to read at the moment."""
        time_ms = self._now_ms()
        budget_bytes = MAX_BATCH_BYTES
        while len(batch) < limit and budget_bytes > 0:
            if self._lines is None and not self._open_next():
                return True
            found = self._next_found()
            budget_bytes -= _STEP_BYTES
            if isinstance(found, Line):
                member, number, value = found
                if member != self._member:
                    self._member = member
                    self._source = source_name(self._path or "", member)
                self._next_number = number + 1
                budget_bytes -= len(value)
                batch.append(Record(value, None, self._source, 0, number, time_ms))
            elif found is not None:
                budget_bytes -= found.size_bytes
        return False

    def _next_found(self) -> Line | Skipped | None:
        """Return what comes next in the open file; None if it is now over."""
        path = self._path or ""
        try:
            found = next(self._lines or iter(()), None)
        except UnreadableError as error:
            problem = str(error)
            if self._is_begun:
                # Reading it again from its start would deliver again what has been delivered.
                self._done[path] = None
                problem = f"{problem}; the rest of it will not be read: to read it whole, give it another name"
            else:
                self._intake.give_up(path)
            self._report(path, None, None, problem)
            self._leave()
            return None
        if found is None:
            self._done[path] = None
            _log.debug("file read", path=source_name(path))
            self._leave()
        return found

    @property
    def _is_begun(self) -> bool:
        return self._member is not None or self._next_number > 1

    def _open_next(self) -> bool:
        path = self._path if self._path is not None else self._intake.next_file(self._done)
        if path is None:
            return False
        self._path = path
        self._has_read = True
        self._source = source_name(path, self._member)
        self._lines = read_archive(
            path,
            lambda member, line, problem: self._report(path, member, line, problem),
            self._member,
            self._next_number,
        )
        return True

    def _leave(self) -> None:
        self._path = self._member = self._lines = None
        self._next_number = 1

    def _end(self) -> NoReturn:
        if self._done and self._is_resumed and not self._has_read:
            _log.warning(
                "every file was read by an earlier run, and so nothing was read now",
                files=len(self._done),
                do="add files; to read these once more, give another [state] directory, and all of it is sent again",
            )
        self._stopping.input_ended = True
        raise StopIteration

    def _report(self, path: str, member: str | None, line: int | None, problem: str) -> None:
        damage = Damage(path, member, line, problem)
        self._limited.say(logging.WARNING, "damaged input", place=source_name(path, member), line=line, problem=problem)
        self._on_damage(damage)

    def _resume(self, state: FilesState) -> None:
        version = state[0]
        if version != _STATE_VERSION:
            raise ValueError(
                f"The recovery store holds a files position of version {version}; this program knows version "
                f"{_STATE_VERSION}. Go on with the program that wrote it, or begin with an empty state directory."
            )
        _, done, self._path, self._member, self._next_number = state
        self._done = dict.fromkeys(done)
