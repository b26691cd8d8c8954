"""A clock of the time in which this process ran: steady, and still while the process was stopped."""

import time
from collections.abc import Callable
from typing import Final

_LONGEST_GAP_SECONDS: Final = 2.0
"""Whoever reads the clock does so at least twice a second; a longer gap is time in which nothing could run."""


class ActiveClock:
    """Seconds that go on only while the process runs (not while SIGSTOP holds it, or its machine sleeps).

    No step of the wall clock changes it. It is to be read at least every two seconds.
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._last = steady()
        self._stopped = 0.0

    def seconds(self) -> float:
        """Return the time; of a gap, only two seconds count."""
        now = self._steady()
        gap = now - self._last
        if gap > _LONGEST_GAP_SECONDS:
            self._stopped += gap - _LONGEST_GAP_SECONDS
        self._last = now
        return now - self._stopped
