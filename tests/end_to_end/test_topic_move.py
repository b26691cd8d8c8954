"""The stream moves to another topic: identities and what was delivered come along, and it can move back."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.events import appsflyer_id, order, produce
from tests.fixtures.settings import kafka_source, settings_text
from tests.fixtures.stream import Run, Stream

pytestmark = pytest.mark.kafka

MakeTopic = Callable[..., str]


def _orders(numbers: range, *, telling: bool = False) -> list[dict[str, Any]]:
    """Return orders of ten users, whose AppsFlyer ids are known or not."""
    ids = [{"appsflyer_id": appsflyer_id(number)} if telling else None for number in range(10)]
    return [order(each, user_id=f"user-{each % 10}", user_properties=ids[each % 10]) for each in numbers]


def _arrived(sandbox: SandboxServer) -> list[int]:
    return sorted(each["event_value"]["number"] for each in sandbox.requests)


def _move(stream: Stream, run: Run, topic: str, other: str) -> None:
    settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
    stream.configure(settings.replace(f'topic = "{topic}"', f'topic = "{other}"'))
    run.process.send_signal(signal.SIGHUP)


def test_a_move_takes_identities_along_and_sends_nothing_twice(
    stream: Stream, kafka: str, make_topic: MakeTopic, tmp_path: Path
) -> None:
    """By SIGHUP, to a topic with more partitions that repeats the old one's end; and back again, where it had been."""
    old, new = make_topic(partitions=2), make_topic(partitions=3)
    produce(kafka, old, _orders(range(100), telling=True))
    with SandboxServer.in_thread(tls=tmp_path / "tls") as sandbox:
        delivery = {"endpoint": sandbox.url, "ca_file": str(sandbox.ca_file)}
        stream.configure(settings_text(kafka_source(kafka, old), delivery=delivery))
        run = stream.start("-m", "flows", "run")
        sandbox.wait_until(lambda counts: counts["accepted"] >= 100, timeout_seconds=60)
        produce(kafka, new, _orders(range(50, 150)))
        _move(stream, run, old, new)
        sandbox.wait_until(lambda counts: counts["accepted"] >= 150 or run.process.poll() is not None, 60)
        produce(kafka, old, _orders(range(150, 200)))
        _move(stream, run, new, old)
        sandbox.wait_until(lambda counts: counts["accepted"] >= 200 or run.process.poll() is not None, 60)
        assert run.process.poll() is None, run.log
        assert run.stop() == 0, run.log
        assert _arrived(sandbox) == list(range(200))
    assert run.log.count('"begun_from": "state"') >= 2, "where it moved back to, it goes on"
    assert run.summary["syncs"]["production"]["dead_lettered"] == {}


def test_a_store_that_cannot_be_read_is_refused_with_its_name(stream: Stream, kafka: str, topic: str) -> None:
    stream.configure(settings_text(kafka_source(kafka, topic), delivery={"endpoint": "http://127.0.0.1:9"}))
    store = stream.directory / "state" / "recovery"
    store.mkdir(parents=True)
    (store / "part-0.sqlite3").write_bytes(b"not a database" * 1000)
    run = stream.start("-m", "flows", "run")
    assert run.wait() == 2
    assert "state.directory: " in run.log
    assert "recovery" in run.log
    assert "«Damaged state»" in run.log
    assert "not a database" in run.log
