"""A lane: the requests of one sync to one app.

It has its own key, limit and circuit, so that one app's trouble stays its own.
"""

import random
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from connectors.delivery.in_flight import InFlight
from connectors.delivery.retry import capped_retry_after, delay_seconds
from connectors.delivery.throttle import Throttle
from connectors.ports import Endpoint
from connectors.secrets import Secret, SecretError

FAILURES_THAT_OPEN: Final = 10
"""So many failures in a row, with nothing getting through, are the app's or AppsFlyer's trouble, not an event's."""
_LONG_SECONDS: Final = 5.0
_SHARE_OF_FREE: Final = 4
"""How many times as many requests as places are left free one lane may have under way, beside others."""


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


class Lane:
    """What waits for one app, and whether it may go. Time is given, in seconds of a steady clock."""

    def __init__(self, name: str, base_url: str, app_id: str, secrets: Sequence[Secret], throttle: Throttle) -> None:
        self.name = name
        self.waiting: deque[InFlight] = deque()
        self.throttle = throttle
        self.is_paused = False
        """The settings want nothing to be sent."""
        self.circuit = Circuit.CLOSED
        self.in_flight = 0
        self.endpoint_open: Endpoint | None = None
        """The endpoint that the engine has a lane for."""
        self.number = 0
        """The number of that lane."""
        self.chance = random.Random()  # noqa: S311 - jitter, not a secret
        self.sync = name.partition("/")[0]
        self._url = f"{base_url.rstrip('/')}/inappevent/{quote(app_id, safe='')}"
        self._secrets = secrets
        self._chosen = 0
        self._refused: set[str] = set()
        self._failures = 0
        self._sent_until_open = 0
        """How many requests were sent when the circuit opened; what becomes of those says nothing of the time since."""
        self._probe_at = 0.0
        self._not_before = 0.0
        self.sent = 0
        """How many requests were sent."""
        self.passed = 0
        """The number of the latest of them whose answer showed that the app is alive."""
        self.healed_s = 0.0
        """When deliveries began again after nothing got through, by the clock that tells how long events are tried."""

    def endpoint(self) -> Endpoint:
        """Return where to send, with the key as it is now. Raises SecretError."""
        return Endpoint(self._url, self._secrets[self._chosen].value())

    def take(self) -> InFlight:
        """Take the next of what waits.

        As a probe goes any of it: the ones at the front, of one partition, may all fail for reasons of their own.
        """
        waiting = self.waiting
        if self.circuit is Circuit.CLOSED:
            return waiting.popleft()
        place = self.chance.randrange(len(waiting))
        in_flight = waiting[place]
        del waiting[place]
        return in_flight

    def wait_seconds(self, now_s: float) -> float | None:
        """Return how long until the next request may go; None if nothing waits, or only for an answer."""
        if not self.waiting:
            return None
        allowed_s = self.throttle.wait_seconds(now_s)
        if allowed_s is None:
            return None
        asked_s = max(self._not_before - now_s, allowed_s)
        if self.circuit is Circuit.CLOSED:
            return asked_s
        return None if self.in_flight else max(self._probe_at - now_s, asked_s)

    def room(self, free: int) -> int:
        """Return how many of the places that are free it may take beside other lanes.

        It holds at most four times as many as it leaves free, so that one app that answers slowly, or never, cannot
        hold them all; nor, where places are few, the last one besides others.
        """
        most = (_SHARE_OF_FREE * free - self.in_flight) // (_SHARE_OF_FREE + 1)
        return max(most, 0 if self.in_flight else min(free, 1))

    def is_in_trouble(self, now_s: float) -> bool:
        """Return whether what waits will wait for long."""
        return self.circuit is not Circuit.CLOSED or self._not_before - now_s > _LONG_SECONDS

    def others_pass(self, in_flight: InFlight) -> bool:
        """Return whether something that was sent after a request, which then failed, was delivered.

        Then it is the event that is at fault. What was sent before it proves nothing, for an outage may have begun
        in between. To be asked at each failure.
        """
        in_flight.first_failed = in_flight.first_failed or in_flight.number
        return self.passed > in_flight.first_failed

    def succeeded(self, number: int) -> bool:
        """Take note that the request of that number showed life; return whether it closed the circuit."""
        self.passed = max(self.passed, number)
        self._failures = 0
        if self._refused:
            self._refused.clear()
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

    def switches_key(self, key: str) -> bool:
        """Take note that a key was refused, or is unreadable (""); return whether another one is to be tried."""
        if key and self._value(self._chosen) not in (key, None):
            return True  # the answer to a request that left before the key was changed
        self._refused.add(key)
        for place in range(len(self._secrets)):
            if place != self._chosen and (value := self._value(place)) is not None and value not in self._refused:
                self._chosen = place
                return True
        return False

    def refused(self, now_s: float, key: str, number: int | None = None) -> bool:
        """Take note that a key was refused to the request of that number; return whether this paused the lane.

        The key is "", and there is no number, where none can be read. The other key is tried first. Once every key is
        refused, each is probed in turn, for any may be allowed again.
        """
        if self.switches_key(key):
            return False
        self._refused.clear()
        return self.pause(now_s, number)

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

    def _value(self, place: int) -> str | None:
        try:
            return self._secrets[place].value()
        except SecretError:
            return None

    def _probe_later(self, now_s: float, retry_after_seconds: float) -> None:
        failures = max(self._failures - FAILURES_THAT_OPEN, 0) + 2
        delay_s = delay_seconds(min(failures, 6), retry_after_seconds, self.chance)
        self._probe_at = max(self._probe_at, now_s + delay_s)  # what an answer asked for is not cut short by the next
