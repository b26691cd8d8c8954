"""The row about the way in: whether a collector takes events in, and what waits in its inbox."""

from typing import Final

from deploy.monitoring.dashboard.panel import (
    FLAG,
    GOOD,
    Panel,
    Query,
    Row,
    each_process,
    increase,
    least,
    most,
    quantiles,
    rate,
    total,
)
from flows.observe.metrics import collector_vocabulary as v

COLLECTOR: Final = Row(
    "Does it take events in?",
    (
        Panel(
            "Requests per second, by answer",
            "areas",
            (v.REQUESTS,),
            (Query(rate(v.REQUESTS, "path", "status"), "{{path}} {{status}}"),),
            "reqps",
            12,
        ),
        Panel(
            "Events taken in per second, by library",
            "areas",
            (v.EVENTS,),
            (Query(rate(v.EVENTS, "library"), "{{library}}"),),
            "short",
            12,
        ),
        Panel("How long until events are durable", "lines", (v.DURABLE_SECONDS,), quantiles(v.DURABLE_SECONDS), "s"),
        Panel(
            "Not taken, per second",
            "lines",
            (v.THROTTLED_EVENTS, v.INVALID_EVENTS, v.REFUSED_REQUESTS),
            (
                Query(rate(v.THROTTLED_EVENTS), "throttled events"),
                Query(rate(v.INVALID_EVENTS, "reason"), "invalid events {{reason}}"),
                Query(rate(v.REFUSED_REQUESTS, "reason"), "refused requests {{reason}}"),
            ),
        ),
        Panel(
            "Requests with an unknown API key, per second",
            "lines",
            (v.UNKNOWN_API_KEYS,),
            (Query(rate(v.UNKNOWN_API_KEYS, "api_key"), "{{api_key}}"),),
        ),
        each_process("The oldest event that waits in the inbox", "lines", v.OLDEST_WAITING, "s", warn_above=3600),
        each_process("Events that wait in the inbox", "areas", v.WAITING_EVENTS),
        each_process("Inbox on the disk", "areas", v.INBOX_BYTES, "bytes"),
        Panel(
            "Nothing can be stored",
            "states",
            (v.BLOCKED,),
            (Query(most(v.BLOCKED, "instance"), "{{instance}}"),),
            states=FLAG,
        ),
        Panel(
            "The stream beside it runs",
            "states",
            (v.STREAM_RUNNING,),
            (Query(least(v.STREAM_RUNNING, "instance"), "{{instance}}"),),
            states=GOOD,
        ),
        Panel(
            "Starts of the stream beside it, last hour",
            "lines",
            (v.STREAM_STARTS,),
            (Query(increase(v.STREAM_STARTS, "instance", window="1h"), "{{instance}}"),),
        ),
        Panel("Requests that are not answered yet", "lines", (v.IN_FLIGHT,), (Query(total(v.IN_FLIGHT), "requests"),)),
    ),
)
