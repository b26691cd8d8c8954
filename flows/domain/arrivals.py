"""Arrivals: when what was read had arrived, to a second, for a few notes a second and none for each event.

Records of a partition arrive in the order of their offsets. So a note is made only where the time has moved on, and the
last note at or before an offset tells when it arrived. With very many notes each second one is left out: what it stood
for counts as arrived at the earlier of it and the one before. Times that producers write may step to and fro; then
there are more notes, and fewer of them stay.
"""

from bisect import bisect_right
from collections.abc import Iterable
from threading import Lock
from typing import Final

from flows.domain.event import Record

_STEP_MS: Final = 1000
_MOST_NOTES: Final = 4000
"""Of one partition: an hour's, before any is left out."""

SourcePartition = tuple[str, int]
"""(source, partition)"""


class Arrivals:
    """The notes of all partitions. Safe for use by several threads."""

    def __init__(self) -> None:
        self._notes: dict[SourcePartition, tuple[list[int], list[int]]] = {}
        self._lock = Lock()

    def read(self, records: Iterable[Record]) -> None:
        """Note what was read together."""
        place: SourcePartition = ("", -1)
        from_ms = to_ms = 0
        for record in records:
            time_ms = record.time_ms
            if from_ms < time_ms < to_ms and record.partition == place[1] and record.source == place[0]:
                continue
            place, from_ms, to_ms = (record.source, record.partition), time_ms - _STEP_MS, time_ms + _STEP_MS
            self.note(place, record.offset, time_ms)

    def note(self, place: SourcePartition, offset: int, time_ms: int) -> None:
        """Note when one arrived; also out of order, as what an earlier run left does."""
        with self._lock:
            offsets, times = self._notes.setdefault(place, ([], []))
            at = bisect_right(offsets, offset)
            if at and abs(times[at - 1] - time_ms) < _STEP_MS:
                return
            offsets.insert(at, offset)
            times.insert(at, time_ms)
            if len(offsets) > _MOST_NOTES:
                times[0:-1:2] = map(min, times[0:-1:2], times[1::2])
                del offsets[1::2], times[1::2]

    def of(self, place: SourcePartition, offset: int) -> int | None:
        """Return when a record arrived, in milliseconds since the epoch; None if nothing was noted of it."""
        with self._lock:
            offsets, times = self._notes.get(place, ([], []))
            at = bisect_right(offsets, offset)
            return times[at - 1] if at else None

    def forget_below(self, place: SourcePartition, offset: int | None) -> None:
        """Drop what nobody will ask for again: the notes before the one that this offset goes by; None is all but one.

        The last stays in any case, for what was read just now is noted before its entry is open.
        """
        with self._lock:
            if place in self._notes:
                offsets, times = self._notes[place]
                last = len(offsets) - 1
                before = last if offset is None else max(bisect_right(offsets, offset) - 1, 0)
                del offsets[:before], times[:before]
