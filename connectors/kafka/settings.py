"""The settings of Kafka, as a source and as the place of dead letters: as they are written, and as they are used."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr

from connectors.form import Form, LetterSettings, SourceSettings
from connectors.table import NOT_SHOWN, Broken, Draft, Table
from connectors.values import HOST, REFERENCE, Expects, Name, choice, number, text

_START: Final = "earliest"
_ON_OUT_OF_RANGE: Final = "fail"
_WATCH_PARTITIONS_SECONDS: Final = 60.0
_WARM_UP_HOURS: Final = 24.0


@dataclass(frozen=True, slots=True)
class KafkaSource:
    """`[source] kind = "kafka"`."""

    kind: ClassVar[str] = "kafka"
    bootstrap_servers: str
    topic: str
    group_id: str
    start: Literal["earliest", "latest"] = _START
    """Where a group without committed offsets begins."""
    on_out_of_range: Literal["fail", "earliest"] = _ON_OUT_OF_RANGE
    """What to do when Kafka no longer has the next event: stop, or go on with the oldest it has; both say how many
    are gone."""
    watch_partitions_seconds: float = _WATCH_PARTITIONS_SECONDS
    """How often to look for partitions that were added to the topic."""
    warm_up_hours: float = _WARM_UP_HOURS
    """How far before the group's offset a start without state of its own begins to learn, without sending."""
    properties: tuple[tuple[str, str], ...] = ()
    """librdkafka properties."""


@dataclass(frozen=True, slots=True)
class KafkaDeadLetters:
    """`[dead_letters] kind = "kafka"`: by default in the source's cluster."""

    kind: ClassVar[str] = "kafka"
    bootstrap_servers: str
    topic: str
    properties: tuple[tuple[str, str], ...] = ()


def kafka_source(source: SourceSettings) -> KafkaSource | None:
    """Return the settings of a source that is Kafka's, for what only Kafka has."""
    return cast("KafkaSource", source) if source.kind == KafkaSource.kind else None


def kafka_dead_letters(letters: LetterSettings) -> KafkaDeadLetters | None:
    """Return the settings of dead letters that are in Kafka, for what only Kafka has."""
    return cast("KafkaDeadLetters", letters) if letters.kind == KafkaDeadLetters.kind else None


Servers = Annotated[
    str,
    text(
        "host:port addresses in quotes, with commas between them",
        'write for example bootstrap_servers = "kafka-1:9092,kafka-2:9092"',
        rf"^{HOST}(, ?{HOST})*$",
    ),
]
Topic = Annotated[
    str,
    text(
        "a Kafka topic's name: up to 249 of A-Z a-z 0-9 . _ -",
        'write for example topic = "amplitude-events"',
        r"^([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*$",
        longest=249,
    ),
]
PropertyValue = Annotated[
    StrictStr | StrictBool | StrictInt,
    Expects("a text, a whole number, true or false", "write it as librdkafka's CONFIGURATION.md describes it"),
]


def flatten(table: Any) -> Any:
    """Join nested tables to dotted names: TOML reads `ssl.ca.location = …` without quotes as tables within tables."""
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        nested = flatten(value) if isinstance(value, dict) else None
        flat |= {f"{key}.{inner}": each for inner, each in nested.items()} if nested else {key: value}
    return flat


KafkaProperties = Annotated[dict[str, PropertyValue], BeforeValidator(flatten)]

OWNED_PROPERTIES: Final[Mapping[str, str]] = {
    "bootstrap.servers": "set bootstrap_servers in the table above instead",
    "metadata.broker.list": "set bootstrap_servers in the table above instead",
    "group.id": "set group_id in [source] instead",
    "auto.offset.reset": "set start and on_out_of_range in [source] instead",
    **dict.fromkeys(
        ("enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store", "enable.partition.eof", "log.queue"),
        "remove it",
    ),
}
"""librdkafka properties that the stream sets itself, and what to do instead."""

_SECRET_ENDINGS: Final = ("password", "secret", "passphrase", "key.pem")


class KafkaSourceTable(Table):
    """Events are read from a Kafka topic."""

    kind: Literal["kafka"]
    """Kafka is for a stream that runs all the time."""
    bootstrap_servers: Servers
    """Kafka's host:port addresses, with commas between them. Name at least two, so that one broker may be down."""
    topic: Topic
    """The topic with Amplitude's events. Its messages must be keyed by user id, else device id, so that one partition
    has all events of a user; `check` reads a sample."""
    group_id: Name = "amplitude-appsflyer-stream"
    """The consumer group for the committed offsets. Lag tools and a start without state use them. Each stream needs a
    group of its own."""
    start: Annotated[Literal["earliest", "latest"], choice("earliest", "latest")] = _START
    """Where a group without committed offsets begins: with the oldest record in Kafka, or with records that arrive from
    now on. A first start with "earliest" sends all events of the topic, and AppsFlyer dates old ones by their
    arrival."""
    on_out_of_range: Annotated[Literal["fail", "earliest"], choice("fail", "earliest")] = _ON_OUT_OF_RANGE
    """When Kafka no longer has the next record: stop, or continue with the oldest record. In both cases the log says
    how many events are gone."""
    watch_partitions_seconds: Annotated[float, number(1, 86_400)] = _WATCH_PARTITIONS_SECONDS
    """How often the stream looks for partitions that were added to the topic. To read them, the process restarts
    itself."""
    warm_up_hours: Annotated[float, number(0, 8784)] = _WARM_UP_HOURS
    """How many hours of events a start without state reads first to learn identifiers, without sending, for example
    after a disk was lost. More hours remember more identifiers and take longer; 0 is off."""
    properties: KafkaProperties = Field(default_factory=dict)
    """Any librdkafka property, such as those for TLS and SASL. Write passwords as env:NAME or file:PATH."""

    def settings(self, base: Path) -> KafkaSource:
        """Return them; `file:` and `*.location` paths are made absolute."""
        values = dict(self) | {"properties": _properties(base, self.properties)}
        del values["kind"]
        return KafkaSource(**values)


class KafkaDeadLettersTable(Table):
    """Events that cannot be delivered go to a Kafka topic."""

    kind: Literal["kafka"]
    """Kafka is for more than one machine: dead letters are in one place, and survive the loss of a disk."""
    topic: Topic
    """The topic for dead letters; not the source's."""
    bootstrap_servers: Servers | None = None
    """The default is the source's cluster."""
    properties: KafkaProperties | None = None
    """The default is the source's properties; with other bootstrap_servers, none."""

    def settings(self, base: Path, source: SourceSettings) -> KafkaDeadLetters:
        """Return them; the cluster is the source's unless given."""
        servers = self.bootstrap_servers or ""
        properties = _properties(base, self.properties or {})
        if (kafka := kafka_source(source)) is not None:
            # Another cluster is never shown the source's credentials unasked.
            same_cluster = servers in ("", kafka.bootstrap_servers)
            servers = servers or kafka.bootstrap_servers
            if self.properties is None and same_cluster:
                properties = kafka.properties
        return KafkaDeadLetters(servers, self.topic, properties)


def _properties(base: Path, given: dict[str, str | bool | int]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _property(base, name, value)) for name, value in given.items())


def _property(base: Path, name: str, value: str | bool | int) -> str:  # noqa: FBT001 (a value, not a switch)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value.startswith("file:"):
        return f"file:{base / value.removeprefix('file:')}"
    if name.endswith(".location") and value != "probe":  # librdkafka's word for «look where systems keep them»
        return str(base / value)
    return value


def properties_are_free(draft: Draft, key: str) -> Iterator[Broken]:
    """Yield the properties of a table that are the stream's own, and the secrets that stand in it."""
    properties = flatten(draft.table(key).get("properties"))
    for name, value in properties.items() if isinstance(properties, dict) else ():
        where = (key, "properties", name)
        if name in OWNED_PROPERTIES:
            yield where, f"found a property that the stream sets itself; expected others; {OWNED_PROPERTIES[name]}"
        elif name.endswith(_SECRET_ENDINGS) and isinstance(value, str) and not re.fullmatch(REFERENCE, value):
            expected = "expected the place of the secret, never the secret itself"
            yield where, f"found {NOT_SHOWN}; {expected}; write env:NAME or file:PATH in quotes"


def dead_letters_have_a_cluster(draft: Draft) -> Iterator[Broken]:
    """Yield that the topic of dead letters has no cluster, or is the source's own."""
    letters, source = draft.table("dead_letters"), draft.table("source")
    if letters.get("kind") != "kafka":
        return
    given = draft.has(("dead_letters",), letters, "bootstrap_servers")
    if not given and source.get("kind") == "files":
        expected = "expected Kafka's host:port addresses, for the source is no Kafka to take them from"
        do = 'write for example bootstrap_servers = "kafka-1:9092"'
        yield ("dead_letters", "bootstrap_servers"), f"missing; {expected}; {do}"
    same_cluster = letters.get("bootstrap_servers", source.get("bootstrap_servers")) == source.get("bootstrap_servers")
    topic = letters.get("topic")
    if isinstance(topic, str) and topic == source.get("topic") and same_cluster:
        where = ("dead_letters", "topic")
        yield (
            where,
            f"found {draft.found(topic, where)}; expected another topic than the source's; name one for dead letters",
        )


def _letters_are_right(draft: Draft) -> Iterator[Broken]:
    yield from properties_are_free(draft, "dead_letters")
    yield from dead_letters_have_a_cluster(draft)


SOURCE: Final = Form(
    KafkaSourceTable,
    own_keys=("topic", "bootstrap_servers"),
    connector="connectors.kafka.kind:TopicSource",
    broken=lambda draft: properties_are_free(draft, "source"),
)
DEAD_LETTERS: Final = Form(
    KafkaDeadLettersTable,
    own_keys=("topic", "bootstrap_servers"),
    connector="connectors.kafka.kind:LetterTopic",
    broken=_letters_are_right,
)
