"""The kind `kafka`: a topic as a source, and a topic as a place for dead letters."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from connectors.dead_letters import Bounds, LetterReader, LetterWriter, StoredBytes
from connectors.finding import Finding
from connectors.kafka.check import dead_letters_findings, source_findings
from connectors.kafka.dead_letters import KafkaLetterWriter
from connectors.kafka.event_writer import KafkaEventWriter
from connectors.kafka.letter_reader import KafkaLetterReader, letter_topic_id, topic_bounds
from connectors.kafka.open_topic import OpenTopic
from connectors.kafka.probe import Probe, ProbeError, probe_dead_letters, probe_source
from connectors.kafka.sample import latest_of
from connectors.kafka.settings import (
    KafkaDeadLetters,
    KafkaSource,
)
from connectors.opening import Opening
from connectors.ports import LookAt
from connectors.secrets import SecretError, resolve_properties
from flows.domain.event import Record
from flows.domain.slice import ALL, Slice


class TopicSource:
    """A topic with Amplitude's events. Implements `Source`."""

    ends = False
    unsliceable = None

    def __init__(self, settings: KafkaSource) -> None:
        self._settings = settings

    @property
    def title(self) -> str:
        """The topic, and where it is."""
        return f"the topic {self._settings.topic} at {self._settings.bootstrap_servers}"

    @property
    def out_of_reach(self) -> str:
        """The topic."""
        return (
            f"events in the topic {self._settings.topic}: not in reach, and they teach again when they are read again"
        )

    def nothing_to_read(self) -> str | None:
        """Return None: what is not there yet is waited for."""
        return None

    def obstacles(self) -> Iterator[str]:
        """Yield the secrets that cannot be read."""
        return _unreadable("source", self._settings)

    def missing(self, part: Slice) -> Iterator[str]:
        """Yield whether the topic is missing, or has no partition for this process."""
        return _missing("source", self._settings.topic, partial(probe_source, self._settings), part)

    def check(self, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
        """Yield what is found of the topic and the group."""
        return source_findings(self._settings, state_directory, look_at)

    def latest(self, limit: int | None, on_damage: Callable[[str], None]) -> Iterator[Record]:
        """Yield the latest records; the group and its offsets are left alone."""
        del on_damage
        return latest_of(self._settings, limit)

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> None:
        """Return None: a record of a topic cannot be changed."""
        del is_theirs

    def open(self, opening: Opening) -> OpenTopic:
        """Open it; `connect` finds it."""
        return OpenTopic(self._settings, opening)

    def writer(self) -> KafkaEventWriter:
        """Open it for events that are taken in. Raises KafkaSetupError, SecretError."""
        return KafkaEventWriter(self._settings)


class LetterTopic:
    """Dead letters in a topic. Implements `DeadLetterStore`."""

    directories: Mapping[str, Path] = MappingProxyType({})

    def __init__(self, settings: KafkaDeadLetters) -> None:
        self._settings = settings

    @property
    def place(self) -> str:
        """The topic."""
        return self._settings.topic

    @property
    def title(self) -> str:
        """The topic."""
        return f"the topic {self._settings.topic}"

    @property
    def identity(self) -> list[str]:
        """The cluster and the topic."""
        return [self._settings.bootstrap_servers, self._settings.topic]

    def obstacles(self) -> Iterator[str]:
        """Yield the secrets that cannot be read."""
        return _unreadable("dead_letters", self._settings)

    def missing(self) -> Iterator[str]:
        """Yield whether the topic is missing."""
        return _missing("dead_letters", self._settings.topic, partial(probe_dead_letters, self._settings), ALL)

    def check(self) -> Iterator[Finding]:
        """Yield what is found of the topic."""
        return dead_letters_findings(self._settings)

    def blocked(self) -> str | None:
        """Return None: only Kafka knows."""
        return None

    def writer(self) -> LetterWriter:
        """Open it for writing."""
        return KafkaLetterWriter(self._settings)

    def bounds(self) -> Bounds:
        """Return the partitions' ends, and how many offsets there are."""
        bounds = topic_bounds(self._settings)
        return Bounds(
            {part: end for part, (_, end) in bounds.items()}, sum(end - first for first, end in bounds.values())
        )

    def read(
        self,
        ends: Mapping[str, int],
        begin: Mapping[str, int],
        on_damage: Callable[[object], None],  # noqa: ARG002 - Kafka's records have checksums
    ) -> LetterReader:
        """Read all partitions."""
        return KafkaLetterReader(self._settings, ends, begin)

    def id(self) -> str | None:
        """Return Kafka's id of the topic: of one that was made again, offsets name other letters."""
        return letter_topic_id(self._settings)

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int | None:  # noqa: ARG002
        """Return None: the topic's retention ends them."""
        return None


def _unreadable(table: str, settings: KafkaSource | KafkaDeadLetters) -> Iterator[str]:
    for each in settings.properties:
        try:
            resolve_properties((each,))
        except SecretError as error:
            yield f"{table}.properties: {each[0]}: {error}"


def _missing(table: str, topic: str, open_probe: Callable[[], Probe], part: Slice) -> Iterator[str]:
    try:
        with open_probe() as probe:
            partitions = probe.partitions(topic)
    except (ProbeError, SecretError) as problem:
        yield f"{table}: Kafka cannot be used: {problem}"
        return
    if partitions is None:
        yield f"{table}.topic: there is no topic {topic}"
    elif not any(part.owns(each) for each in partitions):
        yield f"{table}.topic: {topic} has no partition for slice {part}"
