"""Spacing: lets requests go at a rate, evenly but for a stated burst."""

from typing import Final

BURST_SECONDS: Final = 0.03
"""How far requests may bunch, for a thread that wakes up every few milliseconds could not use its rate otherwise."""


class Spacing:
    """A generic cell rate algorithm. Time is given, in seconds of any steady clock. Idle time is not saved up."""

    __slots__ = ("_next_s", "burst_s", "interval_s")

    def __init__(self, requests_per_second: float, burst_s: float) -> None:
        """Space to a rate; infinity is no limit. `burst_s` is how far requests may run ahead of their even places."""
        self.interval_s = 1.0 / requests_per_second
        self.burst_s = burst_s
        self._next_s = float("-inf")

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        wait = self._next_s - self.burst_s - now_s
        return max(0.0, wait)

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        self._next_s = (max(now_s, self._next_s)) + self.interval_s
