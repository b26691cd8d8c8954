"""The supervisor keeps one child running, and knows how the last one ended. Real processes, in one event loop."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from flows.runtime.collector.supervisor import Supervisor
from tests.fixtures.needs import is_missing

FAILS = "import sys; print('it', file=sys.stderr); print('went wrong', file=sys.stderr); sys.exit(3)"
RUNS = "import time; time.sleep(600)"
ON = "import os, signal, sys, time\n{}\nprint('on', file=sys.stderr, flush=True)\ntime.sleep(600)"


def _supervise(supervisor: Supervisor, test: Callable[[], Awaitable[None]], stop_seconds: float = 5.0) -> None:
    async def run() -> None:
        supervision = asyncio.create_task(supervisor.run())
        try:
            await asyncio.wait_for(test(), 30)
        finally:
            await supervisor.stop(stop_seconds)
            await asyncio.wait_for(supervision, 10)
        assert not supervisor.is_running

    asyncio.run(run())


async def _until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - a process tells nobody
        await asyncio.sleep(0.01)


def test_a_child_that_fails_is_started_again_and_its_last_words_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(["-c", FAILS], os.environ, first_wait_seconds=0.01)

    async def test() -> None:
        await _until(lambda: supervisor.starts >= 3 and supervisor.exit_code == 3)
        assert supervisor.last_words == ("it", "went wrong")

    _supervise(supervisor, test)
    said = capfd.readouterr()
    assert "went wrong" in said.err  # it is passed on, too
    assert "the stream ended; events are still taken in, and wait" in said.out + said.err


def test_each_failure_is_waited_for_longer_and_a_reload_tries_at_once() -> None:
    supervisor = Supervisor(["-c", "raise SystemExit(2)"], os.environ, first_wait_seconds=30.0)

    async def test() -> None:
        await _until(lambda: supervisor.exit_code == 2)
        assert supervisor.starts == 1
        supervisor.reload()
        await _until(lambda: supervisor.starts == 2)

    _supervise(supervisor, test)


def test_a_running_child_is_asked_to_read_its_settings_again() -> None:
    code = ON.format("signal.signal(signal.SIGHUP, lambda *_: os._exit(7))")
    supervisor = Supervisor(["-c", code], os.environ, first_wait_seconds=30.0)

    async def test() -> None:
        await _until(lambda: [*supervisor._lines] == ["on"])
        supervisor.reload()
        await _until(lambda: supervisor.exit_code == 7)

    _supervise(supervisor, test)


def test_a_reload_of_a_child_that_has_just_ended_is_no_failure() -> None:
    """Its end is not noticed yet: the next one reads the settings as it starts."""
    supervisor = Supervisor(["-c", ON.format("")], os.environ, first_wait_seconds=0.01)

    async def test() -> None:
        await _until(lambda: [*supervisor._lines] == ["on"])
        child = supervisor._child
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        supervisor._child = child
        supervisor.reload()
        await _until(lambda: supervisor.starts == 2)

    _supervise(supervisor, test)


def test_a_machine_that_can_make_no_process_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(["-c", RUNS], os.environ, first_wait_seconds=0.01)
    start, refusals = asyncio.create_subprocess_exec, iter(range(2))

    async def refuse_twice(*command: str, **options: Any) -> asyncio.subprocess.Process:
        if next(refusals, None) is not None:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse_twice)

    async def test() -> None:
        await _until(lambda: supervisor.last_words == ("Resource temporarily unavailable",))
        await _until(lambda: supervisor.is_running)
        assert supervisor.starts == 3

    _supervise(supervisor, test)


def test_a_standard_error_that_takes_nothing_more_leaves_the_child_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(["-c", ON.format("")], os.environ)

    def refuse(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    async def test() -> None:
        monkeypatch.setattr(sys, "stderr", SimpleNamespace(buffer=SimpleNamespace(write=refuse), flush=lambda: None))
        await _until(lambda: [*supervisor._lines] == ["on"])
        await asyncio.sleep(0)
        monkeypatch.undo()
        assert (supervisor.is_running, supervisor.starts) == (True, 1)

    _supervise(supervisor, test)


def test_a_stop_ends_the_child_and_none_is_started_again() -> None:
    supervisor = Supervisor(["-c", RUNS], os.environ)

    async def test() -> None:
        await _until(lambda: supervisor.is_running)

    _supervise(supervisor, test)
    assert (supervisor.starts, supervisor.exit_code) == (1, -signal.SIGTERM)


def test_a_child_that_was_stopped_is_not_missing_and_can_be_started_again() -> None:
    supervisor = Supervisor(["-c", RUNS], os.environ)

    async def test() -> None:
        await _until(lambda: supervisor.is_running)
        await supervisor.stop(5.0)
        await _until(lambda: not supervisor.is_running)
        assert not supervisor.is_missing
        supervisor.renew()
        assert supervisor.is_missing
        again = asyncio.create_task(supervisor.run())
        await _until(lambda: supervisor.is_running)
        assert (supervisor.starts, supervisor.is_missing) == (2, False)
        await supervisor.stop(5.0)
        await again

    _supervise(supervisor, test)


def test_a_child_that_does_not_stop_is_killed() -> None:
    supervisor = Supervisor(["-c", ON.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)")], os.environ)

    async def test() -> None:
        await _until(lambda: [*supervisor._lines] == ["on"])

    _supervise(supervisor, test, stop_seconds=0.1)
    assert supervisor.exit_code == -signal.SIGKILL


def test_the_child_does_not_outlive_a_supervisor_that_is_killed() -> None:
    """Else it would keep the state directory to itself, and no other stream could start."""
    if sys.platform != "linux":
        is_missing("only Linux tells a child that its parent died")
    supervise = "asyncio.run(Supervisor(['-c', sys.argv[1]], os.environ).run())"
    code = f"import asyncio, os, sys\nfrom flows.runtime.collector.supervisor import Supervisor\n{supervise}"
    command = [sys.executable, "-c", code, ON.format("")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stderr is not None
        assert parent.stderr.readline() == "on\n"
        parent.kill()
        assert parent.stderr.read() == ""  # the pipe ends when nobody holds it any more
