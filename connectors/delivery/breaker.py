"""The circuit breaker of a lane: whether requests may go, judged by what became of those that went."""

import random
from enum import StrEnum
from typing import Final

from connectors.delivery.in_flight import InFlight
from connectors.delivery.retry import capped_retry_after, delay_seconds

FAILURES_THAT_OPEN: Final = 10
"""So many failures in a row, with nothing getting through, are the app's or AppsFlyer's trouble, not an event's."""
_LONG_SECONDS: Final = 5.0


class Circuit(StrEnum):
    """Whether requests may go."""

    CLOSED = "closed"
    """They go."""
    OPEN = "open"
    """Nothing gets through: one at a time goes as a probe."""
    PAUSED = "paused"
    """The key, the app id or the plan is wrong, or another answers in AppsFlyer's place: one at a time is a probe."""
    PAUSED_BY_SETTINGS = "paused_by_settings"
    """The sync has `paused = true`: none goes. It is what an app is said to be; a lane keeps its own circuit."""


class Breaker:
    """Counts what is sent, and opens and closes the circuit. Time is given, in seconds of a steady clock."""

    def __init__(self) -> None:
        self.circuit = Circuit.CLOSED
        self.chance = random.Random()  # noqa: S311 - jitter, not a secret
        self.sent = 0
        """How many requests were sent."""
        self.passed = 0
        """The number of the latest of them whose answer showed that the app is alive."""
        self._failures = 0
        self._sent_until_open = 0
        """How many requests were sent when the circuit opened; what becomes of those says nothing of the time since."""
        self._probe_at = 0.0
        self._not_before = 0.0

    def wait_seconds(self, now_s: float, allowed_s: float, in_flight: int) -> float | None:
        """Return how long until the next request may go, not before `allowed_s`; None: only after an answer."""
        asked_s = max(self._not_before - now_s, allowed_s)
        if self.circuit is Circuit.CLOSED:
            return asked_s
        return None if in_flight else max(self._probe_at - now_s, asked_s)

    def is_in_trouble(self, now_s: float) -> bool:
        """Return whether what waits will wait for long."""
        return self.circuit is not Circuit.CLOSED or self._not_before - now_s > _LONG_SECONDS

    def others_pass(self, in_flight: InFlight) -> bool:
        """Return whether something that was sent after a request, which then failed, was delivered.

        Then it is the event that is at fault. What was sent before it proves nothing, for an outage may have begun in
        between. To be asked at each failure.
        """
        in_flight.first_failed = in_flight.first_failed or in_flight.number
        return self.passed > in_flight.first_failed

    def succeeded(self, number: int) -> bool:
        """Take note that the request of that number showed life; return whether it closed the circuit."""
        self.passed = max(self.passed, number)
        self._failures = 0
        self._probe_at = 0.0
        if self.circuit is Circuit.CLOSED:  # then deliveries that were on their way say nothing against a wish to wait
            return False
        self._not_before = 0.0
        self.circuit = Circuit.CLOSED
        return True

    def failed(self, now_s: float, retry_after_seconds: float, number: int) -> bool:
        """Take note of a failure that may pass, of the request of that number; return whether it opened the circuit.

        Only what fails later than anything passed, or than the circuit opened, counts: hundreds of requests may be
        under way, and those that time out together were sent long ago.
        """
        if retry_after_seconds > 0:  # the answer speaks for the app, not for one event
            self._not_before = max(self._not_before, now_s + capped_retry_after(retry_after_seconds))
        if self._is_old_news(number):
            return False
        self._failures += 1
        opened = self.circuit is Circuit.CLOSED and self._failures >= FAILURES_THAT_OPEN
        if opened:
            self._open(Circuit.OPEN)
        if self.circuit is not Circuit.CLOSED:  # while it is paused, too: else one probe would chase the other
            self._probe_later(now_s, retry_after_seconds)
        return opened

    def pause(self, now_s: float, number: int | None = None) -> bool:
        """Take note that the request of that number shows that nothing is to be sent; return whether this paused it.

        A pause that has begun is put off further by what was sent since, not by what was on its way.
        """
        paused = self.circuit is not Circuit.PAUSED
        if not paused and number is not None and number <= self._sent_until_open:
            return False
        self._failures += 1
        if paused:
            self._open(Circuit.PAUSED)
        self._probe_later(now_s, 0.0)
        return paused

    def _open(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._sent_until_open = self.sent

    def _is_old_news(self, number: int) -> bool:
        return number <= (self.passed if self.circuit is Circuit.CLOSED else self._sent_until_open)

    def _probe_later(self, now_s: float, retry_after_seconds: float) -> None:
        failures = max(self._failures - FAILURES_THAT_OPEN, 0) + 2
        delay_s = delay_seconds(min(failures, 6), retry_after_seconds, self.chance)
        self._probe_at = max(self._probe_at, now_s + delay_s)  # what an answer asked for is not cut short by the next
