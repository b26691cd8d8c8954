"""Delivery figures: those that Amplitude shows for its own streams, of the last ten minutes and over all slices.

Amplitude, «Event Streaming Metrics Summary API»: the names of its answer's fields, and what they mean. The same figures
as expressions over our metrics are in `flows/observe/metrics/amplitude_figures.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.domain.fate import DeadLetterReason
from flows.operations.latency import p95_seconds_of_sync


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """The figures of one sync."""

    seconds: float
    """Of how long they are: ten minutes, or less after a start."""
    delivered: int
    """`eventsDelivered`: AppsFlyer accepted them."""
    not_delivered: int
    """`eventsNotDelivered`: they became dead letters."""
    p95_seconds: float | None
    """`latencyInSeconds`: from an event's arrival to its delivery; None where none was delivered."""
    first_attempt: int
    """`successOnFirstAttempt`."""
    after_retry: int
    """`successAfterRetry`."""
    expired: int
    """`eventsExpired`: given up after `retry_minutes` of trying."""

    @property
    def discarded(self) -> int:
        """`eventsDiscarded`: every other dead letter."""
        return self.not_delivered - self.expired

    @property
    def delivery_rate(self) -> float | None:
        """`deliveryRate`: the share that was delivered of what was not meant to be left out; None where none was."""
        ended = self.delivered + self.not_delivered
        return self.delivered / ended if ended else None


def figures_of(name: str, statuses: Sequence[Mapping[str, Any]]) -> DeliveryFigures | None:
    """Return a sync's figures; None where no slice counts them."""
    recents = [recent for each in statuses if (recent := each.get("recent")) and name in recent["syncs"]]
    found = [each["syncs"][name] for each in recents if "answered" in each["syncs"][name]]
    if not found:
        return None
    first, retry = (sum(each["answered"][attempt] for each in found) for attempt in ("first", "retry"))
    return DeliveryFigures(
        seconds=max(each["seconds"] for each in recents),
        delivered=first + retry,
        not_delivered=sum(sum(each["dead_lettered"].values()) for each in found),
        p95_seconds=p95_seconds_of_sync(name, statuses),
        first_attempt=first,
        after_retry=retry,
        expired=sum(each["dead_lettered"].get(DeadLetterReason.RETRIES_EXHAUSTED.value, 0) for each in found),
    )
