"""Passing: whether a topic is being read, and up to when all that it held has been.

Kafka is asked where the partitions end. Once all have been read up to there, all that had been produced when it was
asked has been read. The time between two answers counts as time of reading unless something lies there and is not read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from connectors.read_clock import LONGEST_STEP_SECONDS, ReadClock

LONGEST_WAIT_SECONDS: Final = 3600.0
"""One partition that cannot be read, while others are, keeps the events that wait for so long; then it is left out."""


class Passing:
    """Follows the partitions from one answer to the next, and tells `ReadClock`. Not safe for use by several threads.

    Args:
        read_clock: what it tells.
        partitions: those that this process reads.
        places: returns partition → the offset that is read next; one that is not begun yet has none.
        has_room: whether anything may be read at the moment. Where nothing may, it is nobody's fault that none is read.
    """

    def __init__(
        self,
        read_clock: ReadClock,
        partitions: Sequence[int],
        places: Callable[[], Mapping[int, int]],
        has_room: Callable[[], bool],
    ) -> None:
        self.read_clock = read_clock
        self._partitions = tuple(partitions)
        self._now = places
        self._has_room = has_room
        self._asked_at: float | None = None
        self._ends: Mapping[int, int] = {}
        self._places: Mapping[int, int] = {}
        self._unread_s: dict[int, float] = {}
        """Partition → for how long it was not read while others were."""
        self._left_out: frozenset[int] = frozenset()
        self._goal: tuple[int, Mapping[int, int]] | None = None
        """(time of reading when Kafka was asked, the ends that it told), until all have been read up to there."""

    def answered(self, asked_at: float, ends: Mapping[int, int]) -> None:
        """Take the ends of the partitions as Kafka has told them; one without a leader has none.

        `asked_at` is when it was asked, by the read clock.
        """
        places = self._now()
        step_s = 0.0 if self._asked_at is None else min(asked_at - self._asked_at, LONGEST_STEP_SECONDS)
        moved = {
            each for each in self._partitions if places.get(each, -1) > self._places.get(each, places.get(each, -1))
        }
        is_read = {
            each
            for each in self._partitions
            if each in ends and (each in moved or places.get(each, -1) >= self._ends.get(each, ends[each]))
        }
        if self._has_room():
            self._leave_out(is_read, step_s)
            counts = bool(is_read) and is_read | self._left_out >= set(self._partitions)
        else:
            counts = bool(moved) or len(is_read) == len(self._partitions)
        self.read_clock.read(asked_at, counts=counts and self._asked_at is not None)
        self._asked_at, self._ends, self._places = asked_at, dict(ends), dict(places)
        if self._goal is None and ends.keys() | self._left_out >= set(self._partitions):
            self._goal = (self.read_clock.read_ms, dict(ends))
        self.look()

    def look(self) -> None:
        """Look whether all has been read up to the ends that were told."""
        if self._goal is None:
            return
        read_ms, ends = self._goal
        places = self._now()
        if all(places.get(each, -1) >= ends.get(each, 0) for each in self._partitions if each not in self._left_out):
            self._goal = None
            self.read_clock.all_read(read_ms)

    def _leave_out(self, is_read: set[int], step_s: float) -> None:
        """Wait no longer for partitions that were not read for long, while others were."""
        for each in self._partitions:
            if each in is_read:
                self._unread_s.pop(each, None)
            elif is_read:
                self._unread_s[each] = self._unread_s.get(each, 0.0) + step_s
        left_out = frozenset(each for each, unread_s in self._unread_s.items() if unread_s >= LONGEST_WAIT_SECONDS)
        if left_out - self._left_out:
            structlog.get_logger().error(
                "partitions cannot be read; events that wait for what another one teaches wait for them no longer",
                partitions=sorted(left_out),
                waited_seconds=LONGEST_WAIT_SECONDS,
            )
        self._left_out = left_out
