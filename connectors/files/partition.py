"""The partition of the files source: reads archives one after another, oldest name first."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, NoReturn

import structlog
from bytewax.inputs import StatefulSourcePartition
from typing_extensions import override

from connectors.files.archive import Line, Skipped
from connectors.files.counted import Amount
from connectors.files.damage import Damage, UnreadableError, source_name
from connectors.files.fingerprint import HEAD_BYTES, signature_of
from connectors.files.intake import Intake
from connectors.files.known import Known, KnownFile, Seen, What
from connectors.files.position import FilesState, read_state, state_of
from connectors.files.reading import Reading, RewrittenError
from connectors.files.settings import FilesSource
from connectors.limited_log import LimitedLog
from connectors.opening import Opening
from connectors.pace import AT_ONCE
from flows.domain.event import Record

MAX_BATCH_RECORDS: Final = 100
MAX_BATCH_BYTES: Final = 1024 * 1024
"""How much is gone through for one batch: bounds memory, and the time for which the worker is kept."""
_STEP_BYTES: Final = 64
_LONGEST_REST_SECONDS: Final = 0.1
"""While it waits it looks each time for files that are new."""

_log = structlog.get_logger()


class FilesPartition(StatefulSourcePartition[Record, FilesState]):
    """All files as one source partition: one after another gives their events in order. See `FilesInput`."""

    def __init__(
        self,
        settings: FilesSource,
        opening: Opening,
        now_ms: Callable[[], int],
        amount: Amount,
        resume_state: FilesState | None,
    ) -> None:
        self._amount = amount
        self._read_clock = opening.read_clock
        self._looks = 0
        self._looked_ms = self._looked_before_ms = -1
        """For how long it had been read at the last two looks at the directories."""
        self._room = opening.room
        self._shutdown = opening.shutdown
        self._now_ms = now_ms
        self._on_damage = opening.note_damage
        self._limited = LimitedLog()
        self._known, self._current = (Known(), None) if resume_state is None else read_state(resume_state)
        self._intake = Intake(
            settings.paths,
            follow=settings.follow,
            clock=opening.pace.clock,
            is_done=self._known.is_done,
            on_found=amount.expect,
            on_no_match=lambda pattern: self._report(pattern, None, None, "no file matches; check [source] paths"),
        )
        self._gone: str | None = None
        """What the run before was reading, and is not at its place: it may be among the other files."""
        self._reading: Reading | None = None
        self._pace = opening.pace
        self._has_read = False
        self._is_resumed = resume_state is not None

    @override
    def next_batch(self) -> list[Record]:
        self._pace.rest(self, _LONGEST_REST_SECONDS)
        if self._shutdown.requested:
            raise StopIteration
        limit = min(self._room(), MAX_BATCH_RECORDS)
        batch: list[Record] = []
        is_idle = limit <= 0 or self._fill(batch, limit)
        self._tell(is_read=limit > 0, has_all=limit > 0 and is_idle and not batch)
        if batch or not is_idle:
            self._pace.found()
        elif limit > 0 and self._intake.is_over:
            self._end()
        return batch

    @override
    def next_awake(self) -> datetime:
        return AT_ONCE

    @override
    def snapshot(self) -> FilesState:
        if self._reading is not None:
            self._known.put(self._reading.seen)
            return state_of(self._known, self._gone or self._reading.seen.name)
        return state_of(self._known, self._gone or self._current)

    @override
    def close(self) -> None:
        self._reading = None
        self._pace.leave(self)

    def _fill(self, batch: list[Record], limit: int) -> bool:
        """Add up to `limit` records; return whether there is nothing to read at the moment."""
        time_ms = self._now_ms()
        budget_bytes = MAX_BATCH_BYTES
        while len(batch) < limit and budget_bytes > 0:
            reading = self._reading
            if reading is None:
                if not self._open_next():
                    return True
                budget_bytes -= HEAD_BYTES
                continue
            found = self._next_found(reading)
            budget_bytes -= _STEP_BYTES
            if isinstance(found, Line):
                reading.take(found)
                budget_bytes -= len(found.value)
                batch.append(Record(found.value, None, reading.source, 0, found.number, time_ms))
            elif found is not None:
                budget_bytes -= found.size_bytes
        return False

    def _tell(self, *, is_read: bool, has_all: bool) -> None:
        """Say that it was read until now; with `has_all` all is read that was there at the look before the last."""
        if self._intake.looks != self._looks:
            self._looks = self._intake.looks
            self._looked_before_ms, self._looked_ms = self._looked_ms, self._read_clock.read_ms
        self._read_clock.read_now(counts=is_read)
        if has_all:
            self._read_clock.all_read(self._looked_before_ms)

    def _next_found(self, reading: Reading) -> Line | Skipped | None:
        """Return what comes next in the open file; None if it is now over."""
        try:
            found = reading.next()
        except UnreadableError as error:
            problem = str(error)
            seen = reading.seen
            if reading.is_begun:
                # Reading it again from its start would deliver again what has been delivered.
                self._known.put(seen)
                problem = (
                    f"{problem}; the rest of it is read, from line {seen.next_number} on, when it can be read again"
                )
            else:
                self._known.drop(seen.name)
            self._intake.give_up(reading.path)
            self._report(reading.path, None, None, problem)
            self._leave()
            return None
        except RewrittenError:
            _log.error(
                "what was read of this file has been written over; it is read from its first line, and what is pending "
                "of the old content stays as it is",
                path=source_name(reading.path),
                next_line_before=reading.seen.next_number,
            )
            anew = self._known.renamed(reading.seen)
            self._read(anew._replace(member=None, next_number=1, tail=b"", members=0))
            return None
        if found is None:
            self._known.put(reading.seen._replace(is_over=True))
            _log.debug("file read", path=source_name(reading.path))
            self._leave()
        return found

    def _open_next(self) -> bool:
        """Look at the next file, and open it where something of it is to be read; return whether there was one."""
        path = self._next_path()
        if path is None:
            return False
        self._amount.begin(path)
        look = self._known.look(path)
        if look.seen.name == self._gone:
            self._gone = None
        self._say(look)
        if look.what is What.UNCOUNTED:
            problem = (
                "it has changed since an earlier version of this program has read it, which did not note how far; what "
                "was added is not read: copy the new lines into a file of another name"
            )
            self._report(path, None, None, problem)
        if look.seen.is_over:
            self._known.put(look.seen)
            self._amount.end()
        elif look.seen.is_torn and look.before is not None:
            # The line that broke off has met its fate; with its rest it is another one, which needs another name.
            self._read(self._known.renamed(look.seen)._replace(next_number=look.seen.next_number - 1, tail=b""))
        else:
            self._read(look.seen)
        return True

    def _next_path(self) -> str | None:
        """Return where the next file is: the one of the run before is the first, or the last if it is not there."""
        if self._current is not None:
            self._intake.look()  # how much there is behind it is told all the same
            path, name, self._current = self._path_of(self._current), self._current, None
            if path is not None and signature_of(path) is not None:
                return path
            self._gone = name
        path = self._intake.next_file()
        if path is None and self._gone is not None and self._intake.has_offered_all:
            path, self._gone = self._path_of(self._gone), None
        return path

    def _path_of(self, name: str) -> str | None:
        seen = self._known.named(name)
        return None if seen is None else seen.path

    def _read(self, seen: Seen) -> None:
        self._known.put(seen)
        self._has_read = True
        self._amount.begin(seen.path)
        self._reading = Reading(
            seen, lambda member, line, problem: self._report(seen.path, member, line, problem), self._amount
        )

    def _leave(self) -> None:
        self._amount.end()
        self._reading = None

    def _say(self, look: KnownFile) -> None:
        path, before = source_name(look.seen.path), look.before
        if look.what is What.REPLACED and before is not None:
            _log.error(
                "another file is under the name of one that was read; it is read from its first line, and what is "
                "pending of the old one stays as it is",
                path=path,
                next_line_before=before.next_number,
            )
        elif look.what is What.MOVED and before is not None:
            _log.warning(
                "a file that was read before has another name now; only what is new in it is read",
                path=path,
                path_before=source_name(before.path),
                next_line=before.next_number,
            )
        elif look.what is What.CHANGED and before is not None:
            self._limited.say(  # with `follow` it may be appended to all day
                logging.WARNING,
                "a file that was read has changed; what is new in it is read",
                path=path,
                next_line=before.next_number,
            )

    def _end(self) -> NoReturn:
        if len(self._known) and self._is_resumed and not self._has_read:
            _log.warning(
                "every file was read by an earlier run, and so nothing was read now",
                files=len(self._known),
                do="add files; to read these once more, give another [state] directory, and all of it is sent again",
            )
        self._shutdown.input_ended = True
        raise StopIteration

    def _report(self, path: str, member: str | None, line: int | None, problem: str) -> None:
        damage = Damage(path, member, line, problem)
        self._limited.say(logging.WARNING, "damaged input", place=source_name(path, member), line=line, problem=problem)
        self._on_damage(damage)
