"""The settings of the delivery."""

from typing import Annotated, Final, Literal

from connectors.table import Table
from connectors.values import Endpoint, FilePath, Flag, Proxy, choice, number, whole

PENDING_EVENT_BYTES: Final = 4096
"""What an event between the source and its fate may take on average, where as many as may be are there."""
ENDPOINTS: Final = {"s2s_key": "https://api3.appsflyer.com", "dev_key": "https://api2.appsflyer.com"}
"""Where AppsFlyer takes events, for each kind of key."""


class DeliveryTable(Table):
    """How AppsFlyer is called."""

    endpoint: Endpoint | None = None
    """https://api3.appsflyer.com (api2 for a dev_key) unless given; http:// only for a loopback host."""
    timeout_seconds: Annotated[float, number(0, 300, above=True)] = 15.0
    """How long one request may take, from connecting to its answer. One that takes longer may have arrived: it is sent
    again, and may count twice."""
    max_in_flight: Annotated[int, whole(1, 10_000)] = 256
    """Requests at the same time, at the most: as many may be sent twice after a crash. One of several apps takes at
    most four fifths of them, so that one that does not answer leaves room for the others."""
    max_pending: Annotated[int, whole(1, 10_000_000)] = 20_000
    """Events between the source and their fate, of 4 KB each on average; beyond it the source waits. Held events do not
    count."""
    max_requests_per_second: Annotated[float, number(0, 1_000_000)] = 0.0
    """Per app id, divided among slices, so that it must be at least one for each; 0 is no limit. AppsFlyer names no
    limit today; until 2023 it was 60,000 a minute, which is 1000."""
    ramp_requests_per_second_per_minute: Annotated[float, number(0, 1_000_000)] = 2000.0
    """By how much the rate to an app may rise each minute, as AppsFlyer advises for sending in bulk; the first step is
    taken at once, so that who sends less never meets it. Per app id, divided among slices; 0 is no ramp."""
    adaptive_limits: Flag = False
    """Find out from an app's answers (429, 503, and answers that become slow) how many requests at a time it takes, and
    send no more. It is off by default, because AppsFlyer has no such limit that a slice would meet. Where 503 come
    whatever the load, as few as eight requests go at a time; where 429 do, one in four response times."""
    retry_minutes: Annotated[float, number(0, 10_080)] = 240.0
    """How long an event is tried again before it becomes a dead letter. Time in which nothing at all gets through to
    its app does not count."""
    on_rejected_credentials: Annotated[Literal["pause", "park"], choice("pause", "park")] = "pause"
    """When AppsFlyer rejects the key, app id or plan: "pause" stops sending to that app until it is right again and
    loses nothing; "park" makes dead letters, to be replayed."""
    max_body_bytes: Annotated[int, whole(64, 1_048_576)] = 1024
    """AppsFlyer takes up to 1 KB, so leave it; longer bodies lose properties in a fixed order."""
    brake_share: Annotated[float, number(0, 1)] = 0.5
    """Stop when more than this share of the last brake_events was refused, as after a bad deploy; 1 is never. It takes
    a restart to go on."""
    brake_events: Annotated[int, whole(10, 1_000_000)] = 1000
    """How many events the brake looks at."""
    drain_seconds: Annotated[float, number(0, 3600)] = 25.0
    """How long a stop waits for requests that are under way. Above timeout_seconds, nothing is sent twice; what stops
    the process from outside (systemd, Kubernetes) must allow a few seconds more."""
    ca_file: FilePath | None = None
    """Certificates to trust instead of the system's, as PEM: for a proxy that looks into TLS."""
    proxy: Proxy | None = None
    """A proxy for requests to AppsFlyer; proxies in the environment are not used."""

    def endpoint_of(self, key_kind: Literal["s2s_key", "dev_key"]) -> str:
        """Return where requests go that are sent with a key of this kind."""
        return self.endpoint or ENDPOINTS[key_kind]

    @property
    def max_pending_bytes(self) -> int:
        """What these events may take in memory."""
        return self.max_pending * PENDING_EVENT_BYTES
