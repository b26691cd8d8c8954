"""Events that wait for an identifier while the stream is down: the time does not count, and what came is read first."""

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.stream import Identity, Stream

pytestmark = pytest.mark.kafka

HOLD_SECONDS = 4.0
ID = "1700000000000-1234567"
SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "{bootstrap}"
topic = "{topic}"
group_id = "{topic}-group"

[identity]
hold_seconds = {hold_seconds}

[delivery]
endpoint = "{url}"

[dead_letters]
kind = "files"
directory = "letters"

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


def _produce(bootstrap: str, topic: str, partition: int, *events: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for each in events:
        producer.produce(topic, orjson.dumps({"platform": "iOS", **each}), partition=partition)
    assert producer.flush(30) == 0


def _teaches(user: str) -> dict[str, Any]:
    return {"event_type": "$identify", "user_id": user, "user_properties": {"$set": {"appsflyer_id": ID}}}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_came_while_it_was_down_is_read_before_anything_is_given_up(
    stream: Stream, kafka: str, make_topic: Callable[..., str], adds_up: Identity, workers: int
) -> None:
    """On whatever partition, and behind however much. What nobody teaches is given up after the rest of its time.

    Longer than `hold_seconds` before anything is read again.
    """
    topic = make_topic(partitions=4)
    waiting = [f"user-{number}" for number in range(8)]  # in all shards
    with SandboxServer.in_thread() as sandbox:
        stream.configure(SETTINGS.format(bootstrap=kafka, topic=topic, url=sandbox.url, hold_seconds=HOLD_SECONDS))
        arguments = ("-w", str(workers)) if workers > 1 else ()
        _produce(kafka, topic, 0, _teaches("known"))
        run = stream.start_recovering(*arguments)
        _produce(kafka, topic, 0, {"event_type": "Order", "user_id": "known"})
        sandbox.wait_until(lambda counts: counts["requests"] >= 1, timeout_seconds=60)
        held_at = time.monotonic()
        _produce(kafka, topic, 0, *({"event_type": "Order", "user_id": user} for user in [*waiting, "nobody"]))
        _produce(kafka, topic, 0, {"event_type": "Order", "user_id": "known"})
        sandbox.wait_until(lambda counts: counts["requests"] >= 2, timeout_seconds=60)
        assert run.stop() == 0, run.log
        assert run.summary["syncs"]["production"]["pending"] == len(waiting) + 1

        others = [{"event_type": "Open", "user_id": f"other-{number}"} for number in range(5000)]
        _produce(kafka, topic, 3, *others, *map(_teaches, waiting))
        while time.monotonic() < held_at + HOLD_SECONDS:
            time.sleep(0.1)
        run = stream.start_recovering(*arguments)
        sandbox.wait_until(lambda counts: counts["requests"] >= 2 + len(waiting), timeout_seconds=60)
        end = time.monotonic() + 60
        while not list(stream.directory.glob("letters/*.ndjson")):
            assert time.monotonic() < end, run.log
            time.sleep(0.05)
        assert run.stop() == 0, run.log
    adds_up(run.summary)
    sync = run.summary["syncs"]["production"]
    assert sync["delivered"] == len(waiting)
    assert sync["dead_lettered"] == {"no_appsflyer_id": 1}
    assert sync["pending"] == 0
