"""Throttle: what may be sent to one app now: by the operator's limit, by the ramp, and by what its answers show."""

from connectors.delivery.adaptive import AdaptiveLimit
from connectors.delivery.limiter import Limiter
from connectors.delivery.ramp import Ramp


class Throttle:
    """Shared by all lanes to one app. Time is given, in seconds of a steady clock."""

    def __init__(self, limiter: Limiter, ramp: Ramp, most_at_a_time: int, adaptive: AdaptiveLimit | None) -> None:
        self._limiter = limiter
        self._ramp = ramp
        self._most_at_a_time = most_at_a_time
        self._adaptive = adaptive
        self.in_flight = 0
        """Requests to the app that are under way."""

    @property
    def requests_per_second(self) -> float:
        """The rate in force; infinity is none."""
        given = (self._limiter.requests_per_second, self._ramp.requests_per_second)  # of both, 0 is none
        found = self._adaptive.requests_per_second if self._adaptive is not None else float("inf")
        return min([each for each in given if each] + [found])

    @property
    def most_at_a_time(self) -> int:
        """How many requests may be under way."""
        return self._adaptive.most_at_a_time if self._adaptive is not None else self._most_at_a_time

    def wait_seconds(self, now_s: float) -> float | None:
        """Return how long until the next request may go, 0 is now; None: until one that is under way is answered."""
        wait_s = self._limiter.wait_seconds(now_s) or self._ramp.wait_seconds(now_s)
        if wait_s or self._adaptive is None:  # the transport keeps to the most at a time
            return wait_s
        return self._adaptive.wait_seconds(now_s, self.in_flight)

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        self.in_flight += 1
        self._limiter.take(now_s)
        self._ramp.take(now_s)
        if self._adaptive is not None:
            self._adaptive.take(now_s)

    def passed(self, now_s: float, seconds: float) -> None:
        """Take note of an answer without a sign of too much load, and how long it took."""
        self.in_flight -= 1
        if self._adaptive is not None:
            self._adaptive.passed(now_s, seconds)

    def refused(self, now_s: float, seconds: float, *, says_so: bool) -> None:
        """Take note of an answer that it is too much, and how long it took; `says_so`: it can mean nothing else."""
        self.in_flight -= 1
        if self._adaptive is not None:
            self._adaptive.refused(now_s, seconds, says_so=says_so)

    def failed(self) -> None:
        """Take note that a request ended in another way, which says nothing of the load."""
        self.in_flight -= 1

    def opened(self, now_s: float) -> None:
        """Take note that nothing gets through."""
        if self._adaptive is not None:
            self._adaptive.opened(now_s)

    def closed(self, now_s: float) -> None:
        """Take note that requests get through again."""
        if self._adaptive is not None:
            self._adaptive.closed(now_s)
