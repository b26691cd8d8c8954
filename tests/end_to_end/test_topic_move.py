"""The stream moves to another topic: identities and what was delivered come along, and it can move back."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.stream import Run, Stream

pytestmark = pytest.mark.kafka

SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{group}"

[delivery]
endpoint = "{url}"
ca_file = "{ca_file}"

[dead_letters]
kind = "files"
directory = "letters"

[state]
directory = "state"
epoch_seconds = 1

[health]
port = 0

[[sync]]
name = "production"
enabled = true
ios_app_id = "id123456789"
s2s_key = "env:APPSFLYER_S2S_KEY"

[[sync.event]]
name = "Order"
"""

MakeTopic = Callable[..., str]


def _events(numbers: range, *, telling: bool) -> Iterator[tuple[str, bytes]]:
    for number in numbers:
        user = f"user-{number % 10}"
        ids = {"appsflyer_id": f"1700000000000-{1_000_000 + number % 10}"} if telling else {}
        event: dict[str, Any] = {
            "event_type": "Order",
            "user_id": user,
            "device_id": f"d-{user}",
            "insert_id": f"i-{number}",
        }
        event |= {"platform": "iOS", "user_properties": ids, "event_properties": {"n": number}}
        yield user, orjson.dumps(event)


def _produce(bootstrap: str, topic: str, numbers: range, *, telling: bool = False) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for key, value in _events(numbers, telling=telling):
        producer.produce(topic, value, key)
    assert producer.flush(30) == 0


def _arrived(sandbox: SandboxServer) -> list[int]:
    return sorted(each["event_value"]["n"] for each in sandbox.requests)


def _move(stream: Stream, run: Run, topic: str, other: str) -> None:
    settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
    stream.configure(settings.replace(f'topic = "{topic}"', f'topic = "{other}"'))
    run.process.send_signal(signal.SIGHUP)


def test_a_move_takes_identities_along_and_sends_nothing_twice(
    stream: Stream, kafka: str, make_topic: MakeTopic, tmp_path: Path
) -> None:
    """By SIGHUP, to a topic with more partitions that repeats the old one's end; and back again, where it had been."""
    old, new = make_topic(partitions=2), make_topic(partitions=3)
    _produce(kafka, old, range(100), telling=True)
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        where = {"bootstrap": kafka, "url": sandbox.url, "ca_file": sandbox.ca_file, "group": f"{old}-group"}
        stream.configure(SETTINGS.format(topic=old, **where))
        run = stream.start("-m", "flows", "run")
        sandbox.wait_until(lambda counts: counts["accepted"] >= 100, timeout_seconds=60)
        _produce(kafka, new, range(50, 150))
        _move(stream, run, old, new)
        sandbox.wait_until(lambda counts: counts["accepted"] >= 150 or run.process.poll() is not None, 60)
        _produce(kafka, old, range(150, 200))
        _move(stream, run, new, old)
        sandbox.wait_until(lambda counts: counts["accepted"] >= 200 or run.process.poll() is not None, 60)
        assert run.process.poll() is None, run.log
        assert run.stop() == 0, run.log
        assert _arrived(sandbox) == list(range(200))
    assert run.log.count('"begun_from": "state"') >= 2, "where it moved back to, it goes on"
    assert run.summary["syncs"]["production"]["dead_lettered"] == {}


def test_a_store_that_cannot_be_read_is_refused_with_its_name(stream: Stream, kafka: str, topic: str) -> None:
    where = {"bootstrap": kafka, "url": "http://127.0.0.1:9", "ca_file": "none", "group": "g"}
    stream.configure(SETTINGS.format(topic=topic, **where).replace('ca_file = "none"\n', ""))
    store = stream.directory / "state" / "recovery"
    store.mkdir(parents=True)
    (store / "part-0.sqlite3").write_bytes(b"not a database" * 1000)
    run = stream.start("-m", "flows", "run")
    assert run.wait() == 2
    assert "state.directory: " in run.log
    assert "recovery" in run.log
    assert "«Damaged state»" in run.log
    assert "not a database" in run.log
