"""Token bucket: lets requests go at a rate, evenly but for a stated burst."""

from typing import Final

BURST_SECONDS: Final = 0.03
"""How far requests may bunch, because a thread that wakes up every few ms could not use its rate otherwise."""


class TokenBucket:
    """Kept as the moment of the next token (GCRA). Time is given, in seconds of any steady clock.

    Idle time saves up no more than the burst.
    """

    __slots__ = ("_next_s", "interval_s")

    def __init__(self, requests_per_second: float) -> None:
        """Take the rate; infinity is no limit."""
        self.interval_s = 1.0 / requests_per_second
        self._next_s = float("-inf")

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        wait_s = self._next_s - BURST_SECONDS - now_s
        return max(0.0, wait_s)

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        self._next_s = max(now_s, self._next_s) + self.interval_s
