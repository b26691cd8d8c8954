"""Events that wait for an identifier while the stream is down: the time does not count, and what came is read first."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.events import produce
from tests.fixtures.settings import kafka_source, settings_text, sync_table
from tests.fixtures.stream import Identity, Stream

pytestmark = pytest.mark.kafka

HOLD_SECONDS = 4.0
ID = "1700000000000-1234567"


def _teaches(user: str) -> dict[str, Any]:
    set_to = {"$set": {"appsflyer_id": ID}}
    return {"event_type": "$identify", "user_id": user, "platform": "iOS", "user_properties": set_to}


def _event(name: str, user: str) -> dict[str, Any]:
    return {"event_type": name, "user_id": user, "platform": "iOS"}


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
        stream.configure(
            settings_text(
                kafka_source(kafka, topic),
                sync_table(event=[{"name": "Order"}]),
                identity={"hold_seconds": HOLD_SECONDS},
                delivery={"endpoint": sandbox.url},
                state={},
            )
        )
        arguments = ("-w", str(workers)) if workers > 1 else ()
        produce(kafka, topic, [_teaches("known")], 0)
        run = stream.start_recovering(*arguments)
        produce(kafka, topic, [_event("Order", "known")], 0)
        sandbox.wait_until(lambda counts: counts["requests"] >= 1, timeout_seconds=60)
        held_at = time.monotonic()
        produce(kafka, topic, (_event("Order", user) for user in [*waiting, "nobody"]), 0)
        produce(kafka, topic, [_event("Order", "known")], 0)
        sandbox.wait_until(lambda counts: counts["requests"] >= 2, timeout_seconds=60)
        assert run.stop() == 0, run.log
        assert run.summary["syncs"]["production"]["pending"] == len(waiting) + 1

        others = [_event("Open", f"other-{number}") for number in range(5000)]
        produce(kafka, topic, [*others, *map(_teaches, waiting)], 3)
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
    fates = run.summary["syncs"]["production"]
    assert fates["delivered"] == len(waiting)
    assert fates["dead_lettered"] == {"no_appsflyer_id": 1}
    assert fates["pending"] == 0
