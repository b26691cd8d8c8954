"""Any topic through the real command to one keyed by user: nothing lost, the order of each user, headers and times."""

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Sequence

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.fixtures.stream import Stream
from tests.fixtures.topics import (
    BEGUN_MS,
    PARTITIONS,
    SETTINGS,
    Kept,
    Topics,
    as_sorted,
    await_committed,
    by_user,
    committed,
    event,
    expected,
    firsts,
    java_partition,
    orders,
    settled,
    start,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

MakeTopic = Callable[..., str]


def test_the_partitioner_is_javas() -> None:
    """The hashes that Apache Kafka's own UtilsTest has."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    for key, hashed in known.items():
        assert java_partition(key, 1 << 31) == hashed & 0x7FFFFFFF


def test_order_keys_headers_times_and_bytes(stream: Stream, topics: Topics) -> None:
    """Every record is as it was, apart from its key and place; a clean stop and a second start write nothing twice."""
    records = orders(4000, users=50)
    topics.produce(records)
    run = start(stream, topics)
    topics.await_written(4000, run)
    assert run.stop() == 0, run.log
    stored = topics.stored()
    assert as_sorted(stored) == as_sorted(expected(records))
    assert by_user(stored) == by_user(expected(records))
    assert run.summary == {
        "read": 4000,
        "split": 0,
        "empty": 0,
        "keyed_by": {"user": 4000, "device": 0, "own_key": 0},
        "written": 4000,
        "pending": 0,
    }
    more = orders(100, users=50, first=4000)
    topics.produce(more)
    again = start(stream, topics)
    topics.await_written(4100, again)
    assert again.stop() == 0, again.log
    assert by_user(topics.stored()) == by_user(expected(records + more))


def test_bodies_are_split_and_what_cannot_be_read_goes_on_as_it_is(stream: Stream, topics: Topics) -> None:
    """Upload bodies of several users, devices, tombstones and junk: each is written, and the API key is not."""
    body = {
        "api_key": "0123-the-projects-key",
        "events": [event("ada", 1), event("bob", 2), event(None, 3, "phone"), 7, event("ada", 4)],
    }
    headers: list[tuple[str, bytes | None]] = [("trace", b"1")]
    records = [
        Kept(0, None, json.dumps(body).encode(), headers, BEGUN_MS),
        Kept(1, b"server-7", json.dumps(body).encode(), headers, BEGUN_MS),
        Kept(2, b"server-7", b'{"api_key": "0123-the-projects-key", "events": []}', [], BEGUN_MS),
        Kept(2, b"gone", None, headers, BEGUN_MS + 1),
        Kept(2, None, None, [], BEGUN_MS + 2),
        Kept(2, b"", b"junk", headers, BEGUN_MS + 3),
        Kept(2, None, b"\xff\xfe", headers, BEGUN_MS + 4),
        Kept(2, b"k", b'{"user_id": "ada"}', headers, BEGUN_MS + 5),
        Kept(2, None, json.dumps(event(None, 6, "tablet")).encode(), headers, BEGUN_MS + 6),
    ]
    topics.produce(records)
    run = start(stream, topics)
    topics.await_written(16, run)
    assert run.stop() == 0, run.log
    stored = topics.stored()

    def placeless(every: Sequence[Kept]) -> list[str]:
        """Without a key any partition will do."""
        return as_sorted([each._replace(partition=0) if each.key is None else each for each in every])

    assert placeless(stored) == placeless(expected(records))
    assert all(b"0123-the-projects-key" not in (each.value or b"") for each in stored)
    assert run.summary == {
        "read": 9,
        "split": 2,
        "empty": 1,
        "keyed_by": {"user": 6, "device": 3, "own_key": 7},
        "written": 16,
        "pending": 0,
    }
    assert "0123-the-projects-key" not in run.log + run.output
    assert "ada" not in run.log


@pytest.mark.parametrize(
    ("count", "ends"),
    [
        (15_000, ["stop", "kill"]),
        pytest.param(60_000, [*["stop"] * 3, "kill", "kill and lose the store", "kill"], marks=pytest.mark.slow),
    ],
    ids=["two ends", "six ends"],
)
def test_kills_lose_nothing_and_keep_the_order_and_stops_write_nothing_twice(
    stream: Stream, topics: Topics, count: int, ends: list[str]
) -> None:
    """Ends under load; after one of them the store is lost, too.

    A kill writes twice what it had written and not committed yet, at the most; the first times are in order. The stops
    come first, so that what is there twice after them would be theirs.
    """
    records = orders(count, users=200)
    topics.produce(records)
    rng = random.Random(7)
    written = copies_allowed = 0
    for end in ends:
        run = start(stream, topics)
        topics.await_written(written + 2000, run)
        time.sleep(rng.uniform(0, 0.05))
        if end == "stop":
            assert run.stop() == 0, run.log
            assert run.summary["pending"] == 0
            written = settled(topics)
            assert written == committed(topics) == len({each.value for each in topics.stored()})
        else:
            run.kill()
            written = settled(topics)
            copies_allowed = written - committed(topics)
        assert committed(topics) < count, "nothing was left to lose"
        if end == "kill and lose the store":
            shutil.rmtree(stream.directory / "state")
    last = start(stream, topics)
    await_committed(topics, count, last)
    assert last.stop() == 0, last.log
    stored = topics.stored()
    assert {user: firsts(values) for user, values in by_user(stored).items()} == by_user(expected(records))
    assert 0 < len(stored) - count <= copies_allowed


def test_two_workers_keep_the_order(stream: Stream, topics: Topics) -> None:
    """`-w 2`, without a recovery store: the group's offsets are enough for the second start."""
    names = {"STREAM_REKEY_TO": topics.target}
    records = orders(9000, users=60)
    topics.produce(records[:6000])
    command = ("-m", "bytewax.run", "flows.rekey", "-w", "2")
    run = stream.start(*command, environment=names)
    topics.await_written(2000, run)
    assert run.stop() == 0, run.log
    topics.produce(records[6000:])
    again = stream.start(*command, environment=names)
    topics.await_written(9000, again)
    assert again.stop() == 0, again.log
    assert by_user(topics.stored()) == by_user(expected(records))


def test_slices_share_a_topic(stream: Stream, topics: Topics) -> None:
    """Two slices, then three: another number begins at the group's offsets."""
    records = orders(6000, users=60)
    topics.produce(records[:3000])
    for slices, count in ((2, 3000), (3, 6000)):
        runs = [start(stream, topics, "--slice", f"{index}/{slices}") for index in range(slices)]
        topics.await_written(count, runs[0])
        for run in runs:
            assert run.stop() == 0, run.log
        if slices == 2:
            topics.produce(records[3000:])
    assert by_user(topics.stored()) == by_user(expected(records))


def test_a_number_of_slices_that_was_used_before_is_refused_until_its_position_is_removed(
    stream: Stream, topics: Topics
) -> None:
    """One slice, then two, then one: its position is older than the group's. Without it nothing is copied twice."""
    records = orders(300, users=30)
    for batch, slices in ((slice(0, 100), 1), (slice(100, 200), 2)):
        topics.produce(records[batch])
        flags = [["--slice", f"{index}/2"] for index in range(2)] if slices == 2 else [[]]
        runs = [start(stream, topics, *each) for each in flags]
        topics.await_written(batch.stop, runs[0])
        for run in runs:
            assert run.stop() == 0, run.log
    topics.produce(records[200:])
    refused = start(stream, topics)
    assert refused.wait() == 2, refused.log
    log = " ".join(refused.log.split())
    assert "Another number of slices, or a newer copy of this state, has read on since" in log
    assert "the stream" not in log
    named = re.search(r"Remove (\S+/recovery),", log)
    assert named is not None, log
    shutil.rmtree(named[1])
    again = start(stream, topics)
    topics.await_written(300, again)
    assert again.stop() == 0, again.log
    assert as_sorted(topics.stored()) == as_sorted(expected(records))


def test_partitions_that_are_added_to_the_source_are_read(
    stream: Stream, topics: Topics, kafka_admin: AdminClient
) -> None:
    """It restarts by itself, and writes nothing twice."""
    text = SETTINGS.format(bootstrap=topics.bootstrap, topic=topics.source)
    stream.configure(text.replace("[source]\n", "[source]\nwatch_partitions_seconds = 1\n"))
    records = orders(300, users=30)
    topics.produce(records)
    run = start(stream, topics)
    topics.await_written(300, run)
    grown = kafka_admin.create_partitions([NewPartitions(topics.source, PARTITIONS + 1)])
    grown[topics.source].result(timeout=20)
    run.wait_for_log("restarting")
    added = [each._replace(partition=PARTITIONS) for each in orders(50, users=1, first=300)]
    topics.produce(added)
    topics.await_written(350, run)
    assert run.stop() == 0, run.log
    assert as_sorted(topics.stored()) == as_sorted(expected(records + added))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--to", "absent"], "--to: there is no topic 'absent' at"),
        (["--to", "{source}"], "'{source}' would be read and written; name another topic with --to or --from"),
        ([], "say which topic to write: --to TOPIC"),
        (["--to", "{compacted}"], "the topic is compacted"),
        (["--from", "absent"], "source.topic: there is no topic 'absent' at"),
        (["--to", "{target}", "--slice", "3/4"], "so slice 3 of 4 has none to read"),
        (["--to", "{target}", "--slice", "2/2"], "expected i/N with i from 0 to N-1"),
    ],
)
def test_what_cannot_be_is_refused(
    stream: Stream, topics: Topics, make_topic: MakeTopic, flags: list[str], said: str
) -> None:
    """Exit 2, what is wrong and what to do; nothing is written."""
    compacted = make_topic(cleanup_policy="compact")
    names = {"source": topics.source, "target": topics.target, "compacted": compacted}
    run = stream.start("-m", "flows", "rekey", *(each.format(**names) for each in flags))
    assert run.wait() == 2
    assert said.format(**names) in run.log
    assert sum(topics.ends(topics.target)) == 0


def test_bytewax_clusters_are_refused(stream: Stream, topics: Topics) -> None:
    """In whatever form the flags come: `unit/runtime/test_engine.py`."""
    names = {"STREAM_REKEY_TO": topics.target}
    run = stream.start("-m", "bytewax.run", "flows.rekey", "-i", "0", "-a", "x:1", environment=names)
    assert run.wait() == 2
    assert "rekey --slice i/N" in run.log


def test_a_summary_that_cannot_be_written_is_refused_at_the_start(stream: Stream) -> None:
    """Not at the end, after hours of copying. Kafka is not asked for."""
    stream.configure(SETTINGS.format(bootstrap="127.0.0.1:9", topic="read"))
    place = str(stream.directory / "not-there" / "summary.json")
    run = stream.start("-m", "flows", "rekey", "--to", "written", environment={"STREAM_SUMMARY": place})
    assert run.wait() == 2
    assert f"STREAM_SUMMARY: found {place!r}, but its directory is not there" in run.log


def test_a_second_one_on_the_same_topics_is_refused(stream: Stream, topics: Topics) -> None:
    """It would write everything a second time. The first goes on."""
    topics.produce(orders(10, users=5))
    first = start(stream, topics)
    topics.await_written(10, first)
    second = start(stream, topics)
    assert second.wait() == 2
    assert "in use by another process" in second.log
    assert first.stop() == 0


def test_a_stop_while_it_waits_for_kafka_is_clean(stream: Stream) -> None:
    stream.configure(SETTINGS.format(bootstrap="127.0.0.1:9", topic="read"))
    run = stream.start("-m", "flows", "rekey", "--to", "written")
    run.wait_for_log("waiting for kafka")
    assert run.stop() == 0
    assert "stopped while waiting for Kafka" in run.log
