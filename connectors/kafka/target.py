"""The topic that a flow writes to: is it there, and will it keep what it is given."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from connectors.kafka.cluster import POLL_SECONDS, REQUEST_SECONDS, Cluster, topic_id
from connectors.kafka.errors import KafkaSetupError, MissingTopicError
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog
from connectors.pace import wait
from connectors.secrets import resolve_properties
from connectors.shutdown import Shutdown

Config = Mapping[str, str]
"""A topic's properties, such as `retention.ms`."""

_FOR_EVER: Final = -1


class TargetTopic(NamedTuple):
    """A topic to write to."""

    topic: str
    partitions: int
    source_partitions: int
    max_message_bytes: int | None
    """The largest batch that it takes; None if Kafka does not say."""
    topic_id: str | None = None
    """Kafka's id of it; None of a broker that gives none."""


def find_target(source: KafkaSource, topic: str, shutdown: Shutdown) -> TargetTopic | None:
    """Return the topic in the source's cluster; waits while Kafka is away; None if a stop was requested meanwhile.

    What it will not keep as it is, is said in the log.

    Raises:
        KafkaSetupError: one of the topics is not there, the target is compacted, or Kafka refuses the access.
        SecretError: the secret of a property in `[source.properties]` is missing.
    """
    log = LimitedLog()
    secret = replace(source, properties=tuple(resolve_properties(source.properties).items()))
    cluster = Cluster(secret, log)
    read = cluster.answers(cluster.ask_partitions, shutdown)
    if read is None:
        return None
    count = len(read[0].partitions)
    there = Cluster(replace(secret, topic=topic), log)
    try:
        written = there.answers(there.ask_partitions, shutdown)
    except MissingTopicError:
        raise KafkaSetupError(
            f"--to: there is no topic {topic!r} at {source.bootstrap_servers}. Create it, with as many partitions as "
            f"there will ever be slices ({source.topic!r} has {count}) and cleanup.policy=delete, or correct --to."
        ) from None
    if written is None:
        return None
    configs = _configs(cluster, source.topic, topic, shutdown)
    if configs is None:
        log.say(logging.WARNING, "kafka does not tell the topics' properties, so they are not checked", topic=topic)
        return TargetTopic(topic, len(written[0].partitions), count, None, topic_id(written[0]))
    for note in notes(*configs):
        log.say(logging.WARNING, note, topic=topic)
    largest = configs[1].get("max.message.bytes")
    most = None if largest is None else int(largest)
    return TargetTopic(topic, len(written[0].partitions), count, most, topic_id(written[0]))


def notes(source: Config, target: Config) -> list[str]:
    """Return what the target does not keep as it is. Raises KafkaSetupError if it would lose events."""
    if "compact" in target.get("cleanup.policy", ""):
        raise KafkaSetupError(
            "--to: the topic is compacted, so that only the last event of each user would stay. "
            "Set its cleanup.policy to delete, or name another topic."
        )
    found = []
    if target.get("message.timestamp.type") == "LogAppendTime":
        found.append(
            "the target has message.timestamp.type=LogAppendTime: times of arrival are lost; CreateTime keeps them"
        )
    kept_ms, was_kept_ms = (int(each.get("retention.ms", _FOR_EVER)) for each in (target, source))
    if kept_ms != _FOR_EVER and (was_kept_ms == _FOR_EVER or kept_ms < was_kept_ms):
        found.append(
            "the target's retention.ms is shorter than the source's, and records keep their times: what is older than "
            "that may be removed before it is read; set it to at least the source's"
        )
    largest, was_largest = (int(each.get("max.message.bytes", 0)) for each in (target, source))
    if largest < was_largest:
        found.append(
            "the target's max.message.bytes is lower than the source's: a record that is larger will end the flow; "
            "set it to at least the source's"
        )
    return found


def _configs(cluster: Cluster, source: str, target: str, shutdown: Shutdown) -> tuple[Config, Config] | None:
    futures = cluster.ask_configs([source, target])
    until = time.monotonic() + REQUEST_SECONDS
    while not all(each.done() for each in futures):
        if shutdown.requested or time.monotonic() > until:
            return None
        wait(POLL_SECONDS / 10)
    if any(each.exception() is not None for each in futures):
        return None
    of_source, of_target = (
        {name: entry.value for name, entry in each.result().items() if entry.value is not None} for each in futures
    )
    return of_source, of_target
