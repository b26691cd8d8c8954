"""A lane: the queue of one sync's requests to one app.

It has its own keys, limit and circuit, so that one app's trouble stays its own.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from connectors.delivery.breaker import Breaker, Circuit
from connectors.delivery.in_flight import InFlight
from connectors.delivery.keys import KeyRing
from connectors.delivery.throttle import Throttle
from connectors.ports import Endpoint
from connectors.secrets import Secret

_SHARE_OF_FREE: Final = 4
"""How many times as many requests as places are left free one lane may have under way, beside others."""


class Lane:
    """What waits for one app, and whether it may go. Time is given, in seconds of a steady clock."""

    def __init__(self, name: str, base_url: str, app_id: str, secrets: Sequence[Secret], throttle: Throttle) -> None:
        self.name = name
        self.sync = name.partition("/")[0]
        self.waiting: deque[InFlight] = deque()
        self.throttle = throttle
        self.breaker = Breaker()
        self.keys = KeyRing(secrets)
        self.is_paused = False
        """The settings want nothing to be sent."""
        self.in_flight = 0
        self.endpoint_open: Endpoint | None = None
        """The endpoint that the engine has a lane for."""
        self.number = 0
        """The number of that lane."""
        self.healed_s = 0.0
        """When deliveries began again after nothing got through, by the clock that tells how long events are tried."""
        self._url = f"{base_url.rstrip('/')}/inappevent/{quote(app_id, safe='')}"

    @property
    def circuit(self) -> Circuit:
        """Whether requests may go."""
        return self.breaker.circuit

    def endpoint(self) -> Endpoint:
        """Return where to send, with the key as it is now. Raises SecretError."""
        return Endpoint(self._url, self.keys.value())

    def take(self) -> InFlight:
        """Take the next of what waits.

        As a probe goes any of it: the ones at the front, of one partition, may all fail for reasons of their own.
        """
        waiting = self.waiting
        if self.breaker.circuit is Circuit.CLOSED:
            return waiting.popleft()
        place = self.breaker.chance.randrange(len(waiting))
        in_flight = waiting[place]
        del waiting[place]
        return in_flight

    def wait_seconds(self, now_s: float) -> float | None:
        """Return how long until the next request may go; None if nothing waits, or only for an answer."""
        if not self.waiting:
            return None
        allowed_s = self.throttle.wait_seconds(now_s)
        return self.breaker.wait_seconds(now_s, allowed_s, self.in_flight) if allowed_s is not None else None

    def room(self, free: int) -> int:
        """Return how many of the places that are free it may take beside other lanes.

        It holds at most four times as many as it leaves free, so that one app that answers slowly, or never, cannot
        hold them all; nor, where places are few, the last one besides others.
        """
        most = (_SHARE_OF_FREE * free - self.in_flight) // (_SHARE_OF_FREE + 1)
        return max(most, 0 if self.in_flight else min(free, 1))

    def succeeded(self, number: int) -> bool:
        """Take note that the request of that number showed life; return whether it closed the circuit."""
        self.keys.begin_again()
        return self.breaker.succeeded(number)

    def refused(self, now_s: float, key: str, number: int | None = None) -> bool:
        """Take note that a key was refused to the request of that number; return whether this paused the lane.

        The key is "", and there is no number, where none can be read. The other key is tried first. Once every key is
        refused, each is probed in turn, for any may be allowed again.
        """
        if self.keys.switches(key):
            return False
        self.keys.begin_again()
        return self.breaker.pause(now_s, number)
