"""`reload` asks the process that holds the state directory, and no other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.state.lock import holder
from flows.commands.main import main

SETTINGS = """\
[source]
kind = "files"
paths = ["*.zip"]
[state]
directory = "state"
[[sync]]
name = "one"
ios_app_id = "id123456789"
s2s_key = "env:KEY"
events = "all"
"""
HOLDS = """\
import signal, sys
from pathlib import Path
from connectors.state.lock import lock_directory, sign
signal.signal(signal.SIGHUP, lambda *_: (print("asked", flush=True), sys.exit(0)))
lock = lock_directory(Path(sys.argv[1]))
if sys.argv[2] == "signed":
    sign(lock)
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "stream.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def _hold(directory: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDS, str(directory), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds the state directory, as a stream does."""
    yield from _hold(tmp_path / "state", "signed")


def test_the_process_that_holds_the_state_is_asked(
    settings: Path, running: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reload", "--settings", str(settings)]) == 0
    assert running.stdout is not None
    assert running.stdout.readline() == "asked\n"
    assert f"asked process {running.pid}" in capsys.readouterr().out


def test_settings_with_a_mistake_ask_nobody(
    settings: Path, running: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(SETTINGS + 'colour = "red"\n', encoding="utf-8")
    assert main(["reload", "--settings", str(settings)]) == 2
    assert "nothing was changed" in capsys.readouterr().err
    assert running.poll() is None


def test_a_process_that_got_the_number_of_a_dead_one_is_not_asked(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither where nobody holds the lock, nor where somebody else does, such as a reslice."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "lock").write_text(str(os.getppid()), encoding="ascii")
    assert main(["reload", "--settings", str(settings)]) == 1
    assert "no stream runs on" in capsys.readouterr().err
    for process in _hold(state, "unsigned"):
        assert holder(state) is None
        (state / "lock").write_text(str(os.getppid()), encoding="ascii")
        assert holder(state) is None
        (state / "lock").write_text(str(process.pid), encoding="ascii")
        assert holder(state) == process.pid
