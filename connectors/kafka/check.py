"""Kafka: whether it answers and has the topics, and how the source is keyed."""

from collections.abc import Iterator
from pathlib import Path

from connectors.finding import Finding, Mark, count
from connectors.kafka.probe import (
    Backlog,
    Keying,
    ProbeError,
    PropertiesError,
    keying,
    probe_dead_letters,
    probe_source,
)
from connectors.kafka.same_topic import same_topic
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from connectors.ports import LookAt
from connectors.sample import SAMPLE_RECORDS, Sample, about, date_of, sample_of, wrappings
from connectors.secrets import SecretError


def source_findings(source: KafkaSource, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
    """Yield what is found of the topic that is read."""
    try:
        with probe_source(source) as probe:
            partitions = probe.partitions(source.topic)
            yield Finding(Mark.FINE, f"source.bootstrap_servers: Kafka answers at {source.bootstrap_servers}")
            if partitions is None:
                yield no_topic("source.topic", source.topic)
                return
            yield Finding(Mark.FINE, f"source.topic: {source.topic} has {count(len(partitions), 'partition')}")
            yield from same_topic(state_directory, source, partitions)
            records = probe.latest(source.topic, partitions, SAMPLE_RECORDS)
            yield keyed(source.topic, len(partitions), len(records), keying(records))
            sample = sample_of(records, f"the latest {count(len(records), 'message')}")
            first_start = of_topic(source, probe.backlog(source.topic, partitions), sample)
            if first_start is not None:
                yield first_start
            yield from wrappings(sample)
            yield from look_at(sample)
    except (ProbeError, SecretError) as error:
        yield unusable("source", source.bootstrap_servers, error)


def of_topic(source: KafkaSource, backlog: Backlog, sample: Sample) -> Finding | None:
    """Return what the first start of the group will read; None of an empty topic."""
    if not backlog.messages:
        return None
    per_message = len(sample.events) / len(sample.records) if sample.records else 1.0
    if backlog.committed is not None:
        left = about(backlog.committed * per_message)
        return Finding(Mark.FINE, f"group {source.group_id} has begun: a start goes on, with {left} ahead of it")
    events = about(backlog.messages * per_message)
    oldest = "" if backlog.oldest_ms is None else f", the oldest of {date_of(backlog.oldest_ms)}"
    if source.start == "latest":
        text = f'start = "latest": a first start sends what arrives from then on, and leaves {events} in the topic'
        return Finding(Mark.FINE, f"{text}{oldest}")
    do = 'write start = "latest" to begin with what arrives from now on; AppsFlyer dates old events by their arrival'
    return Finding(Mark.NOTE, f'start = "earliest": a first start reads {events}{oldest}', do)


def keyed(topic: str, partitions: int, messages: int, seen: Keying) -> Finding:
    """Return whether each user's events are on one partition, as slices need it."""
    where = f"source.topic: {topic}"
    of = f"the latest {count(messages, 'message')}"
    if not messages:
        return Finding(Mark.NOTE, f"{where} is empty, so its keys are not known yet", "check again when it has events")
    if not seen.events:
        do = "look at them with `python -m flows explain`"
        return Finding(Mark.FAILED, f"{where}: none of {of} holds an Amplitude event", do)
    if partitions > 1 and (against := list(_against(seen))):
        do = "write it with the user_id, else the device_id, as the message's key, or copy it: python -m flows rekey"
        return Finding(Mark.FAILED, f"{where} is not keyed by user, as slices need it: {'; '.join(against)} ({of})", do)
    if partitions == 1 or seen.keyed == seen.events:
        how = "all keys are user ids, else device ids" if seen.keyed == seen.events else "there is but one partition"
        return Finding(Mark.FINE, f"{where} keeps each user's events together: {how} in {of}")
    text = f"{where}: {seen.events - seen.keyed:,} of {count(seen.events, 'event')} have another key than their user's"
    return Finding(
        Mark.NOTE, f"{text}, though no user was seen on two partitions in {of}", "make sure it is keyed by user"
    )


def _against(seen: Keying) -> Iterator[str]:
    """Yield what shows that a topic of several partitions is not keyed by user."""
    if seen.users_on_several:
        yield f"{seen.users_on_several:,} of {count(seen.users, 'user')} are on several partitions"
    if seen.mixed:
        yield f"{seen.mixed:,} of {count(seen.messages, 'message')} hold events of several users"
    if seen.keyed_by_device:
        yield f"{seen.keyed_by_device:,} of {count(seen.events, 'event')} name a user and are keyed by their device"
    if seen.keyless:
        yield f"{seen.keyless:,} of {count(seen.messages, 'message')} have no key"


def dead_letters_findings(letters: KafkaDeadLetters) -> Iterator[Finding]:
    """Yield what is found of the topic for dead letters."""
    try:
        with probe_dead_letters(letters) as probe:
            partitions = probe.partitions(letters.topic)
    except (ProbeError, SecretError) as error:
        yield unusable("dead_letters", letters.bootstrap_servers, error)
        return
    if partitions is None:
        yield no_topic("dead_letters.topic", letters.topic)
    else:
        yield Finding(Mark.FINE, f"dead_letters.topic: {letters.topic} has {count(len(partitions), 'partition')}")


def no_topic(key: str, topic: str) -> Finding:
    """Return that the topic that a key names is not there."""
    return Finding(Mark.FAILED, f"{key}: there is no topic {topic}", f"create it, or correct {key}")


def unusable(table: str, servers: str, error: Exception) -> Finding:
    """Return why Kafka cannot be used as a table of the settings says."""
    if isinstance(error, SecretError | PropertiesError):
        return Finding(Mark.WRONG, f"{table}.properties: {error}", "correct it")
    text = f"{table}.bootstrap_servers: no use of Kafka at {servers} ({error})"
    return Finding(Mark.FAILED, text, f"start it, or correct {table}.bootstrap_servers or {table}.properties")
