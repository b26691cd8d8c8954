"""Limiter: what one slice may send to an app, so that no second holds more of all slices' requests than allowed."""

from math import floor
from typing import Final

from connectors.delivery.spacing import BURST_SECONDS, Spacing

SLACK_SECONDS: Final = 0.05
"""By how much a request may come later to AppsFlyer than another one, and no second there holds too many yet."""
_WINDOW_SECONDS: Final = 1.0 + BURST_SECONDS + SLACK_SECONDS


class Limiter:
    """Keeps a slice to its part of the limit. Time is given, in seconds of a steady clock.

    The limit is rounded down to a whole number, for a second cannot hold half a request, and divided: the slices' parts
    are whole numbers that add up to it. A part of n is used as n requests in 1.08 seconds: no second holds more than n.
    With more slices than requests per second they take turns instead, by a clock that they share.
    """

    def __init__(
        self,
        requests_per_second: float,
        slice_index: int = 0,
        slice_count: int = 1,
        shared_clock_offset_s: float = 0.0,
    ) -> None:
        """Take a part of a limit; 0 is no limit. The offset is what makes the steady clock one that slices share."""
        whole = floor(requests_per_second) if requests_per_second >= 1 else requests_per_second
        self.requests_per_second = 0.0
        """How many go at the most, in the long run; 0 is no limit."""
        self._spacing: Spacing | None = None
        self._turns: _Turns | None = None
        if whole <= 0:
            return
        if slice_count == 1 or whole >= slice_count:
            part = whole
            if slice_count > 1:
                part = (slice_index + 1) * whole // slice_count - slice_index * whole // slice_count
            self.requests_per_second = part / _WINDOW_SECONDS
            self._spacing = Spacing(self.requests_per_second, BURST_SECONDS)
        else:
            turn_seconds = _WINDOW_SECONDS / whole
            self.requests_per_second = 1 / (turn_seconds * slice_count)
            self._turns = _Turns(turn_seconds, slice_index, slice_count, shared_clock_offset_s)

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        if self._spacing is not None:
            return self._spacing.wait_seconds(now_s)
        return self._turns.wait_seconds(now_s) if self._turns is not None else 0.0

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        if self._spacing is not None:
            self._spacing.take(now_s)
        elif self._turns is not None:
            self._turns.take(now_s)


class _Turns:
    """One request in each turn, at its beginning; the slices have their turns one after the other."""

    def __init__(self, turn_seconds: float, slice_index: int, slice_count: int, offset_s: float) -> None:
        self._turn_s, self._index, self._count, self._offset_s = turn_seconds, slice_index, slice_count, offset_s
        self._used = -1

    def wait_seconds(self, now_s: float) -> float:
        at_s = now_s + self._offset_s
        turn = int(at_s // self._turn_s)
        is_mine = turn % self._count == self._index
        if is_mine and turn != self._used and at_s - turn * self._turn_s <= BURST_SECONDS:
            return 0.0
        turns_until_mine = (self._index - turn) % self._count or self._count
        # A little into it, so that rounding does not wake anybody before it.
        return (turn + turns_until_mine) * self._turn_s - at_s + 1e-6

    def take(self, now_s: float) -> None:
        self._used = int((now_s + self._offset_s) // self._turn_s)
