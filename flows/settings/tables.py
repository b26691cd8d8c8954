"""The tables of stream.toml as they are written: what the JSON Schema is made of, and the first thing a file meets.

Only shapes, types and ranges are said here; what concerns several keys at once is in `rules.py`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from connectors.table import Table
from connectors.values import (
    Endpoint,
    Flag,
    Hint,
    Host,
    KafkaProperties,
    Name,
    Path,
    Paths,
    Proxy,
    Servers,
    Topic,
    choice,
    number,
    whole,
)
from flows.settings.problems import closest
from flows.settings.sync_tables import PropertyTable, SyncTable
from flows.settings.values import EventPaths, PropertyNames, SomeEventPaths


class KafkaSourceTable(Table):
    """Events are read from a Kafka topic."""

    kind: Annotated[Literal["kafka"], choice("kafka", "files")]
    """Kafka is for what runs on and on."""
    bootstrap_servers: Servers
    """Kafka's host:port addresses, with commas between them. Name two or more, so that one broker may be down."""
    topic: Topic
    """The topic with Amplitude's events. Its messages must be keyed by user id, else device id, so that one user's
    events are together; `check` looks at a sample."""
    group_id: Name = "amplitude-appsflyer-stream"
    """The consumer group that progress is committed to, for lag tools and for a start without state. A stream of its
    own needs a group of its own."""
    start: Annotated[Literal["earliest", "latest"], choice("earliest", "latest")] = "earliest"
    """Where a group without committed offsets begins: with the oldest that Kafka has, or with what comes from now on.
    A first start on a topic with weeks of events sends all of them, and AppsFlyer dates old ones by their arrival."""
    on_out_of_range: Annotated[Literal["fail", "earliest"], choice("fail", "earliest")] = "fail"
    """When Kafka no longer has the next event: stop, or go on with the oldest that it has. Both say how many events
    are gone."""
    watch_partitions_seconds: Annotated[float, number(1, 86_400)] = 60.0
    """How often to look for partitions that were added to the topic. They are read after a restart that the process
    makes by itself."""
    warm_up_hours: Annotated[float, number(0, 8784)] = 24.0
    """How far back a start without state of its own, as after its disk was lost, begins to learn without sending. More
    remembers more identifiers and takes longer; 0 is off."""
    properties: KafkaProperties = Field(default_factory=dict)
    """Any librdkafka property, such as those for TLS and SASL. Passwords only as env:NAME or file:PATH."""


class FilesSourceTable(Table):
    """Events are read from Amplitude Export archives: .zip, .json.gz, .json, .ndjson."""

    kind: Annotated[Literal["files"], choice("kafka", "files")]
    """Files are for archives that are at hand: a trial, or what an outage left behind."""
    paths: Paths
    """Paths and globs, read in the order of their names; relative ones start at the settings file."""
    follow: Flag = False
    """Keep watching the paths for new files; otherwise the stream ends with the last line."""


class IdentityPathsTable(Table):
    """Where identifiers are read from: the first path with a real value wins.

    A list that is given replaces that identifier's default paths, which docs/mapping.md lists; an empty one reads it
    from nowhere.
    """

    appsflyer_id: SomeEventPaths | None = None
    """AppsFlyer's own id of the install, which the SDK returns from `getAppsFlyerUID()`. No event is sent without."""
    idfa: EventPaths | None = None
    """iOS: the advertising id, which exists where the user has allowed tracking."""
    idfv: EventPaths | None = None
    """iOS: the vendor's id."""
    att: EventPaths | None = None
    """iOS: whether the user allowed tracking: 0 not determined, 1 restricted, 2 denied, 3 authorized, or in words."""
    advertising_id: EventPaths | None = None
    """Android: Google's advertising id (GAID)."""
    oaid: EventPaths | None = None
    """Android without Google's services: the open advertising id."""
    amazon_aid: EventPaths | None = None
    """Android on Amazon's devices: their advertising id."""
    imei: EventPaths | None = None
    """Android: the IMEI, where an app may read it."""
    app_set_id: EventPaths | None = None
    """Android: the app set id, as text or as `{scope, id}`."""


class IdentityPlatformsTable(Table):
    """Names that events state as their `platform` or `os_name`, beside the built-in ones, in any case.

    A name that is neither here nor built in is taken for the sender's, such as a server's, and tells no platform.
    """

    ios: PropertyNames = Field(default_factory=list)
    """Names of devices that the iOS app is for. Built in are iOS, iPadOS, iPhone OS, IPhonePlayer and others."""
    android: PropertyNames = Field(default_factory=list)
    """Names of devices that the Android app is for. Built in are Android, Fire OS and others."""
    other: PropertyNames = Field(default_factory=list)
    """Names of platforms that no app is for: their events are filtered. Built in are Web, JavaScript, Windows, macOS,
    tvOS and others."""


class IdentityTable(Table):
    """What is remembered of each user."""

    remember_days: Annotated[float, number(0, 3650, above=True)] = 90.0
    """Days after which a user who sends nothing is forgotten. A remembered user takes up to about 1 KB of
    memory."""
    remember_users: Annotated[int, whole(4, 1_000_000_000)] = 10_000_000
    """How many users and anonymous devices a process remembers at the most; beyond it those who were not heard of for
    longest are forgotten. Two million fit into 2 GB."""
    remember_insert_ids: Annotated[int, whole(0, 10_000)] = 100
    """Insert ids kept per user to recognise duplicates, 8 bytes each; 0 lets every event through."""
    hold_seconds: Annotated[float, number(0, 604_800)] = 300.0
    """How long an event waits for its user's AppsFlyer id or platform, before it is a dead letter. Set it to the time
    that your app takes to tell Amplitude the id, or longer; 0 waits for nothing. Time in which the source is not read
    does not count, and what has come by then is read first."""
    settle_seconds: Annotated[float, number(0, 86_400)] = 0.0
    """How old the first events of a new AppsFlyer id must be before they are sent. AppsFlyer may count events that come
    within 20 to 30 seconds of an install as organic: 30 keeps them from it."""
    hold_events: Annotated[int, whole(1, 100_000)] = 100
    """Events held per user at the most, of 10 KB each on average; one more gives up the oldest."""
    hold_megabytes: Annotated[int, whole(1, 1_000_000)] = 256
    """What the held events of all users of a process may take in memory; beyond it those that wait longest are dead
    letters."""
    paths: IdentityPathsTable = Field(default_factory=IdentityPathsTable)
    """Where identifiers are read from."""
    platforms: IdentityPlatformsTable = Field(default_factory=IdentityPlatformsTable)
    """What your events call their platform, if it is none of the usual names."""


class WindowTable(Table):
    """Events are handed to delivery in micro-batches: at so many events, or so long after the first."""

    max_events: Annotated[int, whole(1, 10_000)] = 100
    """How many events make a batch full. Each is a request of its own all the same: AppsFlyer takes one at a time."""
    max_wait_ms: Annotated[int, whole(1, 60_000)] = 50
    """How long after its first event a batch goes out that is not full: the most that it adds to the latency."""


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
    """Per app id, divided among slices; 0 is no limit. AppsFlyer names no limit today; until 2023 it was 60,000 a
    minute, which is 1000."""
    ramp_requests_per_second_per_minute: Annotated[float, number(0, 1_000_000)] = 2000.0
    """By how much the rate to an app may rise each minute, as AppsFlyer advises for sending in bulk; the first step is
    taken at once, so that who sends less never meets it. Per app id, divided among slices; 0 is no ramp."""
    adaptive_limits: bool = False
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
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, as PEM: for a proxy that looks into TLS."""
    proxy: Proxy | None = None
    """A proxy for requests to AppsFlyer; proxies in the environment are not used."""


class KafkaDeadLettersTable(Table):
    """Events that cannot be delivered go to a Kafka topic."""

    kind: Annotated[Literal["kafka"], choice("files", "kafka")]
    """Kafka is for more than one machine: its dead letters are together, and outlive a disk."""
    topic: Topic
    """The topic for dead letters; not the source's."""
    bootstrap_servers: Servers | None = None
    """The source's cluster unless given."""
    properties: KafkaProperties | None = None
    """The source's properties unless these or other bootstrap_servers are given."""


class FileDeadLettersTable(Table):
    """Events that cannot be delivered go to files."""

    kind: Annotated[Literal["files"], choice("files", "kafka")] = "files"
    """Files need nothing else."""
    directory: Path = "dead-letters"
    """Where the files are; a relative path starts at the settings file. Nothing removes them but you."""


class StateTable(Table):
    """Where progress and what is known of users are kept."""

    directory: Path = "state"
    """A disk that stays; a relative path starts at the settings file. One stream each: two never share one."""
    epoch_seconds: Annotated[int, whole(1, 3600)] = 10
    """Seconds between two snapshots. A crash goes back to the last one: fewer seconds are less to do again, and more
    to write."""


class HealthTable(Table):
    """Where /livez, /readyz, /status and /metrics are served, over plain HTTP and without a password."""

    host: Host = "127.0.0.1"
    """The address to listen on; 0.0.0.0 in a container. There is no password, so keep it inside."""
    port: Annotated[int, whole(0, 65_535)] = 9464
    """0 is off. Where it is taken, a start is refused if the file names it; else there is a warning and no health."""
    add_slice_to_port: Flag = True
    """Slice i listens on port + i; false where each slice has an address of its own, as in containers."""


_KINDS: Final = ("kafka", "files")


def _kind(value: Any, *, otherwise: str, shape: dict[str, str]) -> str:
    """Return which kind of table is meant, so that all its mistakes are seen even if `kind` is misspelt or missing."""
    if not isinstance(value, dict):
        return otherwise
    kind = value.get("kind")
    if isinstance(kind, str) and (meant := closest(kind, _KINDS)):
        return meant
    said = next((each for each in value.values() if each in _KINDS), None)
    near = (closest(key, shape) for key in value)
    return said or next((shape[key] for key in near if key), otherwise)


def _source_tag(value: Any) -> str:
    shape = {"topic": "kafka", "bootstrap_servers": "kafka", "paths": "files", "follow": "files"}
    return f"<source {_kind(value, otherwise='kafka', shape=shape)}>"


def _dead_letters_tag(value: Any) -> str:
    shape = {"directory": "files", "topic": "kafka", "bootstrap_servers": "kafka"}
    return f"<dead letters {_kind(value, otherwise='files', shape=shape)}>"


TAGGED: Final[dict[str, type[Table]]] = {
    "<source kafka>": KafkaSourceTable,
    "<source files>": FilesSourceTable,
    "<dead letters kafka>": KafkaDeadLettersTable,
    "<dead letters files>": FileDeadLettersTable,
    "<property table>": PropertyTable,
}
"""The tables that pydantic names by tag in the location of a mistake."""
TAGS: Final = frozenset({*TAGGED, "<all properties>"})


class StreamFile(Table):
    """The settings of the event stream from Amplitude to AppsFlyer."""

    source: Annotated[
        Annotated[KafkaSourceTable, Tag("<source kafka>")] | Annotated[FilesSourceTable, Tag("<source files>")],
        Discriminator(_source_tag),
        Hint("a table that says where events come from", 'write [source] with kind = "kafka" or "files"'),
    ]
    """Where events come from: a Kafka topic, or Export archives."""
    identity: IdentityTable = Field(default_factory=IdentityTable)
    """What is remembered of each user."""
    window: WindowTable = Field(default_factory=WindowTable)
    """The micro-batches towards AppsFlyer."""
    delivery: DeliveryTable = Field(default_factory=DeliveryTable)
    """How AppsFlyer is called."""
    dead_letters: Annotated[
        Annotated[KafkaDeadLettersTable, Tag("<dead letters kafka>")]
        | Annotated[FileDeadLettersTable, Tag("<dead letters files>")],
        Discriminator(_dead_letters_tag),
    ] = Field(default_factory=FileDeadLettersTable)
    """Where events go that cannot be delivered."""
    state: StateTable = Field(default_factory=StateTable)
    """Where progress and what is known of users are kept."""
    health: HealthTable = Field(default_factory=HealthTable)
    """Where /livez, /readyz, /status and /metrics are served."""
    sync: Annotated[
        list[SyncTable],
        Field(min_length=1),
        Hint("at least one sync", "write [[sync]] with a name, an app id, a key and its events"),
    ]
    """Which events go to which AppsFlyer apps; at least one."""
