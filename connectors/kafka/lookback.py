"""Where a warm-up begins: so many hours, by Kafka's timestamps, before the offset that the group has."""

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.clock import now_ms
from connectors.kafka.cluster import Cluster
from connectors.kafka.offsets import Available
from connectors.kafka.properties import consumer_properties
from connectors.kafka.settings import KafkaSource
from connectors.shutdown import Shutdown
from flows.domain.warm_up import begin_at, since_ms

_POLL_SECONDS: Final = 0.1
_TIMEOUT_SECONDS: Final = 20.0
"""For one record of each partition. What has not come by then is taken to be of now."""


def begins_of_warm_up(
    settings: KafkaSource,
    cluster: Cluster,
    shutdown: Shutdown,
    available: Mapping[int, Available],
    committed: Mapping[int, int],
) -> dict[int, int] | None:
    """Return partition → the offset to begin to learn at; partitions without anything to learn from are left out.

    `settings` have their secrets filled in. Waits for Kafka; None if a stop was requested meanwhile.
    """
    known = {
        partition: border
        for partition, border in committed.items()
        if partition in available and available[partition].first < border <= available[partition].end
    }
    if not known:
        return {}
    last_ms = _timestamps(settings, shutdown, {each: border - 1 for each, border in known.items()})
    since = {each: since_ms(last_ms.get(each), now_ms(), settings.warm_up_hours) for each in known}
    answers = cluster.answers(lambda: cluster.ask_offsets_since(since), shutdown)
    if answers is None:
        return None
    found = {each: answer.offset for each, answer in zip(since, answers, strict=True)}
    return begin_at(known, {each: available[each].first for each in known}, found)


def _timestamps(settings: KafkaSource, shutdown: Shutdown, offsets: Mapping[int, int]) -> dict[int, int]:
    """Return the timestamps, in ms, of the first records at or after these offsets, of those that have one."""
    consumer = Consumer({**consumer_properties(settings), "enable.partition.eof": "true", "fetch.wait.max.ms": "10"})
    missing = set(offsets)
    found: dict[int, int] = {}
    until = time.monotonic() + _TIMEOUT_SECONDS
    try:
        consumer.assign([TopicPartition(settings.topic, each, offset) for each, offset in offsets.items()])
        while missing and not shutdown.requested and time.monotonic() < until:
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            error, partition = message.error(), message.partition() or 0
            if partition not in missing:
                continue
            if error is None:
                found[partition] = message.timestamp()[1]
            elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public code of librdkafka
                continue
            missing.discard(partition)
            consumer.incremental_unassign([TopicPartition(settings.topic, partition)])
    finally:
        consumer.close()
    return found
