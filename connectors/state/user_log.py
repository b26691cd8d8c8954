"""The log of users: what is remembered of each, appended whenever it has changed, and all of it read at a start.

The engine's own store looks at every key whenever it takes a snapshot, and at a start once for every thousand of them;
beyond some ten thousand users that is all that a process would do. So the users are here, and the engine stores only
how far this log was written: a generation. A start goes back to the generation that the engine goes back to.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from connectors.state.durable import sync_entries
from connectors.state.layout import USER_SEGMENTS
from connectors.state.manifest import KEPT_SNAPSHOTS
from connectors.state.segment_log import SegmentFile
from connectors.state.user_segments import (
    Segment,
    StoredUser,
    Take,
    UserRecord,
    generation_frames,
    read_log,
    remove_floor,
    set_floor,
    state_frame,
)

_SPARE_RECORDS: Final = 20_000
"""A log is not rewritten before so many records of it are out of date."""
_LEAST_REWRITTEN: Final = 1000
_REWRITES: Final = 200
"""A rewriting takes at most so many snapshots."""
_LONGEST_KEPT_S: Final = 86_400
"""What is out of date goes within a day in which the log is written to, however little it is: it may be a person's."""
_FIRST_KEPT_S: Final = 3600
"""Sooner after a start, for nobody knows how long ago the log was written anew; but not with each of several starts."""


class Everybody(Protocol):
    """Those who are remembered."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def keys(self) -> Sequence[str]:
        """Return their keys, as they are now."""
        ...

    def state_of(self, key: str) -> StoredUser | None:
        """Return one of them as they are to be stored; None if they are forgotten meanwhile."""
        ...


class UserLog:
    """The log of some users. Not safe for use by several threads.

    When much of it is out of date, a part of everybody is written anew with each snapshot, until nothing older is
    needed: no snapshot has to wait for all of them.
    """

    def __init__(self, directory: Path, everybody: Everybody, state: str = "") -> None:
        """Look at nothing yet: `resume` comes first. `state` is the id of the state directory."""
        self._directory = directory
        self._state = state
        self._everybody = everybody
        self._generation = 0
        self._sealed: list[Segment] = []
        self._number = 0
        self._records = 0
        """Of the segment that is written to."""
        self._file: SegmentFile | None = None
        self._rewriting: Iterator[str] | None = None
        self._share = 0
        self._rewritten_from = 0
        """The first generation of the segment that everybody is being written to."""
        self._outdated: list[Segment] = []
        """Segments that nothing needs any more, but a start from an older generation."""
        self._outdated_since = 0
        self._rewrite_at_s = 0
        """When it is written anew at the latest, in seconds since the epoch."""

    def resume(self, generation: int, take: Take) -> None:
        """Go back to a generation, 0 for the beginning, and give every record up to it to `take`, oldest first.

        What was written after it is removed. Raises UserLogError, or OSError.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        sync_entries(self._directory.parent)
        sync_entries(self._directory.parent.parent)
        self._sealed, end, behind = read_log(self._directory, generation, take, self._state)
        for path in reversed(behind):
            path.unlink()
        self._generation = generation
        if not self._sealed:
            remove_floor(self._directory)  # the last of all, for what is there must be whole for the next start, too
            self._begin()
            return
        last_segment = self._sealed.pop()
        self._number, self._records = int(last_segment.path.stem), last_segment.records
        self._file = SegmentFile.resume(last_segment.path, end)
        self._file.sync()
        sync_entries(self._directory)  # else what was removed may come back, behind what is written now

    def save(self, changed: Sequence[UserRecord], now_s: int) -> int:
        """Make durable what has changed, and return the generation that holds it. Raises OSError, with nothing done."""
        if not changed and self._rewriting is None:
            return self._generation
        records = [*changed, *self._rewritten(len(changed), now_s)]
        generation = self._generation + 1
        try:
            file = self._file or self._begin()
            head = state_frame(self._state) if self._state and not file.size else b""
            file.append(head + b"".join(generation_frames(generation, records)))
            file.sync()
        except OSError:
            if self._rewriting is not None:  # its part is in no log yet
                self._rewriting = iter(self._everybody.keys())
            raise
        self._generation = generation
        self._records += len(records)
        self._remove_outdated()
        return generation

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rewritten(self, changed: int, now_s: int) -> list[UserRecord]:
        """Return the next part of everybody where the log is being written anew; begin with that where it is time."""
        if self._rewriting is None:
            if self._outdated or not self._is_to_be_rewritten(changed, now_s):
                return []
            ended, sealed = self._file, Segment(USER_SEGMENTS.path(self._directory, self._number), self._records)
            self._begin()
            self._sealed.append(sealed)
            if ended is not None:
                ended.close()
            self._rewritten_from = self._generation + 1
            keys = self._everybody.keys()
            self._rewriting = iter(keys)
            self._share = max(len(keys) // _REWRITES, _LEAST_REWRITTEN)
        part = list(islice(self._rewriting, max(self._share, changed)))
        if not part:  # the last part is with the generation before, if there was anybody
            self._rewriting = None
            self._outdated, self._sealed = self._sealed, []
            self._outdated_since = max(self._generation, self._rewritten_from)
            self._rewrite_at_s = now_s + _LONGEST_KEPT_S
        return [(key, state) for key in part if (state := self._everybody.state_of(key)) is not None]

    def _is_to_be_rewritten(self, changed: int, now_s: int) -> bool:
        written = self._records + sum(each.records for each in self._sealed)
        people = len(self._everybody)
        if now_s >= self._rewrite_at_s:
            if not self._rewrite_at_s:
                self._rewrite_at_s = now_s + _FIRST_KEPT_S
            elif written > people:
                return True
        return written + changed > 2 * people + _SPARE_RECORDS

    def _remove_outdated(self) -> None:
        if not self._outdated or self._generation < self._outdated_since + KEPT_SNAPSHOTS:
            return
        set_floor(self._directory, self._outdated_since)
        with suppress(OSError):
            while self._outdated:
                self._outdated[0].path.unlink(missing_ok=True)
                del self._outdated[0]
        self._sealed[:0] = self._outdated  # who was forgotten must not come back: the oldest goes first, or none
        self._outdated = []

    def _begin(self) -> SegmentFile:
        file = SegmentFile.begin(USER_SEGMENTS.path(self._directory, self._number + 1))
        self._number, self._records, self._file = self._number + 1, 0, file
        return file
