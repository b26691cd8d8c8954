"""Throttle: what may be sent to one app now, by the operator's limit, by the ramp, and by what the app's answers show.

Time is given everywhere, in seconds of a steady clock.
"""

from math import floor, inf
from typing import Final

from connectors.delivery.adaptive import AdaptiveLimit
from connectors.delivery.token_bucket import BURST_SECONDS, TokenBucket
from flows.domain.slice import ALL, Slice

SLACK_SECONDS: Final = 0.05
"""By how much a request may come later to AppsFlyer than another one, and no second there holds too many yet."""
_WINDOW_SECONDS: Final = 1.0 + BURST_SECONDS + SLACK_SECONDS
_SECOND: Final = 1.0
_SECONDS_PER_MINUTE: Final = 60.0


class Limiter:
    """Keeps a slice to its part of the operator's limit: no second holds more of all slices' requests than that.

    The limit is rounded down to a whole number, because a second cannot hold half a request, and divided: the slices'
    parts are whole numbers that add up to it. A part of n is used as n requests in 1.08 seconds.
    """

    def __init__(self, requests_per_second: float, part: Slice = ALL) -> None:
        """Take a part of a limit; 0 is no limit. Raises ValueError where a slice would have no part of it."""
        own = max(requests_per_second, 0.0)
        if own >= 1:
            whole = floor(own)
            own = float((part.index + 1) * whole // part.count - part.index * whole // part.count)
        if requests_per_second > 0 and (not own or (own < 1 and part.count > 1)):
            raise ValueError(f"{requests_per_second:g} requests per second, divided among {part.count} slices")
        self.requests_per_second = own / _WINDOW_SECONDS
        """How many go at the most, in the long run; 0 is no limit."""
        self._bucket = TokenBucket(self.requests_per_second or inf)

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        return self._bucket.wait_seconds(now_s)

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        self._bucket.take(now_s)


class Ramp:
    """Keeps a slice to its part of the ramp: how fast the rate may rise, as when a backlog is sent after an outage.

    AppsFlyer advises to send in bulk at a rate that rises by some 2,000 requests per second each minute (S2S events
    API). The first minute's step is taken at once, so that a lower rate never meets the ramp. From there the rate
    rises evenly, and only while requests wait for it. What was not used for two minutes is given up again: after an
    outage the ramp begins where it would at a start.
    """

    def __init__(self, requests_per_second_per_minute: float, slice_count: int = 1) -> None:
        """Take a part of a ramp; 0 is no ramp."""
        self._step = requests_per_second_per_minute / slice_count
        self.requests_per_second = self._step
        """What may be sent now; 0 is no limit."""
        self._was_held = False
        """Whether a request has waited for it since the last second ended."""
        self._bucket = TokenBucket(self._step or inf)
        self._second_s = self._minute_s = -inf
        self._sent = 0
        self._peak = self._peak_before = 0.0

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        if not self._step:
            return 0.0
        if now_s - self._second_s >= _SECOND:
            self._end_second(now_s)
        wait_s = self._bucket.wait_seconds(now_s)
        if wait_s:
            self._was_held = True
        return wait_s

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        if self._step:
            self._sent += 1
            self._bucket.take(now_s)

    def _end_second(self, now_s: float) -> None:
        seconds = now_s - self._second_s
        self._peak = max(self._peak, self._sent / seconds)
        if self._was_held:
            self.requests_per_second += self._step * min(seconds, 2 * _SECOND) / _SECONDS_PER_MINUTE
        if seconds >= _SECONDS_PER_MINUTE:  # nobody asked: nothing was to be sent
            self._peak = self._peak_before = 0.0
        if now_s - self._minute_s >= _SECONDS_PER_MINUTE:
            highest = max(self._peak, self._peak_before)
            self.requests_per_second = max(self._step, min(self.requests_per_second, highest))
            self._peak_before, self._peak, self._minute_s = self._peak, 0.0, now_s
        self._bucket.interval_s = 1.0 / self.requests_per_second
        self._second_s, self._sent, self._was_held = now_s, 0, False


class Throttle:
    """What holds back the requests to one app; shared by all lanes to it."""

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
        found = self._adaptive.requests_per_second if self._adaptive is not None else inf
        return min([each for each in given if each] + [found])

    @property
    def most_at_a_time(self) -> int:
        """How many requests may be under way."""
        return self._adaptive.most_at_a_time if self._adaptive is not None else self._most_at_a_time

    def wait_seconds(self, now_s: float) -> float | None:
        """Return how long until the next request may go, 0 is now; None: until one that is under way is answered."""
        wait_s = self._limiter.wait_seconds(now_s) or self._ramp.wait_seconds(now_s)
        if wait_s or self._adaptive is None:  # the engine keeps to the most at a time
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
