"""One app's trouble never stops another app's events, however many of its own wait."""

from collections.abc import Callable
from typing import Any

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import settings_text
from tests.fixtures.stream import KEY, Stream

AddsUp = Callable[[dict[str, Any]], None]

EVENTS = 3000
IOS, ANDROID = "id123456789", "com.example.trailmix"


def _event(number: int) -> bytes:
    ios = number % 2 == 0
    return orjson.dumps(
        {
            "event_type": "Order Completed",
            "user_id": f"user-{number}",
            "insert_id": f"insert-{number}",
            "platform": "iOS" if ios else "Android",
            "os_version": "17",
            "user_properties": {
                "appsflyer_id": f"1700000000000-{number:07d}" if ios else f"1700000000000-{number:019d}"
            },
        }
    )


def _configure(stream: Stream, sandbox: SandboxServer) -> None:
    (stream.directory / "sample.zip").write_bytes(b"\n".join(map(_event, range(1, EVENTS + 1))))
    text = settings_text("sample.zip", sandbox.url, "state", "dead-letters", "env:APPSFLYER_S2S_KEY")
    stream.configure(text.replace("[delivery]\n", "[delivery]\nmax_pending = 200\nmax_in_flight = 50\n"))


def test_the_other_apps_events_all_arrive_while_one_app_is_down_and_then_its_own(
    stream: Stream, adds_up: AddsUp
) -> None:
    """With room for 200 events and 1,500 of a broken app in the way, the other app's 1,500 all arrive first."""
    broken = {"rule": [{"app_id": IOS, "status": 503}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=broken) as sandbox:
        _configure(stream, sandbox)
        run = stream.start_recovering()
        sandbox.wait_until(lambda counts: counts["accepted_bodies"] >= EVENTS // 2, timeout_seconds=60)
        assert not any(request["status"] == 200 for request in sandbox.requests if request["app_id"] == IOS)
        sandbox.set_faults({})
        assert run.wait() == 0, run.log
        counts = sandbox.summary()
    adds_up(run.summary)
    assert run.summary["syncs"]["trailmix"]["delivered"] == counts["accepted_bodies"] == EVENTS
    assert counts["accepted"] == counts["accepted_bodies"]


def test_what_was_set_aside_outlives_a_stop_and_a_crash(stream: Stream, adds_up: AddsUp) -> None:
    """A stop and then a kill while a thousand events of a broken app wait on disk: none is lost, none sent twice."""
    with SandboxServer.in_thread(keys=(KEY,), faults={"rule": [{"app_id": IOS, "status": 503}]}) as sandbox:
        _configure(stream, sandbox)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        stream.configure(settings.replace("[delivery]\n", "[delivery]\ndrain_seconds = 0\n"))
        first = stream.start_recovering()
        sandbox.wait_until(lambda counts: counts["accepted_bodies"] >= EVENTS // 2, timeout_seconds=60)
        assert first.stop() == 0, first.log
        adds_up(first.summary)
        pending = first.summary["syncs"]["trailmix"]["pending"]
        assert pending == EVENTS // 2
        second = stream.start_recovering()
        sandbox.wait_until(lambda _counts: "probing" in second.log or second.process.poll() is not None)
        second.kill()
        sandbox.set_faults({})
        third = stream.start_recovering()
        assert third.wait() == 0, third.log
        counts = sandbox.summary()
    adds_up(third.summary)
    assert counts["accepted_bodies"] == EVENTS
    assert counts["accepted"] == EVENTS
