"""A login after a restart: what a device taught before is still there, and belongs to the first user only."""

from typing import Any

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.end_to_end.test_forget import _configure, _everything, _forget
from tests.fixtures.stream import Run, Stream

ID = "1700000000000-4444444"


def _run(stream: Stream, name: str, *events: dict[str, Any]) -> Run:
    directory = stream.directory / "events"
    directory.mkdir(exist_ok=True)
    lines = [orjson.dumps({"event_type": "Order", "platform": "iOS", **each}) + b"\n" for each in events]
    (directory / f"{name}.json").write_bytes(b"".join(lines))
    run = stream.start("-m", "flows", "run")
    assert run.wait() == 0, run.log
    return run


def test_a_login_after_a_restart(stream: Stream) -> None:
    """The first user of each device inherits, in the run after; the second does not, in the run after that."""
    teaches = {"event_type": "$identify", "user_properties": {"$set": {"appsflyer_id": ID}}}
    devices = [f"d{number}" for number in range(12)]  # in all shards
    with SandboxServer.in_thread() as sandbox:
        _configure(stream, sandbox.url)
        _run(stream, "1", *({**teaches, "device_id": each} for each in devices))
        run = _run(stream, "2", *({"device_id": each, "user_id": f"first-{each}"} for each in devices))
        assert run.summary["syncs"]["production"]["delivered"] == len(devices), run.log
        run = _run(stream, "3", *({"device_id": each, "user_id": f"second-{each}"} for each in devices))
        sync = run.summary["syncs"]["production"]
        assert (sync["delivered"], sync["dead_lettered"]) == (0, {"no_appsflyer_id": len(devices)})
        assert {each["body"]["customer_user_id"] for each in sandbox.requests} == {f"first-{each}" for each in devices}


def test_what_a_device_taught_is_forgotten_with_its_first_user(stream: Stream) -> None:
    """It is the same person's, under the device's own key."""
    teaches = {"event_type": "$identify", "user_properties": {"$set": {"appsflyer_id": ID}}, "device_id": "d1"}
    with SandboxServer.in_thread() as sandbox:
        _configure(stream, sandbox.url)
        _run(stream, "1", teaches, {"device_id": "d1", "user_id": "gone"})
        assert b"4444444" in _everything(stream.directory / "state")
        done = _forget(stream, "--user", "gone")
        assert done.returncode == 0, done.stdout + done.stderr
        assert b"4444444" not in _everything(stream.directory / "state")
        run = _run(stream, "2", {"device_id": "d1", "user_id": "other"})
        assert run.summary["syncs"]["production"]["dead_lettered"] == {"no_appsflyer_id": 1}
