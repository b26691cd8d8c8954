"""Ramp: how fast the requests to an app may become more, as when a backlog is caught up with after an outage."""

from typing import Final

from connectors.delivery.spacing import BURST_SECONDS, Spacing

_SECOND: Final = 1.0
_SECONDS_PER_MINUTE: Final = 60.0


class Ramp:
    """Keeps a slice to its part of the ramp. Time is given, in seconds of a steady clock.

    AppsFlyer advises to send in bulk at a rate that rises by some 2,000 requests per second each minute (S2S events
    API). The first minute's step is taken at once, so that whoever sends less never meets the ramp. From there the rate
    rises evenly, and only while requests wait for it. What was not used for two minutes is given up again: after an
    outage the ramp begins where it would at a start.
    """

    def __init__(self, requests_per_second_per_minute: float, slice_count: int = 1) -> None:
        """Take a part of a ramp; 0 is no ramp."""
        self._step = requests_per_second_per_minute / slice_count
        self.requests_per_second = self._step
        """What may be sent now; 0 is no limit."""
        self.was_held = False
        """Whether a request has waited for it since the last second ended."""
        self._spacing = Spacing(self._step or float("inf"), BURST_SECONDS)
        self._second_s = self._minute_s = float("-inf")
        self._sent = 0
        self._peak = self._peak_before = 0.0

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the next request may go; 0 is now."""
        if not self._step:
            return 0.0
        if now_s - self._second_s >= _SECOND:
            self._end_second(now_s)
        wait = self._spacing.wait_seconds(now_s)
        if wait:
            self.was_held = True
        return wait

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        if self._step:
            self._sent += 1
            self._spacing.take(now_s)

    def _end_second(self, now_s: float) -> None:
        seconds = now_s - self._second_s
        self._peak = max(self._peak, self._sent / seconds)
        if self.was_held:
            self.requests_per_second += self._step * min(seconds, 2 * _SECOND) / _SECONDS_PER_MINUTE
        if seconds >= _SECONDS_PER_MINUTE:  # nobody asked: nothing was to be sent
            self._peak = self._peak_before = 0.0
        if now_s - self._minute_s >= _SECONDS_PER_MINUTE:
            highest = max(self._peak, self._peak_before)
            self.requests_per_second = max(self._step, min(self.requests_per_second, highest))
            self._peak_before, self._peak, self._minute_s = self._peak, 0.0, now_s
        self._spacing.interval_s = 1.0 / self.requests_per_second
        self._second_s, self._sent, self.was_held = now_s, 0, False
