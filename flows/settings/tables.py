"""The tables of stream.toml as they are written: what the JSON Schema is made of, and the first thing a file meets.

Only shapes, types and ranges are said here; what concerns several keys at once is in `rules.py`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from flows.settings.problems import closest
from flows.settings.sync_tables import PropertyTable, SyncTable
from flows.settings.table import Table
from flows.settings.values import (
    Endpoint,
    EventPaths,
    Flag,
    Hint,
    Host,
    KafkaProperties,
    Name,
    Path,
    Paths,
    Proxy,
    Servers,
    SomeEventPaths,
    Topic,
    choice,
    number,
    whole,
)


class KafkaSourceTable(Table):
    """Events are read from a Kafka topic."""

    kind: Annotated[Literal["kafka"], choice("kafka", "files")]
    bootstrap_servers: Servers
    """Kafka's host:port addresses, with commas between them."""
    topic: Topic
    """The topic with Amplitude's events."""
    group_id: Name = "amplitude-appsflyer-stream"
    """The consumer group that progress is committed to."""
    start: Annotated[Literal["earliest", "latest"], choice("earliest", "latest")] = "earliest"
    """Where a group without committed offsets begins."""
    on_out_of_range: Annotated[Literal["fail", "earliest"], choice("fail", "earliest")] = "fail"
    """When Kafka no longer has the next event: stop, or go on with the oldest that it has."""
    watch_partitions_seconds: Annotated[float, number(1, 86_400)] = 60.0
    """How often to look for partitions that were added to the topic."""
    warm_up_hours: Annotated[float, number(0, 8784)] = 24.0
    """How far back a start without state of its own, as after its disk was lost, begins to learn without sending."""
    properties: KafkaProperties = Field(default_factory=dict)
    """Any librdkafka property. Passwords only as env:NAME or file:PATH."""


class FilesSourceTable(Table):
    """Events are read from Amplitude Export archives: .zip, .json.gz, .json, .ndjson."""

    kind: Annotated[Literal["files"], choice("kafka", "files")]
    paths: Paths
    """Paths and globs; relative ones start at the settings file."""
    follow: Flag = False
    """Keep watching the paths for new files."""


class IdentityPathsTable(Table):
    """Where identifiers are read from. A list that is given replaces that identifier's default paths."""

    appsflyer_id: SomeEventPaths | None = None
    idfa: EventPaths | None = None
    idfv: EventPaths | None = None
    att: EventPaths | None = None
    advertising_id: EventPaths | None = None
    oaid: EventPaths | None = None
    amazon_aid: EventPaths | None = None
    imei: EventPaths | None = None
    app_set_id: EventPaths | None = None


class IdentityTable(Table):
    """What is remembered of each user."""

    remember_days: Annotated[float, number(0, 3650, above=True)] = 90.0
    """Days after which a user who sends nothing is forgotten."""
    remember_insert_ids: Annotated[int, whole(0, 10_000)] = 100
    """Insert ids kept per user to recognise duplicates."""
    hold_seconds: Annotated[float, number(0, 604_800)] = 300.0
    """How long an event waits for its user's AppsFlyer ID."""
    settle_seconds: Annotated[float, number(0, 86_400)] = 0.0
    """How old the first events of a new AppsFlyer ID must be before they are sent."""
    hold_events: Annotated[int, whole(1, 100_000)] = 100
    """Events held per user at the most; one more gives up the oldest."""
    paths: IdentityPathsTable = Field(default_factory=IdentityPathsTable)


class WindowTable(Table):
    """Events are handed to delivery in micro-batches: at so many events, or so long after the first."""

    max_events: Annotated[int, whole(1, 10_000)] = 100
    max_wait_ms: Annotated[int, whole(1, 60_000)] = 50


class DeliveryTable(Table):
    """How AppsFlyer is called."""

    endpoint: Endpoint | None = None
    """https://api3.appsflyer.com (api2 for a dev_key) unless given; http:// only for a loopback host."""
    timeout_seconds: Annotated[float, number(0, 300, above=True)] = 15.0
    """How long one request may take."""
    max_in_flight: Annotated[int, whole(1, 10_000)] = 256
    """Requests at the same time, at the most."""
    max_pending: Annotated[int, whole(1, 10_000_000)] = 20_000
    """Events between the source and their fate; beyond it the source waits."""
    max_requests_per_second: Annotated[float, number(0, 1_000_000)] = 0.0
    """Per app id; 0 is no limit."""
    retry_minutes: Annotated[float, number(0, 10_080)] = 240.0
    """How long an event is tried again before it becomes a dead letter."""
    on_rejected_credentials: Annotated[Literal["pause", "park"], choice("pause", "park")] = "pause"
    """When AppsFlyer rejects the key: stop sending to that app, or make dead letters."""
    max_body_bytes: Annotated[int, whole(64, 1_048_576)] = 1024
    """AppsFlyer takes up to 1 KB; longer bodies lose properties in a fixed order."""
    brake_share: Annotated[float, number(0, 1)] = 0.5
    """Stop when more than this share of the last brake_events was refused, as after a bad deploy; 1 is never."""
    brake_events: Annotated[int, whole(10, 1_000_000)] = 1000
    """How many events the brake looks at."""
    drain_seconds: Annotated[float, number(0, 3600)] = 25.0
    """How long a stop waits for requests that are under way."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, as PEM."""
    proxy: Proxy | None = None
    """A proxy for requests to AppsFlyer; proxies in the environment are not used."""


class KafkaDeadLettersTable(Table):
    """Events that cannot be delivered go to a Kafka topic."""

    kind: Annotated[Literal["kafka"], choice("files", "kafka")]
    topic: Topic
    """The topic for dead letters; not the source's."""
    bootstrap_servers: Servers | None = None
    """The source's cluster unless given."""
    properties: KafkaProperties | None = None
    """The source's properties unless these or other bootstrap_servers are given."""


class FileDeadLettersTable(Table):
    """Events that cannot be delivered go to files."""

    kind: Annotated[Literal["files"], choice("files", "kafka")] = "files"
    directory: Path = "dead-letters"


class StateTable(Table):
    """Where progress and what is known of users are kept."""

    directory: Path = "state"
    epoch_seconds: Annotated[int, whole(1, 3600)] = 10
    """Seconds between two snapshots."""


class HealthTable(Table):
    """Where /livez, /readyz, /status and /metrics are served, over plain HTTP and without a password."""

    host: Host = "127.0.0.1"
    """The address to listen on; 0.0.0.0 in a container."""
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
    identity: IdentityTable = Field(default_factory=IdentityTable)
    window: WindowTable = Field(default_factory=WindowTable)
    delivery: DeliveryTable = Field(default_factory=DeliveryTable)
    dead_letters: Annotated[
        Annotated[KafkaDeadLettersTable, Tag("<dead letters kafka>")]
        | Annotated[FileDeadLettersTable, Tag("<dead letters files>")],
        Discriminator(_dead_letters_tag),
    ] = Field(default_factory=FileDeadLettersTable)
    state: StateTable = Field(default_factory=StateTable)
    health: HealthTable = Field(default_factory=HealthTable)
    sync: Annotated[
        list[SyncTable],
        Field(min_length=1),
        Hint("at least one sync", "write [[sync]] with a name, an app id, a key and its events"),
    ]
