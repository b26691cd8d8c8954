"""Limiter: spaces requests so that no second holds more of them than allowed."""

from typing import Final

_BURST_SECONDS: Final = 0.02
"""How far requests may bunch, for a thread that wakes up every few milliseconds could not use its rate otherwise."""


class Limiter:
    """A generic cell rate algorithm. Time is given, in seconds of any steady clock."""

    def __init__(self, requests_per_second: float) -> None:
        """Limit to a rate; 0 is no limit."""
        self._interval_s = 1.0 / requests_per_second if requests_per_second > 0 else 0.0
        self._burst_s = max(_BURST_SECONDS - self._interval_s, 0.0)
        self._next_s = float("-inf")

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        return max(self._next_s - self._burst_s - now_s, 0.0) if self._interval_s else 0.0

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        if self._interval_s:
            self._next_s = max(self._next_s, now_s) + self._interval_s
