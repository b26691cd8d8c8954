"""A replay beside a paused sync, and one that is started as a cluster: what it says, and with which code it ends."""

from pathlib import Path

import orjson
import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.files.dead_letters import FileLetterWriter
from tests.fixtures.events import order
from tests.fixtures.letters import letter
from tests.fixtures.settings import files_source, settings_text, sync_table
from tests.fixtures.stream import KEY, Run, Stream

DELIVERY = {"drain_seconds": 2, "timeout_seconds": 15}


def _write(directory: Path) -> None:
    letters = [letter(1, orjson.dumps(order(1)), sync=name, send_as="order") for name in ("kept", "other")]
    FileLetterWriter(directory).write(letters)


def _replay(stream: Stream, sandbox: SandboxServer, *, paused: bool) -> Run:
    syncs = [sync_table("kept", ios_app_id="id111111111"), sync_table("other", ios_app_id="id222222222", paused=paused)]
    delivery = {**DELIVERY, "endpoint": sandbox.url}
    stream.configure(settings_text(files_source("none.json"), *syncs, delivery=delivery))
    return stream.start("-m", "flows", "replay", "--all")


def _delivered(sandbox: SandboxServer) -> list[str]:
    return sorted(each["app_id"] for each in sandbox.requests if each["status"] == 200)


def test_a_paused_syncs_letters_stay_and_a_later_replay_sends_them(stream: Stream) -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        _write(stream.directory / "letters")
        run = _replay(stream, sandbox, paused=True)
        assert run.wait() == 0, run.log
        assert "Done: 2 letters looked at, 1 replayed." in run.output
        assert "1  of syncs that are paused: replay them when they are not" in run.output
        assert _delivered(sandbox) == ["id111111111"]
        run = _replay(stream, sandbox, paused=False)
        assert run.wait() == 0, run.log
        assert _delivered(sandbox) == ["id111111111", "id222222222"]


def test_what_an_interrupted_replay_had_taken_waits_for_a_sync_that_is_paused_now(stream: Stream) -> None:
    """It says «Paused» and ends with 1, for nobody has stopped it; without the pause the same command ends it."""
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        sandbox.set_faults({"rule": [{"app_id": "id222222222", "status": 503}]})
        _write(stream.directory / "letters")
        run = _replay(stream, sandbox, paused=False)
        sandbox.wait_until(lambda counts: counts["requests"] >= 3, 30)
        assert run.stop() == 0, run.log
        assert "Stopped:" in run.output
        sandbox.set_faults({})
        run = _replay(stream, sandbox, paused=True)
        assert run.wait() == 1, (run.log, run.output)
        assert "Paused:" in run.output
        assert "take paused = true out of it" in run.output
        assert run.summary["syncs"]["other"]["pending"] == 1
        assert _delivered(sandbox) == ["id111111111"]
        run = _replay(stream, sandbox, paused=False)
        assert run.wait() == 0, run.log
        assert "Done:" in run.output
        assert _delivered(sandbox) == ["id111111111", "id222222222"]


@pytest.mark.parametrize(("flow", "what"), [("flows.replay", "a replay"), ("flows.rekey", "rekey")])
def test_bytewax_cluster_flags_are_refused(stream: Stream, flow: str, what: str) -> None:
    stream.configure("")
    run = stream.start("-m", "bytewax.run", flow, "-i0", "-alocalhost:1")
    assert run.wait() == 2
    assert f"--process-id, --addresses: {what} does not run as a Bytewax cluster" in run.log
