"""The vocabulary of a collector's metrics: whether it takes events in, and what waits in its inbox."""

from typing import Final

from connectors.collector.counts import DURABLE_BOUNDS_SECONDS
from flows.observe.metrics.metric import PREFIX, Metric, counter, gauge
from flows.observe.metrics.tee_vocabulary import TEE

REQUESTS: Final = counter(
    "collector_requests",
    "requests",
    ("path", "status"),
    "Requests of clients, by what they asked for and what they were answered. The path is a known one, «/webhook» "
    "without its token, «preflight» or «other».",
    "429: see the throttled events. 400 and 413: see the refused requests. None at all: clients do not reach the "
    "collector.",
)
EVENTS: Final = counter(
    "collector_events",
    "events",
    ("library",),
    "Events that were stored and answered 200, by the library that sent them, as it says itself; empty if it does not. "
    "From the 51st library on they count as «other».",
    "A library stops: its clients send elsewhere, or a release of the app has lost them.",
)
INVALID_EVENTS: Final = counter(
    "collector_invalid_events",
    "events",
    ("reason",),
    "Events that were stored although they are not valid. The stream makes dead letters of them.",
    "A client sends what Amplitude would not take either. The dead letters hold the bytes and the reason.",
)
REFUSED_REQUESTS: Final = counter(
    "collector_refused_requests",
    "requests",
    ("reason",),
    "Requests of which nothing was taken.",
    "unknown_api_key: see the next metric. wrong_token: correct the address in Amplitude's webhook destination. The "
    "others: what is sent is no upload.",
)
UNKNOWN_API_KEYS: Final = counter(
    "collector_unknown_api_key_requests",
    "requests",
    ("api_key",),
    "Requests with an API key that is not in the settings, by its first and last characters. From the 21st key on they "
    "count as «other».",
    "If the key is one of your projects, add it to collector.api_keys now: clients do not send again what was refused.",
)
THROTTLED_EVENTS: Final = counter(
    "collector_throttled_events",
    "events",
    (),
    "Events that were answered 429 because they could not be stored within 5 seconds. Their clients keep them, and "
    "send them again.",
    "/readyz of the collector says why nothing can be stored. If it says nothing, the disk or Kafka is too slow: add "
    "collectors.",
)
DURABLE_SECONDS: Final = Metric(
    f"{PREFIX}collector_durable_seconds",
    "histogram",
    "seconds",
    (),
    "How long it took from a whole request until its events were durable.",
    "p99 above 0.1 seconds: the disk is slow, or Kafka's replicas are. Clients wait for their answer meanwhile.",
    DURABLE_BOUNDS_SECONDS,
)
IN_FLIGHT: Final = gauge(
    "collector_requests_in_flight",
    "requests",
    (),
    "Requests that are not answered yet.",
    "Growing: events are stored too slowly, or clients send slowly.",
)
BLOCKED: Final = gauge(
    "collector_blocked",
    "0 or 1",
    (),
    "1: no event can be stored now. Clients are answered 429 and keep their events.",
    "/readyz of the collector and the log say why: a disk, a directory, a broker.",
)
STREAM_RUNNING: Final = gauge(
    "collector_stream_running",
    "0 or 1",
    (),
    "Whether the stream beside the collector runs. Absent for `collect`, and while no sync is enabled.",
    "0: /status of the collector has its last words. Events are still taken in, and wait.",
)
STREAM_STARTS: Final = counter(
    "collector_stream_starts",
    "starts",
    (),
    "How often the stream beside the collector was started.",
    "Growing: it ends again and again; /status of the collector has its last words.",
)
WAITING_EVENTS: Final = gauge(
    "inbox_waiting_events",
    "events",
    (),
    "Events in the inbox without an outcome, as of some seconds ago; with those that wait for their AppsFlyer id. "
    "Absent if events go to Kafka.",
    "Growing: the stream does not run, or deliveries are slower than clients. See «What holds deliveries up?».",
)
OLDEST_WAITING: Final = gauge(
    "inbox_oldest_waiting_seconds",
    "seconds",
    (),
    "How long ago the oldest of these events was taken in; 0 if there is none.",
    "Up to hold_seconds is usual. Above it: as for their number.",
)
INBOX_BYTES: Final = gauge(
    "inbox_bytes",
    "bytes",
    (),
    "What the inbox takes on the disk.",
    "It follows the events of keep_hours. Before the disk is full no event is taken in any more: enlarge the disk.",
)

COLLECTOR: Final[tuple[Metric, ...]] = (
    REQUESTS,
    EVENTS,
    INVALID_EVENTS,
    REFUSED_REQUESTS,
    UNKNOWN_API_KEYS,
    THROTTLED_EVENTS,
    DURABLE_SECONDS,
    IN_FLIGHT,
    BLOCKED,
    STREAM_RUNNING,
    STREAM_STARTS,
    WAITING_EVENTS,
    OLDEST_WAITING,
    INBOX_BYTES,
    *TEE,
)
"""All of them: a process that takes no events in has none."""
