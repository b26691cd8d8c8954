"""The settings of the delivery."""

from typing import Annotated, Final, Literal

from connectors.table import Table
from connectors.values import EndpointUrl, FilePath, Flag, Proxy, choice, number, whole

PENDING_EVENT_BYTES: Final = 4096
"""What an event between the source and its fate may take on average, where as many as may be are there."""
ENDPOINTS: Final = {"s2s_key": "https://api3.appsflyer.com", "dev_key": "https://api2.appsflyer.com"}
"""Where AppsFlyer takes events, for each kind of key."""


class DeliveryTable(Table):
    """How AppsFlyer is called."""

    endpoint: EndpointUrl | None = None
    """The default is https://api3.appsflyer.com (for a dev_key, api2). http:// is allowed for a loopback host only."""
    timeout_seconds: Annotated[float, number(0, 300, above=True)] = 15.0
    """How long a request may take, from connecting to the answer. A request that takes longer is sent again. AppsFlyer
    may then count it twice, because the first one may have arrived."""
    max_in_flight: Annotated[int, whole(1, 10_000)] = 256
    """How many requests may be in flight at the same time. After a crash so many may be sent twice. One of several apps
    uses at most four fifths of them, so that an app without answers leaves room for the others."""
    max_pending: Annotated[int, whole(1, 10_000_000)] = 20_000
    """How many events may be without an outcome, with 4 KB each on average. Above it, the source waits. Events that
    wait for an identifier do not count."""
    max_requests_per_second: Annotated[float, number(0, 1_000_000)] = 0.0
    """Per app id, divided among slices, so that it must be at least one for each; 0 is no limit. AppsFlyer names no
    limit today; until 2023 it was 60,000 a minute, which is 1000."""
    ramp_requests_per_second_per_minute: Annotated[float, number(0, 1_000_000)] = 2000.0
    """How much the rate to an app may rise each minute, in requests per second. AppsFlyer advises such a ramp for bulk
    sending. The rate may start at this value, so a lower rate is never limited. Per app id, divided among slices; 0 is
    no ramp."""
    adaptive_limits: Flag = False
    """Find out from an app's answers (429, 503, and answers that become slow) how many requests at a time it takes, and
    send no more. It is off by default, because a slice does not reach a limit of AppsFlyer. If AppsFlyer answers 503 at
    any load, the stream goes down to eight requests at a time; with 429, down to one request in four response times."""
    retry_minutes: Annotated[float, number(0, 10_080)] = 240.0
    """How long a failed event is sent again before it becomes a dead letter. Time in which no request to its app
    succeeds does not count."""
    on_rejected_credentials: Annotated[Literal["pause", "park"], choice("pause", "park")] = "pause"
    """When AppsFlyer rejects the key, app id or plan: "pause" stops sending to that app until it is accepted again, and
    loses nothing; "park" makes dead letters that you can replay."""
    max_body_bytes: Annotated[int, whole(64, 1_048_576)] = 1024
    """Do not change it, because AppsFlyer takes up to 1 KB. Longer bodies lose properties in a fixed order."""
    brake_share: Annotated[float, number(0, 1)] = 0.5
    """The stream stops when more than this share of the last brake_events was refused, for example after a bad release.
    1 turns it off. Restart the stream to continue."""
    brake_events: Annotated[int, whole(10, 1_000_000)] = 1000
    """How many events the brake looks at."""
    drain_seconds: Annotated[float, number(0, 3600)] = 25.0
    """How long a stop waits for requests in flight. If it is longer than timeout_seconds, nothing is sent twice.
    systemd or Kubernetes must give the process a few seconds more."""
    ca_file: FilePath | None = None
    """Certificates to trust instead of the system's, as PEM, for example those of a proxy that decrypts TLS."""
    proxy: Proxy | None = None
    """A proxy for requests to AppsFlyer. The stream ignores proxies in the environment."""

    def endpoint_of(self, key_kind: Literal["s2s_key", "dev_key"]) -> str:
        """Return where requests go that are sent with a key of this kind."""
        return self.endpoint or ENDPOINTS[key_kind]

    @property
    def max_pending_bytes(self) -> int:
        """What these events may take in memory."""
        return self.max_pending * PENDING_EVENT_BYTES
