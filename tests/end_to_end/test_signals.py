"""A stop that is asked for while the stream still starts: it ends with 0, whenever our own code has begun to run."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.fixtures.settings import files_source, settings_text
from tests.fixtures.stream import Run, Stream

SETTINGS = settings_text(files_source("none.json", follow=True))


def _started(stream: Stream, *arguments: str) -> Run:
    stream.configure(SETTINGS)
    return stream.start(*arguments)


def _handles_sigterm(run: Run) -> bool:
    """Whether a SIGTERM would be handled or kept until it is: not what kills a process that knows nothing of it."""
    return _handles(run, signal.SIGTERM)


def _handles(run: Run, number: signal.Signals) -> bool:
    with open(f"/proc/{run.process.pid}/status", encoding="ascii") as file:  # noqa: PTH123 - not a path of ours
        masks = dict(line.split(":", 1) for line in file if line.startswith(("SigCgt", "SigBlk")))
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks.values())


def _await(holds: Callable[[], bool], run: Run) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert run.process.poll() is None, run.log
        assert time.monotonic() < until, run.log


@pytest.mark.parametrize("later_seconds", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("command", [("-m", "flows", "run"), ("-m", "bytewax.run", "flows.stream")])
def test_a_signal_during_the_start(stream: Stream, command: tuple[str, ...], later_seconds: float) -> None:
    """From the first moment at which the process handles it, through the imports, the exec and the beginning."""
    run = _started(stream, *command)
    _await(lambda: _handles_sigterm(run), run)
    time.sleep(later_seconds)
    assert run.stop() == 0, run.log
    assert "Traceback" not in run.log


@pytest.mark.parametrize("later_seconds", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("command", [("-m", "flows", "run"), ("-m", "bytewax.run", "flows.stream")])
def test_a_wish_to_reload_during_the_start_waits(
    stream: Stream, command: tuple[str, ...], later_seconds: float
) -> None:
    """SIGHUP would end a program that knows nothing of it; here it is kept until the settings can be read again."""
    run = _started(stream, *command)
    _await(lambda: _handles(run, signal.SIGHUP), run)
    time.sleep(later_seconds)
    with (stream.directory / "stream.toml").open("a") as file:
        file.write("mistake = 1\n")
    run.process.send_signal(signal.SIGHUP)
    run.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 60
    while "settings not taken" not in run.log and run.process.poll() is None:
        assert time.monotonic() < until, run.log
        time.sleep(0.02)
    if run.process.poll() is None:
        assert run.stop() == 0, run.log
    else:  # it was read for the first time with the mistake in it
        assert (run.process.returncode, "mistake" in run.log) == (2, True)
    assert "Traceback" not in run.log


def test_a_signal_between_two_programs_is_kept() -> None:
    """What comes after the signals were blocked for the exec is handled by what follows."""
    first = (
        "import os, signal, sys; from flows.runtime.signals import keep_waiting; keep_waiting(); "
        "os.kill(os.getpid(), signal.SIGTERM); "
        "os.execv(sys.executable, "
        "[sys.executable, '-c', 'from flows.runtime.signals import quit_at_once; quit_at_once(); "
        "raise SystemExit(5)'])"
    )
    assert subprocess.run([sys.executable, "-c", first], check=False, timeout=60).returncode == 0
