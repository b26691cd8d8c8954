"""A process that was suspended, by SIGSTOP or a machine that sleeps: nothing timed out, and nothing is sent twice."""

import signal
import time

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.stream import KEY, Identity, Stream

EVENTS = 30
TIMEOUT_SECONDS = 1

SETTINGS = """\
[source]
kind = "files"
paths = ["{archive}"]

[delivery]
endpoint = "{url}"
timeout_seconds = {timeout_seconds}
retry_minutes = {retry_minutes}

[dead_letters]
kind = "files"
directory = "letters"

[state]
directory = "state"

[health]
port = 0

[[sync]]
name = "production"
enabled = true
ios_app_id = "id123456789"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""


def _configure(stream: Stream, url: str, retry_minutes: float = 240) -> None:
    archive = stream.directory / "events.json"
    archive.write_bytes(
        b"\n".join(
            orjson.dumps(
                {
                    "event_type": "Order Completed",
                    "user_id": f"user-{number}",
                    "insert_id": f"insert-{number}",
                    "time": time.time_ns() // 1_000_000,
                    "platform": "iOS",
                    "user_properties": {"appsflyer_id": f"1700000000000-{1_000_000 + number}"},
                }
            )
            for number in range(EVENTS)
        )
    )
    stream.configure(
        SETTINGS.format(archive=archive, url=url, timeout_seconds=TIMEOUT_SECONDS, retry_minutes=retry_minutes)
    )


def test_answers_that_came_while_it_was_stopped_are_read_and_nothing_is_sent_twice(
    stream: Stream, adds_up: Identity
) -> None:
    """It is stopped for longer than `timeout_seconds`, with every request under way and every answer in its sockets."""
    with SandboxServer.in_thread(keys=(KEY,), faults={"rule": [{"delay_ms": 500.0}]}) as sandbox:
        _configure(stream, sandbox.url)
        run = stream.start()
        sandbox.wait_until(lambda counts: bool(counts["requests"] >= EVENTS), 60)
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(3 * TIMEOUT_SECONDS)
        run.process.send_signal(signal.SIGCONT)
        assert run.wait() == 0, run.log
        assert len(sandbox.requests) == EVENTS
    adds_up(run.summary)
    assert run.summary["syncs"]["production"]["delivered"] == EVENTS


def test_the_time_for_which_it_was_stopped_gives_no_event_up(stream: Stream, adds_up: Identity) -> None:
    """One event fails alone before the stop, which is longer than `retry_minutes`, and passes after it."""
    plan = {"rule": [{"customer_user_id": "user-7", "attempt": [1, 2, 3], "status": 503}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=plan) as sandbox:
        _configure(stream, sandbox.url, retry_minutes=0.08)
        run = stream.start()
        sandbox.wait_until(lambda counts: bool(counts["requests"] >= EVENTS), 60)
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(6)
        run.process.send_signal(signal.SIGCONT)
        assert run.wait() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["production"]["delivered"] == EVENTS
