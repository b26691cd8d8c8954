"""`python -m flows forget`: a person is taken out of a real recovery store and real dead letters; others are kept."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.event_writer import TakenEvent
from connectors.inbox.event_writer import InboxEventWriter
from flows.operations.remembered import Remembered
from tests.fixtures.letters import read_letters
from tests.fixtures.settings import files_source, settings_text, sync_table
from tests.fixtures.stream import Run, Stream

GONE, KEPT = "hiker «gone»", "hiker-kept"
DEVICE = "device-of-nobody"


def _configure(stream: Stream, url: str, *, follow: bool = False, **delivery: float) -> None:
    source = files_source("events/*.json", follow=follow)
    orders = sync_table(event=[{"name": "Order"}])
    erasure = {"endpoint": url, "api_token": "env:FORGET_API_TOKEN"}
    tables: dict[str, Any] = {"delivery": {"endpoint": url, "brake_share": 1.0, **delivery}, "erasure": erasure}
    stream.configure(settings_text(source, orders, **tables))


def _event(user: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "event_type": "Order",
        "user_id": user,
        "device_id": f"phone of {user}" if user else DEVICE,
        "platform": "iOS",
        **fields,
    }


def _teaches(user: str | None, number: int) -> dict[str, Any]:
    return _event(user, user_properties={"appsflyer_id": f"1700000000000-{number}"}, insert_id=f"{user}-{number}")


def _run(stream: Stream, name: str, *events: dict[str, Any] | bytes) -> Run:
    """Run the stream to the end of one more file."""
    directory = stream.directory / "events"
    directory.mkdir(exist_ok=True)
    lines = (each if isinstance(each, bytes) else orjson.dumps(each) for each in events)
    (directory / f"{name}.json").write_bytes(b"".join(line + b"\n" for line in lines))
    run = stream.start("-m", "flows", "run")
    assert run.wait() == 0, run.log
    return run


def _forget(stream: Stream, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows", "forget", "--settings", str(stream.directory / "stream.toml"), *flags]
    environment = {**os.environ, "FORGET_API_TOKEN": "api-token-of-the-tests"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def _everything(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_a_forgotten_user_is_unknown_to_the_next_run_and_others_are_not(stream: Stream) -> None:
    """Identifiers and dead letters of one user and one device are gone from the disk; those of others are as before."""
    with SandboxServer.in_thread() as sandbox:
        _configure(stream, sandbox.url)
        _run(
            stream,
            "1",
            _teaches(GONE, 1111111),
            _teaches(KEPT, 2222222),
            _teaches(None, 3333333),
            _event("stranger " + GONE),  # nobody: a dead letter of somebody else
            _event(GONE, device_id="unknown phone", platform="iOS", user_properties={}, time="no time"),
            b'{"user_id": "hiker \xc2\xabgone\xc2\xbb", broken',
        )
        letters = list(read_letters(stream.directory / "letters"))
        assert len(letters) == 3
        before = {path: path.stat().st_size for path in (stream.directory / "letters").iterdir()}

        done = _forget(stream, "--user", GONE, "--device", DEVICE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "remembered in 2, erased" in done.stdout
        assert "2 erased" in done.stdout

        remembered = Remembered(stream.directory / "state")
        assert remembered.user(f"u:{GONE}") is None
        assert remembered.user(f"d:{DEVICE}") is None
        assert remembered.user(f"u:{KEPT}") is not None
        # Others' letters are as they were, in files of the same size: replays go by lines and sizes.
        assert [each.value for each in read_letters(stream.directory / "letters")] == [
            each.value for each in letters if b"stranger" in each.value
        ]
        assert {path: path.stat().st_size for path in (stream.directory / "letters").iterdir()} == before
        on_disk = _everything(stream.directory / "state")
        assert b"1111111" not in on_disk
        assert b"3333333" not in on_disk
        assert b"2222222" in on_disk

        run = _run(stream, "2", _event(GONE), _event(KEPT, insert_id="new"), _event(None))
        fates = run.summary["syncs"]["production"]
        assert fates["delivered"] == 1
        assert fates["dead_lettered"] == {"no_appsflyer_id": 2}
        assert sandbox.requests[-1]["body"]["customer_user_id"] == KEPT
        # Once more for what has come since; a second time finds nothing.
        assert _forget(stream, "--user", GONE).returncode == 0
        assert "remembered in 0, erased" in _forget(stream, "--user", GONE).stdout


def test_a_waiting_event_is_erased_with_its_user(stream: Stream) -> None:
    """An event that is held for its AppsFlyer id goes with the user, and no longer comes out at the next start."""
    with SandboxServer.in_thread() as sandbox:
        _configure(stream, sandbox.url, follow=True)
        directory = stream.directory / "events"
        directory.mkdir()
        (directory / "1.json").write_bytes(orjson.dumps(_event(GONE)) + b"\n" + orjson.dumps(_teaches(KEPT, 2222222)))
        run = stream.start("-m", "flows", "run")
        sandbox.wait_until(lambda counts: bool(counts["accepted"] >= 1), 60)

        refused = _forget(stream, "--user", GONE)
        assert refused.returncode == 2
        assert "stop every slice" in refused.stderr

        assert run.stop() == 0, run.log
        assert run.summary["syncs"]["production"]["pending"] == 1
        assert _forget(stream, "--user", GONE).returncode == 0
        _configure(stream, sandbox.url)
        last = stream.start("-m", "flows", "run")
        assert last.wait() == 0, last.log
        assert last.summary["syncs"]["production"]["dead_lettered"] == {}
        assert last.summary["read"] == 0


def test_what_is_not_delivered_yet_is_said(stream: Stream) -> None:
    """A request that waits for AppsFlyer is not taken away from its outcome; the exit code says that it is there.

    AppsFlyer is asked for the erasure after it, for it would learn of the person again.
    """
    with SandboxServer.in_thread(faults={"rule": [{"status": 503}]}) as sandbox:
        _configure(stream, sandbox.url, follow=True, drain_seconds=1, timeout_seconds=1)
        directory = stream.directory / "events"
        directory.mkdir()
        (directory / "1.json").write_bytes(orjson.dumps(_teaches(GONE, 1111111)))
        run = stream.start("-m", "flows", "run")
        sandbox.wait_until(lambda counts: bool(counts["requests"] >= 1), 60)
        assert run.stop() == 0, run.log
        assert run.summary["syncs"]["production"]["pending"] == 1
        done = _forget(stream, "--user", GONE, "--appsflyer")
        assert done.returncode == 1
        assert "not delivered yet" in done.stdout
        assert "AppsFlyer was not asked yet" in done.stdout
        sandbox.set_faults({})
        assert sandbox.erasures == []
        again = stream.start("-m", "flows", "run")
        sandbox.wait_until(lambda counts: bool(counts["accepted"] >= 1), 60)
        assert again.stop() == 0, again.log
        done = _forget(stream, "--user", GONE, "--appsflyer")
        assert done.returncode == 0, done.stdout + done.stderr
        assert {each["identities"][0] for each in sandbox.erasures} == {
            ("customer_user_id", GONE),
            ("appsflyer_id", "1700000000000-1111111"),
        }
        assert b"1111111" not in _everything(stream.directory / "state")


def test_what_waits_in_the_inbox_is_erased_and_the_rest_is_delivered(stream: Stream) -> None:
    """An event that was taken in and not read yet goes with its person, and leaves no trace on the disk."""
    with SandboxServer.in_thread() as sandbox:
        text = settings_text(
            {"kind": "inbox"}, sync_table(event=[{"name": "Order"}]), delivery={"endpoint": sandbox.url}
        )
        stream.configure(text)
        taken = [_teaches(GONE, 1111111), _teaches(KEPT, 2222222), _teaches(None, 3333333), _teaches(GONE, 4444444)]
        inbox = stream.directory / "inbox"

        async def take_in() -> None:
            writer = InboxEventWriter(inbox)
            await writer.write([TakenEvent(orjson.dumps(each), None, 1_700_000_000_000, "test") for each in taken])
            await writer.close()

        asyncio.run(take_in())
        done = _forget(stream, "--user", GONE, "--device", DEVICE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"the inbox in {inbox}: 3 events erased" in done.stdout
        left = _everything(inbox)
        assert [number for number in (b"1111111", b"2222222", b"3333333", b"4444444") if number in left] == [b"2222222"]
        assert "0 events erased" in _forget(stream, "--user", GONE).stdout

        run = stream.start("-m", "flows", "run")
        sandbox.wait_until(lambda counts: bool(counts["accepted"] >= 1), 60)
        assert run.stop() == 0, run.log
        assert [each["body"]["customer_user_id"] for each in sandbox.requests] == [KEPT]
        assert (run.summary["read"], run.summary["syncs"]["production"]["delivered"]) == (1, 1)


def test_nobody_named_is_wrong_usage(stream: Stream) -> None:
    _configure(stream, "http://127.0.0.1:9")
    assert _forget(stream).returncode == 2
