"""An Amplitude Export archive through the real command to a stand-in AppsFlyer."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import generate, settings_text
from tests.fixtures.letters import read_letters
from tests.fixtures.stream import KEY, Stream

AddsUp = Callable[[dict[str, Any]], None]


def _configure(stream: Stream, endpoint: str, events: int, ca_file: Path | None = None) -> dict[str, Any]:
    sample = generate(events=events, users=max(events // 20, 5), end=datetime.now(UTC))
    (stream.directory / "sample.zip").write_bytes(sample.archive())
    text = settings_text("sample.zip", endpoint, "state", "dead-letters", "env:APPSFLYER_S2S_KEY")
    if ca_file is not None:
        text = text.replace("[delivery]\n", f'[delivery]\nca_file = "{ca_file}"\n')
    stream.configure(text)
    return sample.expected.summary()


def _requests(least: int) -> Callable[[dict[str, Any]], bool]:
    return lambda counts: bool(counts["requests"] >= least)


def _matches(expected: dict[str, Any], summary: dict[str, Any]) -> None:
    assert summary["read"] == expected["read"]
    assert summary["refused"] == expected["refused"]
    for name, sync in expected["syncs"].items():
        assert {key: summary["syncs"][name][key] for key in sync} == sync


def test_every_row_of_the_archive_ends_where_the_generator_says(
    stream: Stream, adds_up: AddsUp, tmp_path: Path
) -> None:
    """The generator knows each row's fate; the summary, the sandbox and the dead letters must all agree with it."""
    with SandboxServer.in_thread(keys=(KEY,), tls=tmp_path / "tls") as sandbox:
        expected = _configure(stream, sandbox.url, 2000, sandbox.ca_file)
        run = stream.start()
        assert run.wait() == 0, run.log
        arrived = sandbox.requests
    _matches(expected, run.summary)
    adds_up(run.summary)
    sync = run.summary["syncs"]["trailmix"]
    assert sync["pending"] == 0
    assert len(arrived) == sync["delivered"]
    assert {request["status"] for request in arrived} == {200}
    assert all(request["recorded"] for request in arrived)
    reasons = Counter(letter.headers["reason"] for letter in read_letters(stream.directory / "dead-letters"))
    assert reasons == Counter(run.summary["refused"]) + Counter(sync["dead_lettered"])


def test_a_stopped_run_goes_on_where_it_was_with_nothing_lost_and_nothing_twice(
    stream: Stream, adds_up: AddsUp
) -> None:
    """SIGTERM under load: exit 0, and the next start delivers exactly the rest."""
    with SandboxServer.in_thread(faults={"rule": [{"delay_ms": 100.0}]}) as sandbox:
        expected = _configure(stream, sandbox.url, 12_000)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        stream.configure(settings.replace("[delivery]\n", "[delivery]\nmax_pending = 400\n"))
        first = stream.start_recovering()
        sandbox.wait_until(_requests(300))
        assert first.stop() == 0, first.log
        adds_up(first.summary)
        assert first.summary["syncs"]["trailmix"]["delivered"] < expected["syncs"]["trailmix"]["delivered"]
        second = stream.start_recovering()
        assert second.wait() == 0, second.log
        adds_up(second.summary)
        assert sandbox.summary()["duplicate_bodies"] == 0
        assert sandbox.summary()["unique_bodies"] == expected["syncs"]["trailmix"]["delivered"]


def test_a_killed_run_loses_nothing_and_repeats_only_what_was_in_flight(stream: Stream) -> None:
    """Kill -9 under load with a fifth of the answers 503: nothing is lost, and few are sent twice."""
    faults = {"seed": 5, "rule": [{"rate": 0.2, "status": 503}, {"delay_ms": 50.0}]}
    in_flight = 256
    with SandboxServer.in_thread(faults=faults) as sandbox:
        expected = _configure(stream, sandbox.url, 12_000)
        kills = 0
        for requests in (200, 900):
            run = stream.start_recovering()
            sandbox.wait_until(_requests(requests))
            run.kill()
            kills += 1
        last = stream.start_recovering()
        assert last.wait() == 0, last.log
        counts = sandbox.summary()
    assert counts["unique_bodies"] == expected["syncs"]["trailmix"]["delivered"]
    assert counts["duplicate_bodies"] <= kills * in_flight


def test_a_wrong_key_pauses_the_app_and_loses_nothing(stream: Stream, tmp_path: Path) -> None:
    """«Failed to Authenticate» is the app's trouble: the stream waits, and goes on when the key is right."""
    key_file = tmp_path / "key"
    key_file.write_text("an-old-key", encoding="utf-8")
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        expected = _configure(stream, sandbox.url, 1000)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        stream.configure(settings.replace("env:APPSFLYER_S2S_KEY", f"file:{key_file}"))
        run = stream.start()
        run.wait_for_log("app paused")
        assert run.process.poll() is None
        key_file.write_text(KEY, encoding="utf-8")
        assert run.wait() == 0, run.log
        counts = sandbox.summary()
    _matches(expected, run.summary)
    assert counts["unique_bodies"] == expected["syncs"]["trailmix"]["delivered"]


def test_parked_credentials_become_dead_letters(stream: Stream) -> None:
    """With on_rejected_credentials = "park" nothing waits: every event is a dead letter that can be replayed."""
    with SandboxServer.in_thread(keys=("another",)) as sandbox:
        expected = _configure(stream, sandbox.url, 500)
        settings = (stream.directory / "stream.toml").read_text(encoding="utf-8")
        stream.configure(settings.replace("[delivery]\n", '[delivery]\non_rejected_credentials = "park"\n'))
        run = stream.start()
        assert run.wait() == 0, run.log
    would_deliver = expected["syncs"]["trailmix"]["delivered"]
    assert run.summary["syncs"]["trailmix"]["dead_lettered"]["credentials_rejected"] == would_deliver


def test_bytewax_clusters_are_refused(stream: Stream) -> None:
    """With a message that says what to do instead, exit 2; in whatever form: `unit/runtime/test_engine.py`."""
    _configure(stream, "http://127.0.0.1:9", 50)
    run = stream.start("-m", "bytewax.run", "flows.stream", "-i0", "-alocalhost:1")
    assert run.wait() == 2
    assert "--slice i/N" in run.log


def test_two_processes_never_share_a_state_directory(stream: Stream) -> None:
    """The second process on a state directory is refused, exit 2, and the first goes on."""
    with SandboxServer.in_thread(faults={"rule": [{"status": 503}]}) as sandbox:
        _configure(stream, sandbox.url, 200)
        first = stream.start()
        sandbox.wait_until(lambda counts: counts["requests"] >= 1 or first.process.poll() is not None)
        second = stream.start()
        assert second.wait() == 2
        assert "in use by another process" in second.log
        sandbox.set_faults({})
        assert first.wait() == 0, first.log


def test_no_value_of_an_event_and_no_key_reaches_the_log_or_the_summary(stream: Stream) -> None:
    """Marked values in every part of an event appear in the request, and nowhere in what the process prints."""
    mark = "MARKED-7f3a"
    event = {
        "event_type": "Order Completed",
        "user_id": f"{mark}-user",
        "device_id": f"{mark}-device",
        "platform": "iOS",
        "ip": "198.51.100.77",
        "event_properties": {"note": f"{mark}-property", "$revenue": f"{mark}-revenue"},
        "user_properties": {"appsflyer_id": "1700000000000-7654321", "idfa": f"{mark}-idfa"},
    }
    lines = [orjson.dumps(event), b'{"event_type": "' + mark.encode(), orjson.dumps({"user_id": mark, "time": mark})]
    with SandboxServer.in_thread(faults={"rule": [{"limit": 1, "status": 400, "text": f"no {KEY}"}]}) as sandbox:
        _configure(stream, sandbox.url, 50)
        (stream.directory / "sample.zip").write_bytes(b"\n".join([*lines, lines[0].replace(b"user_id", b"user_id")]))
        run = stream.start()
        assert run.wait() == 0, run.log
        assert sandbox.summary()["requests"] >= 1
    printed = run.log + run.output + orjson.dumps(run.summary).decode()
    for secret in (mark, KEY, "198.51.100.77", "1700000000000-7654321"):
        assert secret not in printed
    letters = (stream.directory / "dead-letters").glob("*")
    assert all(KEY.encode() not in letter.read_bytes() for letter in letters)


def test_a_run_in_which_nothing_is_sent_ends_with_its_summary_too(stream: Stream, adds_up: AddsUp) -> None:
    """When every event is filtered nothing comes to the sink; the run still says where everything went."""
    with SandboxServer.in_thread() as sandbox:
        _configure(stream, sandbox.url, 50)
        event = {"event_type": "Not Selected", "user_id": "hiker-1", "platform": "iOS"}
        (stream.directory / "sample.zip").write_bytes(orjson.dumps(event))
        for start in (stream.start, stream.start_recovering):
            run = start()
            assert run.wait() == 0, run.log
            adds_up(run.summary)
            assert run.summary["syncs"]["trailmix"]["filtered"] == {"not_selected": 1}
            assert "1 events read" in run.output
