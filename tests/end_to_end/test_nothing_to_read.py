"""Files that are not there, and files that an earlier run has read: who types the command is told."""

import os
import pty
import signal
from datetime import UTC, datetime

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import generate, settings_text
from tests.fixtures.stream import Stream


def test_paths_that_match_nothing_end_with_1(stream: Stream) -> None:
    stream.configure(settings_text("no-such-*.zip", "http://127.0.0.1:9", "state", "letters", "env:APPSFLYER_S2S_KEY"))
    run = stream.start("-m", "flows", "run", "--settings", str(stream.directory / "stream.toml"))
    assert run.wait() == 1
    assert "no-such-*.zip" in run.log
    assert "nothing was read" in run.log


def test_a_run_whose_archives_were_all_read_before_says_so(stream: Stream) -> None:
    with SandboxServer.in_thread() as sandbox:
        sample = generate(events=50, users=5, end=datetime.now(UTC))
        (stream.directory / "sample.zip").write_bytes(sample.archive())
        stream.configure(settings_text("sample.zip", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY"))
        first = stream.start("-m", "flows", "run")
        assert first.wait() == 0, first.log
        assert "read by an earlier run" not in first.log
        second = stream.start("-m", "flows", "run")
        assert second.wait() == 0, second.log
        assert second.summary["read"] == 0
        assert "every file was read by an earlier run" in second.log


def test_ctrl_c_at_a_terminal_says_what_it_waits_for() -> None:
    """And what a second one costs."""
    child, terminal = pty.fork()
    if not child:
        from connectors.stopping import Stopping  # noqa: PLC0415 - in the child alone
        from flows.signals import stop_on_signals  # noqa: PLC0415

        stop_on_signals(Stopping(), 25.0)
        os.kill(os.getpid(), signal.SIGINT)
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert "for at most 25 s" in said
    assert "may then be sent twice" in said
