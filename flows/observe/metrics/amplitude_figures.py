"""The delivery figures that Amplitude shows for its own streams, as expressions over our metrics.

Amplitude, «Event Streaming Metrics Summary API»: the names of its answer's fields, and what they mean.
"""

from typing import Final, NamedTuple

from flows.observe.metrics.metric import Metric
from flows.observe.metrics.vocabulary import DELIVERIES, DELIVERY_AGE, OUTCOMES, REFUSED

HOUR: Final = "1h"


class Figure(NamedTuple):
    """One figure of Amplitude's."""

    name: str
    meaning: str
    expression: str
    """PromQL over a time, by sync."""


def figures(window: str = HOUR, scope: str = "") -> tuple[Figure, ...]:
    """Return them over a time, such as `1h`, of what `scope` selects: matchers such as `job="stream"`, or none."""

    def increase(metric: Metric, *matchers: str) -> str:
        selector = ", ".join(each for each in (scope, *matchers) if each)
        return f"sum by (sync) (increase({metric.name}{f'{{{selector}}}' if selector else ''}[{window}]))"

    # The outcome «delivered» counts once more what a restart reads again and the journal knows.
    delivered = increase(DELIVERIES)
    not_delivered = increase(OUTCOMES, 'outcome="dead_lettered"')
    buckets = f"{DELIVERY_AGE.name}_bucket{f'{{{scope}}}' if scope else ''}[{window}]"
    return (
        Figure("eventsDelivered", "events that AppsFlyer accepted", delivered),
        Figure("eventsNotDelivered", "events that became dead letters", not_delivered),
        Figure(
            "deliveryRate",
            "the share that was delivered of what was not meant to be left out",
            f"{delivered} / ({delivered} + {not_delivered})",
        ),
        Figure(
            "latencyInSeconds",
            "the p95 of the time from an event's arrival to its delivery; Amplitude aims at 60",
            f"histogram_quantile(0.95, sum by (sync, le) (rate({buckets})))",
        ),
        Figure("successOnFirstAttempt", "delivered at the first attempt", increase(DELIVERIES, 'attempt="first"')),
        Figure("successAfterRetry", "delivered after a retry", increase(DELIVERIES, 'attempt="retry"')),
        Figure(
            "eventsExpired",
            "given up after retry_minutes of trying",
            increase(OUTCOMES, 'outcome="dead_lettered"', 'reason="retries_exhausted"'),
        ),
        Figure(
            "eventsDiscarded",
            "incomplete or invalid: every other dead letter. What decode refused belongs to no sync and is "
            f"`sum(increase({REFUSED.name}[{window}]))` on top",
            increase(OUTCOMES, 'outcome="dead_lettered"', 'reason!="retries_exhausted"'),
        ),
    )
