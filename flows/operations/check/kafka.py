"""Kafka: whether it answers and has the topics, and how the source is keyed."""

from collections.abc import Iterator

from connectors.kafka.probe import Keying, Probe, ProbeError, PropertiesError, keying
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from connectors.secrets import SecretError
from flows.operations.check.finding import Finding, Mark, count
from flows.operations.check.first_start import of_topic
from flows.operations.check.same_topic import same_topic
from flows.operations.check.sample import SAMPLE_RECORDS, look_at, sample_of
from flows.operations.check.wrappings import wrappings
from flows.settings.model import Settings


def kafka_source(settings: Settings, source: KafkaSource) -> Iterator[Finding]:
    """Yield what is found of the topic that is read."""
    try:
        with Probe(source) as probe:
            partitions = probe.partitions(source.topic)
            yield Finding(Mark.FINE, f"source.bootstrap_servers: Kafka answers at {source.bootstrap_servers}")
            if partitions is None:
                yield _no_topic("source.topic", source.topic)
                return
            yield Finding(Mark.FINE, f"source.topic: {source.topic} has {count(len(partitions), 'partition')}")
            yield from same_topic(settings, source, partitions)
            records = probe.latest(source.topic, partitions, SAMPLE_RECORDS)
            yield keyed(source.topic, len(partitions), len(records), keying(records))
            sample = sample_of(records, f"the latest {count(len(records), 'message')}")
            first_start = of_topic(source, probe.backlog(source.topic, partitions), sample)
            if first_start is not None:
                yield first_start
            yield from wrappings(sample)
            yield from look_at(settings, sample)
    except (ProbeError, SecretError) as error:
        yield _unusable("source", source.bootstrap_servers, error)


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


def kafka_dead_letters(letters: KafkaDeadLetters) -> Iterator[Finding]:
    """Yield what is found of the topic for dead letters."""
    try:
        with Probe(letters) as probe:
            partitions = probe.partitions(letters.topic)
    except (ProbeError, SecretError) as error:
        yield _unusable("dead_letters", letters.bootstrap_servers, error)
        return
    if partitions is None:
        yield _no_topic("dead_letters.topic", letters.topic)
    else:
        yield Finding(Mark.FINE, f"dead_letters.topic: {letters.topic} has {count(len(partitions), 'partition')}")


def _no_topic(key: str, topic: str) -> Finding:
    return Finding(Mark.FAILED, f"{key}: there is no topic {topic}", f"create it, or correct {key}")


def _unusable(table: str, servers: str, error: Exception) -> Finding:
    if isinstance(error, SecretError | PropertiesError):
        return Finding(Mark.WRONG, f"{table}.properties: {error}", "correct it")
    text = f"{table}.bootstrap_servers: no use of Kafka at {servers} ({error})"
    return Finding(Mark.FAILED, text, f"start it, or correct {table}.bootstrap_servers or {table}.properties")
