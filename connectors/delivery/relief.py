"""Relief: what a lane in trouble keeps back beyond its share of the room is set aside, and taken back afterwards."""

import time
from typing import Final

from connectors.delivery.lane import Lane
from connectors.delivery.outbox import Outbox
from connectors.delivery.settings import PENDING_EVENT_BYTES, DeliveryTable

_WEIGHING_SECONDS: Final = 0.1


class Relief:
    """Moves what waits in lanes to and from the outbox's overflow."""

    def __init__(self, settings: DeliveryTable, outbox: Outbox, lane_share: int) -> None:
        self._max_pending = settings.max_pending
        self._max_pending_bytes = settings.max_pending_bytes
        self._outbox = outbox
        self._share = lane_share
        self._weigh_at_s = 0.0
        """When lanes in trouble are weighed again: to add up what waits takes time."""

    def balance(self, lanes: dict[str, Lane]) -> None:
        """Set aside what a lane in trouble has too much of; take back for the others."""
        outbox, share = self._outbox, self._share
        now_s = time.monotonic()
        is_weighed = False
        for lane in lanes.values():
            waiting = lane.waiting
            if lane.is_paused or lane.breaker.is_in_trouble(now_s):
                most = min(share, self._max_pending // 2) if lane.is_paused else share
                while len(waiting) > most and outbox.set_aside(waiting[-1]):
                    waiting.pop()
                if now_s >= self._weigh_at_s and outbox.size_bytes > most * PENDING_EVENT_BYTES:
                    self._lighten(lane, most * PENDING_EVENT_BYTES)
                    is_weighed = True
            elif not waiting or (len(waiting) < share // 2 and outbox.size_bytes <= self._max_pending_bytes // 2):
                for in_flight in outbox.take_back(lane.name, max(share // 2, 1)):
                    in_flight.lane = lane
                    waiting.append(in_flight)
        if is_weighed:
            self._weigh_at_s = now_s + _WEIGHING_SECONDS

    def _lighten(self, lane: Lane, most_bytes: int) -> None:
        """Set aside of a lane's what is beyond its share of the memory, where its events are large."""
        waiting = lane.waiting
        over_bytes = sum([each.size_bytes for each in waiting]) - most_bytes
        while over_bytes > 0 and waiting and self._outbox.set_aside(waiting[-1]):
            over_bytes -= waiting.pop().size_bytes
