"""Files that are not there, and files that an earlier run has read: who types the command is told."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from examples.sample_archive import generate, settings_text
from tests.fixtures.stream import Stream


@pytest.mark.parametrize("command", [("-m", "flows", "run"), ("-m", "bytewax.run", "flows.stream")])
def test_paths_that_match_nothing_end_with_1(stream: Stream, command: tuple[str, ...]) -> None:
    stream.configure(settings_text("no-such-*.zip", "http://127.0.0.1:9", "state", "letters", "env:APPSFLYER_S2S_KEY"))
    run = stream.start(*command)
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


def test_a_terminal_sees_how_far_the_reading_is_and_the_summary_stays_in_its_file(stream: Stream) -> None:
    """What goes wrong meanwhile is logged above the bar, on lines of its own."""
    terminal, side = pty.openpty()
    with SandboxServer.in_thread() as sandbox:
        sample = generate(events=1500, users=20, end=datetime.now(UTC))
        (stream.directory / "a.zip").write_bytes(sample.archive())
        (stream.directory / "b.zip").write_bytes(b"no archive")
        stream.configure(settings_text("*.zip", sandbox.url, "state", "letters", "env:APPSFLYER_S2S_KEY"))
        with (stream.directory / "out").open("wb") as output:
            command = [sys.executable, "-m", "bytewax.run", "flows.stream"]
            environment = os.environ | {
                "STREAM_SETTINGS": str(stream.directory / "stream.toml"),
                "APPSFLYER_S2S_KEY": "k",
                "TERM": "xterm",
                "COLUMNS": "200",
                "STREAM_LOG": "json",
            }
            with subprocess.Popen(command, env=environment, stdout=output, stderr=side) as process:
                os.close(side)
                shown = _all_of(terminal)
    assert process.returncode == 0
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown))
    assert [line for line in lines if line.startswith("reading ")]
    assert [line for line in lines if line.startswith("{") and "b.zip" in line]
    summary = (stream.directory / "out").read_text(encoding="utf-8")
    assert "Done: 1,507 events read" in summary
    assert "reading" not in summary
    assert "Done" not in shown


def _all_of(terminal: int) -> str:
    said = bytearray()
    with contextlib.suppress(OSError):  # what Linux says once nobody has the other side open any more
        while piece := os.read(terminal, 65_536):
            said += piece
    os.close(terminal)
    return said.decode(errors="replace")


def test_ctrl_c_at_a_terminal_says_what_it_waits_for() -> None:
    """And what a second one costs."""
    child, terminal = pty.fork()
    if not child:
        from connectors.shutdown import Shutdown  # noqa: PLC0415 - in the child alone
        from flows.runtime.signals import stop_on_signals  # noqa: PLC0415

        stop_on_signals(Shutdown(), 25.0)
        os.kill(os.getpid(), signal.SIGINT)
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert "for at most 25 s" in said
    assert "may then be sent twice" in said
