"""The tables of stream.toml as they are written: what the JSON Schema is made of, and the first thing a file meets.

Only shapes, types and ranges are said here; what concerns several keys at once is in `rules.py`.
"""

import pathlib
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from connectors.delivery.settings import DeliveryTable
from connectors.state.layout import slice_directory
from connectors.table import Table
from connectors.values import (
    FilePath,
    Flag,
    Hint,
    Host,
    KafkaProperties,
    Name,
    Path,
    Paths,
    Servers,
    Topic,
    choice,
    number,
    whole,
)
from flows.domain.slice import Slice
from flows.settings.identity import IdentityTable
from flows.settings.problems import closest
from flows.settings.sync_tables import PropertyTable, SyncTable


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


class WindowTable(Table):
    """Events are handed to delivery in micro-batches: at so many events, or so long after the first."""

    max_events: Annotated[int, whole(1, 10_000)] = 100
    """How many events make a batch full. Each is a request of its own all the same: AppsFlyer takes one at a time."""
    max_wait_ms: Annotated[int, whole(1, 60_000)] = 50
    """How long after its first event a batch goes out that is not full: the most that it adds to the latency."""


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

    directory: Annotated[FilePath, Field(validate_default=True)] = pathlib.Path("state")
    """A disk that stays; a relative path starts at the settings file. One stream each: two never share one."""
    epoch_seconds: Annotated[int, whole(1, 3600)] = 10
    """Seconds between two snapshots. A crash goes back to the last one: fewer seconds are less to do again, and more
    to write."""

    def slice_directory(self, part: Slice) -> pathlib.Path:
        """Return the directory of one slice; without slices, the directory itself."""
        return slice_directory(self.directory, part.index, part.count)


class HealthTable(Table):
    """Where /livez, /readyz, /status and /metrics are served, over plain HTTP and without a password."""

    host: Host = "127.0.0.1"
    """The address to listen on; 0.0.0.0 in a container. There is no password, so keep it inside."""
    port: Annotated[int, whole(0, 65_535)] = 9464
    """0 is off. Where it is taken, a start is refused if the file names it; else there is a warning and no health."""
    add_slice_to_port: Flag = True
    """Slice i listens on port + i; false where each slice has an address of its own, as in containers."""

    @property
    def is_given(self) -> bool:
        """Whether the file names the host or the port: a start where they cannot be had is then refused."""
        return not self.model_fields_set.isdisjoint({"host", "port"})

    def port_of(self, slice_index: int) -> int:
        """Return the port of one slice; 0 is off."""
        return self.port + slice_index if self.port and self.add_slice_to_port else self.port


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

    @model_validator(mode="before")
    @classmethod
    def _with_default_paths(cls, document: Any) -> Any:
        # A default path starts at the settings file, too, which a default instance knows nothing of.
        return {"state": {}, **document} if isinstance(document, dict) else document
