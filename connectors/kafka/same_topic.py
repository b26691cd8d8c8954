"""Whether the topic is the one that was read, and the state no older than the group: what a start makes of it."""

from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as NoAnswerError
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException

from connectors.finding import Finding, Mark
from connectors.kafka.cluster import Cluster, committed, notes, topic_id
from connectors.kafka.errors import KafkaSetupError, reason_of
from connectors.kafka.kept import Kept
from connectors.kafka.note import CommitMetadata
from connectors.kafka.probe import ANSWER_SECONDS, ProbeError
from connectors.kafka.properties import scrubber
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.secrets import resolve_properties
from connectors.state.damage import unusable
from connectors.state.engine_store import StoreError, stored_keys
from connectors.state.layout import Layout, layouts_of_slices
from connectors.state.step_states import SOURCE


class _Committed(NamedTuple):
    """What is there, and what the group says of itself."""

    topic_id: str | None
    """None of a broker that tells none."""
    offsets: dict[int, int]
    notes: dict[int, CommitMetadata]


def same_topic(directory: Path, source: KafkaSource, partitions: list[int]) -> Iterator[Finding]:
    """Compare Kafka's topic with what the state directory knows, and without slices the group with it.

    Raises ProbeError, SecretError.
    """
    found = _ask(source, partitions)  # before the state: that is written before each commit
    if found.topic_id is None:
        return
    try:
        places = [each.path for each in layouts_of_slices(directory) if each.source.exists()]
        kept = {
            each: Kept(each, source.topic, has_position=each == directory and _has_position(each, source.topic))
            for each in places
        }
        yield from _made_again(source, found, kept)
        if directory in kept and kept[directory].origin is not None:
            for partition, note in found.notes.items():
                if note.topic_id == found.topic_id:
                    kept[directory].refuse_older(partition, found.offsets[partition], note)
    except KafkaSetupError as problem:
        yield Finding(Mark.FAILED, str(problem))
    except OSError as problem:
        yield Finding(Mark.FAILED, f"state.directory: {unusable(problem, directory)}")


def _made_again(source: KafkaSource, found: _Committed, kept: dict[Path, Kept]) -> Iterator[Finding]:
    origins = {each.origin.topic_id for each in kept.values() if each.origin is not None}
    of_group = {note.topic_id for note in found.notes.values()} - {None}
    if found.topic_id not in origins and (origins or of_group - {found.topic_id}):
        yield Finding(
            Mark.NOTE,
            f"source.topic: {source.topic} was deleted and made again since it was read",
            "a start reads the new one from its first record, and leaves what is pending of the old one as it is",
        )


def _has_position(directory: Path, topic: str) -> bool:
    try:
        return any(key.rpartition("/")[0] == topic for key in stored_keys(Layout(directory).recovery, SOURCE))
    except StoreError:  # which a start says
        return False


def _ask(source: KafkaSource, partitions: Iterable[int]) -> _Committed:
    """Ask. Raises ProbeError within some seconds where no answer comes, SecretError where a secret is missing."""
    secret = replace(source, properties=tuple(resolve_properties(source.properties).items()))
    try:
        cluster = Cluster(secret, LimitedLog())
        described = cluster.ask_partitions()[0].result(2 * ANSWER_SECONDS)
        of_group = [cluster.ask_committed(partitions)[0].result(2 * ANSWER_SECONDS)]
    except KafkaException as error:
        raise ProbeError(scrubber(secret.properties)(reason_of(error).str())) from None
    except KafkaSetupError as error:
        raise ProbeError(str(error)) from None
    except NoAnswerError:
        raise ProbeError("no answer about the topic and the group") from None
    return _Committed(topic_id(described), committed(of_group), notes(of_group))
