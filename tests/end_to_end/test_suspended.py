"""A process that was suspended, by SIGSTOP or a machine that sleeps: nothing timed out, and nothing is sent twice."""

import signal
import time

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.events import order
from tests.fixtures.settings import files_source, settings_text
from tests.fixtures.stream import KEY, Identity, Stream

EVENTS = 30
TIMEOUT_SECONDS = 4
"""A busy machine answers within it: what is late is sent again."""


def _configure(stream: Stream, url: str, retry_minutes: float = 240) -> None:
    archive = stream.directory / "events.json"
    archive.write_bytes(b"\n".join(orjson.dumps(order(number)) for number in range(EVENTS)))
    delivery = {"endpoint": url, "timeout_seconds": TIMEOUT_SECONDS, "retry_minutes": retry_minutes}
    stream.configure(settings_text(files_source(str(archive)), delivery=delivery))


def test_answers_that_came_while_it_was_stopped_are_read_and_nothing_is_sent_twice(
    stream: Stream, adds_up: Identity
) -> None:
    """It is stopped for longer than `timeout_seconds`, with every request under way and every answer in its sockets."""
    with SandboxServer.in_thread(keys=(KEY,), faults={"rule": [{"delay_ms": 500.0}]}) as sandbox:
        _configure(stream, sandbox.url)
        run = stream.start()
        sandbox.wait_until(lambda counts: bool(counts["requests"] >= EVENTS), 60)
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(TIMEOUT_SECONDS + 1)
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
