"""Rows about events: whether the stream keeps up, what happened to them, and what is sent of them."""

from typing import Final

from deploy.monitoring.dashboard.panel import (
    GOOD,
    OF_SYNC,
    SHOWN,
    Panel,
    Query,
    Row,
    each_process,
    increase,
    least,
    most,
    quantile,
    quantiles,
    rate,
    series,
    total,
)
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.amplitude_figures import figures
from flows.observe.metrics.metric import Metric

_DEAD: Final = 'outcome="dead_lettered"'
_FILTERED: Final = 'outcome="filtered"'
_APP: Final = ("sync", "platform")

GLANCE: Final = Row(
    "At a glance",
    (
        Panel(
            "Slices that run",
            "number",
            (v.BUILD_INFO, v.SLICES),
            (Query(f"count(count by (slice) ({series(v.BUILD_INFO)}))", "run"), Query(most(v.SLICES), "of")),
            width=4,
            height=4,
        ),
        Panel("Ready", "number", (v.READY,), (Query(least(v.READY), "ready"),), width=3, height=4, states=GOOD),
        Panel("Delivered", "number", (v.DELIVERIES,), (Query(rate(v.DELIVERIES), "per second"),), "short", 4, 4),
        Panel("Behind", "number", (v.LAG_SECONDS,), (Query(most(v.LAG_SECONDS), "behind"),), "s", 3, 4, warn_above=300),
        Panel(
            "Age at delivery, p95",
            "number",
            (v.DELIVERY_AGE,),
            (Query(quantile(0.95, v.DELIVERY_AGE), "p95"),),
            "s",
            4,
            4,
            warn_above=60,
        ),
        Panel("Pending", "number", (v.PENDING,), (Query(total(v.PENDING), "pending"),), width=3, height=4),
        Panel(
            "Dead letters, last hour",
            "number",
            (v.OUTCOMES, v.REFUSED),
            (
                Query(
                    f"{increase(v.OUTCOMES, where=(_DEAD,), window='1h')} + {increase(v.REFUSED, window='1h')}", "dead"
                ),
            ),
            width=3,
            height=4,
        ),
        Panel(
            "Alerts that fire",
            "table",
            (),
            (Query('sum by (alertname, severity) (ALERTS{alertname=~"Stream.+", alertstate="firing"})', "series"),),
            width=24,
            height=5,
        ),
    ),
)

KEEPING_UP: Final = Row(
    "Is it keeping up?",
    (
        Panel(
            "Read, and delivered, per second",
            "lines",
            (v.EVENTS_READ, v.DELIVERIES),
            (Query(rate(v.EVENTS_READ), "read"), Query(rate(v.DELIVERIES, "sync"), "delivered {{sync}}")),
            "short",
            12,
        ),
        Panel(
            "Behind, in seconds",
            "lines",
            (v.LAG_SECONDS,),
            (Query(most(v.LAG_SECONDS, "partition"), "partition {{partition}}"),),
            "s",
            12,
            warn_above=300,
        ),
        Panel("Age at delivery", "lines", (v.DELIVERY_AGE,), quantiles(v.DELIVERY_AGE, "sync"), "s", warn_above=60),
        Panel(
            "Behind, in records",
            "areas",
            (v.LAG_EVENTS,),
            (Query(total(v.LAG_EVENTS, "partition"), "partition {{partition}}"),),
        ),
        Panel(
            "Would be read again if the state were lost",
            "areas",
            (v.COMMITTED_LAG,),
            (Query(total(v.COMMITTED_LAG, "partition"), "partition {{partition}}"),),
        ),
        Panel(
            "Would be sent again if the state were lost, at most",
            "areas",
            (v.SENT_AGAIN,),
            (Query(total(v.SENT_AGAIN, "partition"), "partition {{partition}}"),),
        ),
        each_process("Room for more", "lines", v.ROOM),
        each_process("Kafka answers", "states", v.SOURCE_CONNECTED, states=GOOD),
        Panel(
            "Partitions with damaged records",
            "lines",
            (v.PARTITION_DAMAGED,),
            (Query(total(v.PARTITION_DAMAGED, "partition"), "partition {{partition}}"),),
        ),
        Panel(
            "Partitions: of the topic, and read",
            "lines",
            (v.PARTITIONS, v.LAG_EVENTS),
            (
                Query(most(v.PARTITIONS), "of the topic"),
                Query(f"count(count by (partition) ({series(v.LAG_EVENTS)}))", "read"),
            ),
        ),
    ),
)

HAPPENED: Final = Row(
    "What happened to events?",
    (
        Panel(
            "Amplitude's delivery figures, over the time that is shown",
            "table",
            (v.OUTCOMES, v.DELIVERIES, v.DELIVERY_AGE),
            tuple(Query(each.expression, each.name) for each in figures(SHOWN, OF_SYNC)),
            unit="none",
            width=24,
            height=5,
            key="sync",
        ),
        Panel(
            "Outcomes per second",
            "areas",
            (v.OUTCOMES,),
            (Query(rate(v.OUTCOMES, "sync", "outcome"), "{{sync}} {{outcome}}"),),
            "short",
            12,
        ),
        Panel(
            "Dead letters per second, by reason",
            "areas",
            (v.OUTCOMES, v.REFUSED),
            (
                Query(rate(v.OUTCOMES, "sync", "reason", where=(_DEAD,)), "{{sync}} {{reason}}"),
                Query(rate(v.REFUSED, "reason"), "{{reason}}"),
            ),
            "short",
            12,
        ),
        Panel(
            "Filtered per second, by reason",
            "areas",
            (v.OUTCOMES,),
            (Query(rate(v.OUTCOMES, "sync", "reason", where=(_FILTERED,)), "{{sync}} {{reason}}"),),
            "short",
        ),
        Panel(
            "Pending, by sync",
            "areas",
            (v.PENDING, v.REFUSALS_PENDING),
            (Query(total(v.PENDING, "sync"), "{{sync}}"), Query(total(v.REFUSALS_PENDING), "refusals")),
        ),
        Panel(
            "Copies, what an earlier run left, and damage",
            "lines",
            (v.COPIES, v.RESUMED, v.DAMAGED_INPUTS),
            (
                Query(increase(v.COPIES, "sync", window="1h"), "copies {{sync}}"),
                Query(increase(v.RESUMED, "sync", window="1h"), "left over {{sync}}"),
                Query(increase(v.DAMAGED_INPUTS, window="1h"), "damaged places"),
            ),
        ),
    ),
)


def _share(metric: Metric, label: str, *of: str) -> str:
    part, whole = rate(metric, *of, label, window="1h"), rate(v.REQUESTS_BUILT, *of, window="1h")
    return f"{part} / on ({', '.join(of)}) group_left () {whole}"


LACK: Final = Row(
    "What do requests lack?",
    (
        Panel(
            "Requests without an identifier of their platform, last hour",
            "lines",
            (v.MISSING_IDENTIFIERS, v.REQUESTS_BUILT),
            (Query(_share(v.MISSING_IDENTIFIERS, "identifier", *_APP), "{{sync}} {{platform}} {{identifier}}"),),
            "percentunit",
            12,
        ),
        Panel(
            "Requests with a warning, last hour",
            "lines",
            (v.WARNINGS,),
            (Query(f"{_share(v.WARNINGS, 'caution', 'sync')} > 0", "{{sync}} {{caution}}"),),
            "percentunit",
            12,
        ),
    ),
)
