"""Lifecycle: start → run → drain → restart, once for every flow. Nothing else ends the process, or becomes another.

A flow starts or it is refused: exit code 2, a text that says what to do, and nothing was read or sent.
"""

import atexit
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Protocol

import structlog

from connectors.ports import SetupError
from connectors.secrets import SecretError
from connectors.shutdown import Shutdown
from connectors.state.damage import DamagedStateError, unusable
from connectors.state.engine_store import StoreError
from connectors.state.lock import StateInUseError
from connectors.state.private import keep_private
from flows.domain.slice import ALL, Slice, read_slice
from flows.refusal import Refusal
from flows.runtime import summary_file
from flows.runtime.engine import cluster
from flows.runtime.logs import configure_logs
from flows.runtime.signals import for_the_main_thread, keep_waiting, stop_on_signals
from flows.settings import load
from flows.settings.model import Settings

log = structlog.get_logger()


class Flow(Protocol):
    """What the lifecycle asks of a flow."""

    shutdown: Shutdown
    is_closed: bool

    @property
    def is_drained(self) -> bool:
        """Whether nothing waits for an answer."""

    def connect(self) -> bool:
        """Open both ends; return False if a stop was asked for while it waited. Raises SetupError, SecretError."""

    def close(self) -> None:
        """End the run, which is told to people. The sink asks for it, once; where no item came to it, `end` does."""

    def ended(self, *, has_failed: bool) -> int:
        """Tidy up when Bytewax has let go of everything; return the exit code of a run without a failure."""


class Thread(Protocol):
    """What works beside the flow."""

    def start(self) -> None:
        """Begin."""


class Lifecycle:
    """One flow, from its wiring to the end of the process."""

    def __init__(self, flow: Flow, drain_seconds: float | None = None) -> None:
        """Let signals stop it from now on; `drain_seconds` is said to whoever types Ctrl-C at a terminal."""
        self._flow = flow
        self._exit_code = 0
        self._is_refused = True
        """It cannot start: until it is known that it can."""
        stop_on_signals(flow.shutdown, drain_seconds)
        atexit.register(self._leave)  # the first that is registered is the last that is called

    def start_threads(self, threads: Sequence[Thread]) -> None:
        """Begin what works beside the flow; signals are the main thread's."""
        with for_the_main_thread():
            for each in threads:
                each.start()

    def at_exit(self, step: Callable[[], object]) -> None:
        """Take a step when the run has ended, before those that were given earlier."""
        atexit.register(step)

    def connect(self) -> None:
        """Open both ends of the flow; nothing is given to `at_exit` any more.

        Raises Refusal where that cannot be. Exits with 0 if a stop was asked for while it waited.
        """
        atexit.register(self._end)
        try:
            is_open = self._flow.connect()
        except (SetupError, SecretError) as problem:
            raise Refusal(str(problem)) from problem
        self._is_refused = False
        if not is_open:
            log.info("stopped while waiting for Kafka")
            raise SystemExit(0)

    def _end(self) -> None:
        """End the run where no item came to the sink, for Bytewax neither opens nor closes it then."""
        flow = self._flow
        if flow.shutdown.input_is_over and not self._is_refused and not flow.is_closed and flow.is_drained:
            flow.close()
        self._exit_code = flow.ended(has_failed=getattr(sys, "last_value", None) is not None)

    def _leave(self) -> None:
        """Begin again with the same command where that was asked for; else end with the flow's exit code."""
        keep_waiting()  # from here on a signal is for the program that this process becomes
        if self._flow.shutdown.restart:
            log.warning("restarting")
            become(sys.orig_argv)
        if self._exit_code:
            _flush()
            os._exit(self._exit_code)  # at the interpreter's exit nothing else sets the code


def become(command: list[str]) -> NoReturn:
    """Become another program; signals wait until that program handles them."""
    _flush()
    keep_waiting()
    os.execv(sys.executable, command)  # noqa: S606 - our own command, without a shell


def prepare(what: str, instead: str) -> tuple[Settings, Path]:
    """Return the settings that the environment names, and their file as it is named there. Raises Refusal without them.

    `what` starts, which is no Bytewax cluster; `instead` says what to do.
    """
    configure_logs()
    keep_private()
    refuse_cluster(what, instead)
    path = Path(os.environ.get("STREAM_SETTINGS") or "stream.toml")
    return load(path), path


def refuse_unwritable_summary() -> None:
    """Raise Refusal where the summary cannot be written when the run ends."""
    unwritable = summary_file.obstacle()
    if unwritable is not None:
        raise Refusal(unwritable)


@contextmanager
def refusing_directory(path: Path, directory: Path) -> Iterator[None]:
    """Raise Refusal where the state directory cannot be used, or holds what no flow can go on from."""
    try:
        yield
    except (StateInUseError, DamagedStateError, StoreError) as problem:
        raise Refusal(f"{path}: state.directory: {problem}") from problem
    except OSError as problem:
        raise Refusal(f"{path}: state.directory: {unusable(problem, directory)}") from problem


def slice_of_environment() -> Slice:
    """Return the slice that STREAM_SLICE names. Raises Refusal where it names none."""
    try:
        return read_slice(os.environ.get("STREAM_SLICE", str(ALL)))
    except ValueError as problem:
        raise Refusal(f"STREAM_SLICE: {problem}, such as 0/4") from problem


def refuse_cluster(what: str, instead: str) -> None:
    """Raise Refusal where Bytewax is to run as a cluster; it says what to do instead."""
    given = cluster()
    if given:
        raise Refusal(
            f"{', '.join(given)}: {what} does not run as a Bytewax cluster, for one slow process "
            f"stalls all others in Bytewax 0.21; {instead}"
        )


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
