"""The delivery figures that Amplitude shows for its own streams, as expressions over our metrics.

Amplitude, «Event Streaming Metrics Summary API»: the names of its answer's fields, and what they mean.
"""

from typing import Final, NamedTuple

from connectors.metrics.vocabulary import DELIVERIES, DELIVERY_AGE, OUTCOMES, REFUSED


class Figure(NamedTuple):
    """One figure of Amplitude's."""

    name: str
    meaning: str
    expression: str
    """PromQL over the last hour, by sync."""


def _increase(name: str, selector: str = "", window: str = "1h") -> str:
    return f"sum by (sync) (increase({name}{selector}[{window}]))"


_DELIVERED: Final = _increase(OUTCOMES.name, '{outcome="delivered"}')
_NOT_DELIVERED: Final = _increase(OUTCOMES.name, '{outcome="dead_lettered"}')

FIGURES: Final = (
    Figure("eventsDelivered", "events that AppsFlyer accepted", _DELIVERED),
    Figure("eventsNotDelivered", "events that became dead letters", _NOT_DELIVERED),
    Figure(
        "deliveryRate",
        "the share that was delivered of what was not meant to be left out",
        f"{_DELIVERED} / ({_DELIVERED} + {_NOT_DELIVERED})",
    ),
    Figure(
        "latencyInSeconds",
        "the p95 of the time from an event's arrival to its delivery; Amplitude aims at 60",
        f"histogram_quantile(0.95, sum by (sync, le) (rate({DELIVERY_AGE.name}_bucket[1h])))",
    ),
    Figure("successOnFirstAttempt", "delivered at the first attempt", _increase(DELIVERIES.name, '{attempt="first"}')),
    Figure("successAfterRetry", "delivered after a retry", _increase(DELIVERIES.name, '{attempt="retry"}')),
    Figure(
        "eventsExpired",
        "given up after retry_minutes of trying",
        _increase(OUTCOMES.name, '{outcome="dead_lettered", reason="retries_exhausted"}'),
    ),
    Figure(
        "eventsDiscarded",
        "incomplete or invalid: every other dead letter. What decode refused belongs to no sync and is "
        f"`sum(increase({REFUSED.name}[1h]))` on top",
        _increase(OUTCOMES.name, '{outcome="dead_lettered", reason!="retries_exhausted"}'),
    ),
)
