"""A copy whose source, target or state is not what it was: nothing is left out, and nothing is written twice."""

import shutil
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.fixtures.kafka import make_again
from tests.fixtures.stream import Run, Stream
from tests.fixtures.topics import (
    PARTITIONS,
    SETTINGS,
    Topics,
    as_sorted,
    await_committed,
    by_user,
    expected,
    orders,
    settled,
    start,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def copied(stream: Stream, topics: Topics, count: int) -> Run:
    """Copy until so many records of the source are behind it, and stop."""
    run = start(stream, topics)
    await_committed(topics, count, run)
    assert run.stop() == 0, run.log
    return run


def state_of(stream: Stream, topics: Topics) -> Path:
    return stream.directory / "state" / "rekey" / topics.source / topics.target


def test_a_source_made_again_is_copied_from_its_first_record(
    stream: Stream, topics: Topics, kafka_admin: AdminClient
) -> None:
    """It is filled beyond the old position."""
    old, new = orders(300, users=30), orders(900, users=30, first=300)
    topics.produce(old)
    copied(stream, topics, 300)
    make_again(kafka_admin, topics.source, PARTITIONS)
    topics.produce(new)
    run = start(stream, topics)
    topics.await_written(1200, run)
    assert run.stop() == 0, run.log
    assert "the topic was deleted and made again" in run.log
    assert as_sorted(topics.stored()) == as_sorted(expected(old + new))
    assert by_user(topics.stored()) == by_user(expected(old + new))


def test_a_target_made_again_is_refused_with_a_choice(stream: Stream, topics: Topics, kafka_admin: AdminClient) -> None:
    topics.produce(orders(300, users=30))
    copied(stream, topics, 300)
    make_again(kafka_admin, topics.target, 5)
    topics.produce(orders(30, users=30, first=300))
    run = start(stream, topics)
    assert run.wait() == 2
    assert f"--to: '{topics.target}' was deleted and made again" in run.log
    assert settled(topics) == 0
    kept = state_of(stream, topics) / "target.json"
    assert str(kept) in run.log
    kept.unlink()  # one choice: to go on behind what was copied before
    run = start(stream, topics)
    topics.await_written(30, run)
    assert run.stop() == 0, run.log
    assert settled(topics) == 30


def test_a_target_made_again_while_it_is_written_ends_it(
    stream: Stream, topics: Topics, kafka_admin: AdminClient
) -> None:
    text = SETTINGS.format(bootstrap=topics.bootstrap, topic=topics.source)
    stream.configure(text.replace("[state]", "watch_partitions_seconds = 1\n[state]"))
    topics.produce(orders(300, users=30))
    run = start(stream, topics)
    await_committed(topics, 300, run)
    make_again(kafka_admin, topics.target, 5)
    assert run.wait() == 1
    assert "was deleted and made again" in run.log or "The topic was removed" in run.log
    run = start(stream, topics)
    assert run.wait() == 2
    assert "was deleted and made again" in run.log


def test_a_target_that_has_grown_since_is_told(stream: Stream, topics: Topics, kafka_admin: AdminClient) -> None:
    topics.produce(orders(30, users=30))
    copied(stream, topics, 30)
    kafka_admin.create_partitions([NewPartitions(topics.target, 7)])[topics.target].result(timeout=20)
    topics.produce(orders(30, users=30, first=30))
    run = copied(stream, topics, 60)
    assert "the target has new partitions since the last start, so that keys have moved" in run.log


def test_an_older_state_is_refused_with_a_choice(stream: Stream, topics: Topics) -> None:
    topics.produce(orders(300, users=30))
    copied(stream, topics, 300)
    state = state_of(stream, topics)
    shutil.copytree(state, stream.directory / "yesterday")
    topics.produce(orders(300, users=30, first=300))
    copied(stream, topics, 600)
    shutil.rmtree(state)
    shutil.copytree(stream.directory / "yesterday", state)
    run = start(stream, topics)
    assert run.wait() == 2
    assert "older than what the group has committed" in run.log
    assert settled(topics) == 600
    shutil.rmtree(state)
    topics.produce(orders(30, users=30, first=600))
    copied(stream, topics, 630)
    assert settled(topics) == 630


def test_a_second_process_with_another_state_directory_is_refused(stream: Stream, topics: Topics) -> None:
    topics.produce(orders(300, users=30))
    first = start(stream, topics)
    await_committed(topics, 300, first)
    text = SETTINGS.format(bootstrap=topics.bootstrap, topic=topics.source)
    stream.configure(text.replace("[state]", '[state]\ndirectory = "elsewhere"'))
    second = start(stream, topics)
    assert second.wait() == 2
    assert "another process reads for this group" in second.log
    topics.produce(orders(30, users=30, first=300))
    await_committed(topics, 330, first)
    assert first.stop() == 0, first.log
    assert settled(topics) == 330
