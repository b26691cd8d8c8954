"""The lanes of one process, each opened when the first delivery for it arrives."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connectors.delivery.adaptive import AdaptiveLimit
from connectors.delivery.delivery import Delivery
from connectors.delivery.lane import Lane
from connectors.delivery.settings import DeliveryTable
from connectors.delivery.throttle import Limiter, Ramp, Throttle
from connectors.secrets import Secret
from flows.domain.slice import ALL, Slice


class LaneSecrets(NamedTuple):
    """Where a sync's requests go, and its keys."""

    base_url: str
    secrets: Sequence[Secret]


class Lanes:
    """Lanes by name; those that send to one app share its throttle."""

    def __init__(
        self,
        settings: DeliveryTable,
        syncs: Mapping[str, LaneSecrets],
        part: Slice = ALL,
        paused: frozenset[str] = frozenset(),
    ) -> None:
        self.paused = paused
        """The syncs that nothing is sent for, because the settings say so: from the first round of the sender on."""
        self._settings = settings
        self._syncs = syncs
        self._part = part
        self._throttles: dict[str, Throttle] = {}
        self._places: dict[tuple[str, str], Lane] = {}
        self.by_name: dict[str, Lane] = {}

    def of(self, delivery: Delivery) -> Lane:
        """Return the lane that a delivery goes by."""
        place = (delivery.sync, delivery.app_id)
        lane = self._places.get(place)
        if lane is None:
            base_url, secrets = self._syncs[delivery.sync]
            throttle = self._throttles.get(delivery.app_id)
            if throttle is None:
                throttle = self._throttles[delivery.app_id] = self._throttle()
            lane = self._places[place] = Lane(delivery.lane, base_url, delivery.app_id, secrets, throttle)
            self.by_name[lane.name] = lane
        return lane

    def _throttle(self) -> Throttle:
        settings, part = self._settings, self._part
        return Throttle(
            Limiter(settings.max_requests_per_second, part),
            Ramp(settings.ramp_requests_per_second_per_minute, part.count),
            settings.max_in_flight,
            AdaptiveLimit(settings.max_in_flight) if settings.adaptive_limits else None,
        )
