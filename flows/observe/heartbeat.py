"""The heartbeat: when each thread that does the work last went round its loop. A beat is one write of a number."""

import time
from collections.abc import Callable
from threading import get_ident


class Heartbeat:
    """Each thread writes its own beats; any may read them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.started_at = clock()
        self.workers: dict[int, float] = {}
        """Thread → when it last asked its source for more, or looked whether it may end."""
        self.sender_at: float | None = None
        self.requests_at = clock()
        """When the sender last had no request under way."""

    def worker(self) -> None:
        """Say that the calling worker thread goes on."""
        self.workers[get_ident()] = self.clock()

    def sender(self, in_flight: int) -> None:
        """Say that the sender goes on."""
        self.sender_at = now = self.clock()
        if not in_flight:
            self.requests_at = now
