"""The tables of stream.toml as they are written: what the JSON Schema is made of, and the first thing a file meets.

Only shapes, types and ranges are said here; what concerns several keys at once is in `rules.py`.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, cast

from pydantic import Discriminator, Field, Tag, model_validator

from connectors.appsflyer.settings import ErasureTable
from connectors.collector.settings import CollectorTable
from connectors.delivery.settings import DeliveryTable
from connectors.export_api.settings import PullTable
from connectors.form import Form, LetterTable, SourceTable
from connectors.kinds import DEAD_LETTERS, DEFAULT_DEAD_LETTERS, SOURCES
from connectors.state.layout import slice_directory
from connectors.table import Table
from connectors.values import FilePath, Flag, Hint, Host, choice, whole
from flows.domain.slice import Slice
from flows.settings.console import ConsoleTable
from flows.settings.identity import IdentityTable
from flows.settings.problems import closest
from flows.settings.sync_tables import PropertyTable, SyncTable


class WindowTable(Table):
    """Events go to the delivery in micro-batches: after so many events, or so long after the first event of a batch."""

    max_events: Annotated[int, whole(1, 10_000)] = 100
    """How many events a batch has at most. Each event is still one request, because AppsFlyer takes one at a time."""
    max_wait_ms: Annotated[int, whole(1, 60_000)] = 50
    """How long after its first event a batch goes out that is not full. The window adds at most this time to the
    latency."""


class StateTable(Table):
    """Where the stream keeps its progress and its users."""

    directory: Annotated[FilePath, Field(validate_default=True)] = pathlib.Path("state")
    """A directory on a persistent disk; a relative path starts at the settings file. Two streams never share one."""
    epoch_seconds: Annotated[int, whole(1, 3600)] = 10
    """Seconds between two snapshots. After a crash the stream goes back to the last one. With fewer seconds it repeats
    less work, and writes more."""

    def slice_directory(self, part: Slice) -> pathlib.Path:
        """Return the directory of one slice; without slices, the directory itself."""
        return slice_directory(self.directory, part.index, part.count)


class HealthTable(Table):
    """Where the stream serves /livez, /readyz, /status and /metrics, over plain HTTP and without a password."""

    host: Host = "127.0.0.1"
    """The address to listen on; 0.0.0.0 in a container. There is no password, so do not open it to other networks."""
    port: Annotated[int, whole(0, 65_535)] = 9464
    """0 is off. If another program uses the port, a start is refused when the file names the port; otherwise the stream
    warns and serves nothing."""
    add_slice_to_port: Flag = True
    """Slice i listens on port + i. Set it to false when each slice has an address of its own, as in containers."""

    @property
    def is_given(self) -> bool:
        """Whether the file names the host or the port: a start where they cannot be had is then refused."""
        return not self.model_fields_set.isdisjoint({"host", "port"})

    def port_of(self, slice_index: int) -> int:
        """Return the port of one slice; 0 is off."""
        return self.port + slice_index if self.port and self.add_slice_to_port else self.port


def _union(table: str, kinds: Mapping[str, Form]) -> Any:
    """Return the type of a table that has a form for each kind."""
    return Union[tuple(Annotated[each.table, Tag(f"<{table} {kind}>")] for kind, each in kinds.items())]  # noqa: UP007


def _tag(table: str, kinds: Mapping[str, Form], otherwise: str) -> Discriminator:
    """Return what tells which form is meant: all its problems are seen even if `kind` is misspelt or missing."""
    forms = {key: kind for kind, each in kinds.items() for key in each.own_keys}

    def meant(value: Any) -> str:
        if not isinstance(value, dict):
            return otherwise
        kind = value.get("kind")
        if isinstance(kind, str) and (near := closest(kind, kinds)):
            return near
        said = next((each for each in value.values() if isinstance(each, str) and each in kinds), None)
        return said or next((forms[key] for each in value if (key := closest(each, forms))), otherwise)

    return Discriminator(lambda value: f"<{table} {meant(value)}>")


_FIRST_SOURCE: Final = next(iter(SOURCES))

if TYPE_CHECKING:
    _SourceForm = SourceTable
    _LetterForm = LetterTable
else:
    _SourceForm = _union("source", SOURCES)
    _LetterForm = _union("dead letters", DEAD_LETTERS)

TAGGED: Final[dict[str, type[Table]]] = {
    **{f"<source {kind}>": each.table for kind, each in SOURCES.items()},
    **{f"<dead letters {kind}>": each.table for kind, each in DEAD_LETTERS.items()},
    "<property table>": PropertyTable,
}
"""The tables that pydantic names by tag in the location of a problem."""
TAGS: Final = frozenset({*TAGGED, "<all properties>"})


class StreamFile(Table):
    """The settings of the event stream from Amplitude to AppsFlyer."""

    source: Annotated[
        _SourceForm,
        _tag("source", SOURCES, _FIRST_SOURCE),
        Hint("a table that says where events come from", f"write [source] with kind = {choice(*SOURCES).what}"),
    ]
    """The source of events: a Kafka topic, or Export archives."""
    identity: IdentityTable = Field(default_factory=IdentityTable)
    """What the stream remembers of each user."""
    window: WindowTable = Field(default_factory=WindowTable)
    """The micro-batches towards AppsFlyer."""
    delivery: DeliveryTable = Field(default_factory=DeliveryTable)
    """How AppsFlyer is called."""
    dead_letters: Annotated[
        _LetterForm,
        _tag("dead letters", DEAD_LETTERS, DEFAULT_DEAD_LETTERS),
    ] = Field(default_factory=cast("Callable[[], LetterTable]", DEAD_LETTERS[DEFAULT_DEAD_LETTERS].table))
    """The place for events that cannot be delivered."""
    state: StateTable = Field(default_factory=StateTable)
    """Where the stream keeps its progress and its users."""
    health: HealthTable = Field(default_factory=HealthTable)
    """Where the stream serves /livez, /readyz, /status and /metrics."""
    collector: CollectorTable | None = None
    """Where Amplitude's clients send their events to; without it, nothing listens."""
    console: ConsoleTable = Field(default_factory=ConsoleTable)
    """Where the console serves its pages."""
    pull: PullTable | None = None
    """Where past events are fetched from."""
    erasure: ErasureTable = Field(default_factory=ErasureTable)
    """How AppsFlyer is asked to erase a person."""
    sync: Annotated[
        list[SyncTable],
        Hint("at least one sync", "write [[sync]] with a name, an app id, a key and its events"),
    ] = Field(default_factory=list)
    """Which events go to which AppsFlyer apps; at least one, except where a collector takes events that wait for it."""

    @model_validator(mode="before")
    @classmethod
    def _with_default_paths(cls, document: Any) -> Any:
        # A default path starts at the settings file, too, which a default instance knows nothing of.
        return {"state": {}, **document} if isinstance(document, dict) else document
