"""A real Kafka topic through the real command to a stand-in AppsFlyer over TLS."""

import gzip
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import Sample, generate, settings_text
from tests.fixtures.stream import KEY, Run, Stream

pytestmark = pytest.mark.kafka

PARTITIONS = 4
MakeTopic = Callable[..., str]
AddsUp = Callable[[dict[str, Any]], None]


def _produce(bootstrap: str, topic: str, sample: Sample) -> int:
    """Produce every line of the sample, keyed by user, else device; return how many there are."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    count = 0
    for _, content in sample.members:
        for line in gzip.decompress(content).split(b"\n"):
            if not line.strip():
                continue
            try:
                event = orjson.loads(line)
                key = str(event.get("user_id") or event.get("device_id"))
            except (orjson.JSONDecodeError, AttributeError):
                key = ""
            producer.produce(topic, line, key)
            producer.poll(0)
            count += 1
    assert producer.flush(30) == 0
    return count


def _configure(stream: Stream, bootstrap: str, topic: str, letters: str, sandbox: SandboxServer) -> None:
    text = settings_text("unused", sandbox.url, "state", "unused", "env:APPSFLYER_S2S_KEY")
    text = text.replace(
        'kind = "files"\npaths = ["unused"]',
        f'kind = "kafka"\nbootstrap_servers = "{bootstrap}"\ntopic = "{topic}"\ngroup_id = "{topic}-group"',
    ).replace('kind = "files"\ndirectory = "unused"', f'kind = "kafka"\ntopic = "{letters}"')
    stream.configure(text.replace("[delivery]\n", f'[delivery]\nca_file = "{sandbox.ca_file}"\n'))


def _delivered(sandbox: SandboxServer, count: int) -> None:
    sandbox.wait_until(lambda counts: counts["unique_bodies"] >= count, timeout_seconds=60)


def _requests(least: int) -> Callable[[dict[str, Any]], bool]:
    return lambda counts: bool(counts["requests"] >= least)


def _letters(bootstrap: str, topic: str, count: int) -> list[dict[str, Any]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "letters", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    letters: list[dict[str, Any]] = []
    while len(letters) < count:
        message = consumer.poll(20)
        assert message is not None, f"{len(letters)} of {count} dead letters"
        headers = {name: value.decode() for name, value in cast("list[tuple[str, bytes]]", message.headers())}
        letters.append({"value": message.value(), "headers": headers})
    assert consumer.poll(0.3) is None
    consumer.close()
    return letters


def _committed(bootstrap: str, topic: str, group: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    partitions = consumer.committed([TopicPartition(topic, each) for each in range(PARTITIONS)], timeout=20)
    consumer.close()
    return [each.offset for each in partitions]


def _ends(bootstrap: str, topic: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends"})
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, each), 20)[1] for each in range(PARTITIONS)]
    consumer.close()
    return ends


def _total(runs: list[Run], name: str) -> int:
    return sum(run.summary["syncs"]["trailmix"][name] for run in runs)


def test_events_arrive_once_over_tls_and_the_rest_is_accounted_for(
    stream: Stream, kafka: str, make_topic: MakeTopic, adds_up: AddsUp, tmp_path: Path
) -> None:
    """Kafka → `python -m bytewax.run flows.stream` → TLS: the requests, the summary and the dead letters agree."""
    topic, letters = make_topic(partitions=PARTITIONS), make_topic()
    sample = generate(events=3000, users=150, end=datetime.now(UTC))
    produced = _produce(kafka, topic, sample)
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls") as sandbox:
        _configure(stream, kafka, topic, letters, sandbox)
        run = stream.start_recovering()
        expected = sample.expected.summary()["syncs"]["trailmix"]
        _delivered(sandbox, expected["delivered"])
        assert run.stop() == 0, run.log
        counts = sandbox.summary()
    adds_up(run.summary)
    assert run.summary["read"] == produced == sample.expected.read
    sync = run.summary["syncs"]["trailmix"]
    assert sync["delivered"] == counts["unique_bodies"] == expected["delivered"]
    assert counts["duplicate_bodies"] == 0
    assert sync["duplicate"] == expected["duplicate"]
    assert sync["filtered"] == expected["filtered"]
    # What nobody has identified yet stays held at a stop; it is neither lost nor given up.
    assert sync["pending"] == expected["dead_lettered"]["no_appsflyer_id"]
    refused = run.summary["refused"]
    stored = _letters(kafka, letters, sum(refused.values()))
    assert Counter(letter["headers"]["reason"] for letter in stored) == Counter(refused)
    assert all(letter["headers"]["topic"] == topic for letter in stored)


def test_a_killed_stream_goes_on_from_its_store_and_loses_nothing(
    stream: Stream, kafka: str, make_topic: MakeTopic
) -> None:
    """Kill -9 twice under load: everything arrives, and no more is repeated than was in flight."""
    topic, letters = make_topic(partitions=PARTITIONS), make_topic()
    sample = generate(events=12_000, users=600, end=datetime.now(UTC))
    _produce(kafka, topic, sample)
    expected = sample.expected.summary()["syncs"]["trailmix"]["delivered"]
    with SandboxServer.in_thread(tls=stream.directory / "tls", faults={"rule": [{"delay_ms": 50.0}]}) as sandbox:
        _configure(stream, kafka, topic, letters, sandbox)
        for least in (200, 1000):
            run = stream.start_recovering()
            sandbox.wait_until(_requests(least), timeout_seconds=60)
            run.kill()
        last = stream.start_recovering()
        _delivered(sandbox, expected)
        assert last.stop() == 0, last.log
        counts = sandbox.summary()
    assert counts["unique_bodies"] == expected
    assert counts["duplicate_bodies"] <= 2 * 256


def test_without_a_store_a_restart_begins_at_the_groups_offsets(
    stream: Stream, kafka: str, make_topic: MakeTopic
) -> None:
    """Without -r a clean stop commits the low watermark; the next start reads exactly the rest."""
    topic, letters = make_topic(partitions=PARTITIONS), make_topic()
    sample = generate(events=12_000, users=600, end=datetime.now(UTC))
    _produce(kafka, topic, sample)
    with SandboxServer.in_thread(tls=stream.directory / "tls", faults={"rule": [{"delay_ms": 200.0}]}) as sandbox:
        _configure(stream, kafka, topic, letters, sandbox)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        settings = settings.replace("[delivery]\n", "[delivery]\nmax_pending = 400\n")
        stream.configure(settings + "\n[identity]\nhold_seconds = 0\n")
        first = stream.start()
        sandbox.wait_until(lambda counts: counts["requests"] >= 50, timeout_seconds=60)
        assert first.stop() == 0, first.log
        assert "no recovery store" in first.log
        assert first.summary["read"] < sample.expected.read
        second = stream.start()
        sandbox.wait_until(
            lambda _counts: _committed(kafka, topic, f"{topic}-group") == _ends(kafka, topic), timeout_seconds=60
        )
        assert second.stop() == 0, second.log
        counts = sandbox.summary()
    assert first.summary["read"] + second.summary["read"] == sample.expected.read
    # Which insert_ids were taken is forgotten with everything else that is remembered, so that of the sample's own
    # duplicates those that the restart separates arrive twice; nothing else does.
    separated = sample.expected.summary()["syncs"]["trailmix"]["duplicate"] - _total([first, second], "duplicate")
    assert counts["duplicate_bodies"] <= separated
    assert counts["accepted"] == _total([first, second], "delivered")


def test_new_partitions_are_taken_in_by_a_clean_restart_of_itself(
    stream: Stream, kafka: str, make_topic: MakeTopic, kafka_admin: AdminClient
) -> None:
    """The process notices partitions that were added, stops cleanly and begins again with them, under the same pid."""
    topic, letters = make_topic(partitions=1), make_topic()
    with SandboxServer.in_thread(tls=stream.directory / "tls") as sandbox:
        _configure(stream, kafka, topic, letters, sandbox)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        stream.configure(settings.replace("[source]\n", "[source]\nwatch_partitions_seconds = 1.0\n"))
        run = stream.start("-m", "flows", "run")
        first = generate(events=300, users=20, seed=1, end=datetime.now(UTC))
        _produce(kafka, topic, first)
        delivered = first.expected.summary()["syncs"]["trailmix"]["delivered"]
        _delivered(sandbox, delivered)
        kafka_admin.create_partitions([NewPartitions(topic, PARTITIONS)])[topic].result(timeout=20)
        sandbox.wait_until(lambda _counts: "restarting" in run.log, timeout_seconds=60)
        second = generate(events=300, users=20, seed=2, end=datetime.now(UTC))
        _produce(kafka, topic, second)
        _delivered(sandbox, delivered + second.expected.summary()["syncs"]["trailmix"]["delivered"])
        assert run.process.poll() is None
        assert run.stop() == 0, run.log
        assert sandbox.summary()["duplicate_bodies"] == 0


def test_a_missing_topic_is_said_at_once(stream: Stream, kafka: str) -> None:
    """A topic that is not there ends the start with exit 2, and names the topic and the key."""
    with SandboxServer.in_thread(tls=stream.directory / "tls") as sandbox:
        _configure(stream, kafka, "no-such-topic-anywhere", "letters", sandbox)
        run = stream.start()
        assert run.wait() == 2
    assert "source.topic" in run.log
    assert "no-such-topic-anywhere" in run.log


def test_an_unreachable_broker_is_waited_for_and_a_stop_ends_the_wait(stream: Stream) -> None:
    """No broker: the stream says what it waits for, and SIGTERM ends it with 0."""
    with SandboxServer.in_thread(tls=stream.directory / "tls") as sandbox:
        _configure(stream, "127.0.0.1:9", "events", "letters", sandbox)
        run = stream.start()
        sandbox.wait_until(lambda _counts: "aiting" in run.log, timeout_seconds=30)
        assert run.stop() == 0, run.log
