"""Measure: run a contestant on its core until the endpoint has everything, and say what it took.

The rate that counts is taken from the first request to the last, so that neither the start of an interpreter nor the
wait for a consumer group is part of it; what the whole process used, from its start to its end, is told beside it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.tools.bench import cores, usage
from tests.tools.bench.endpoint import Endpoint

_START_SECONDS: Final = 120.0
_STALL_SECONDS: Final = 45.0
_EXIT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.02
_WIRE_SECONDS: Final = 1.0

Watch = Callable[[int], None]
"""Told how many requests the endpoint has."""


class ContestantError(Exception):
    """A contestant failed, stalled, or did not do what is asked; says what, and where its log is."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    cores: Sequence[int] = (cores.MEASURED,)
    ends_by_itself: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run took."""

    requests: int
    """All that were sent."""
    counted: int
    """Those between the first look that saw one and the last."""
    wall_seconds: float
    """From the first request to the last."""
    cpu_seconds: float
    """Of all processes under test, over that time."""
    whole_cpu_seconds: float
    """From their start to their end."""
    peak_rss_bytes: int
    sent_bytes: int | None
    """To the endpoint, with TLS."""
    received_bytes: int | None
    connections: int
    protocol: str
    endpoint_share: float
    """The share of its core that nginx used over that time."""
    serving_share: float
    """The share of that core that anything used: nginx, the broker, the harness, others."""

    @property
    def per_cpu_second(self) -> float:
        """Delivered events per CPU-second."""
        return self.counted / self.cpu_seconds

    @property
    def per_cpu_second_whole(self) -> float:
        """The same with the processes' start and stop."""
        return self.requests / self.whole_cpu_seconds

    @property
    def per_second(self) -> float:
        """Delivered events per second of the clock."""
        return self.counted / self.wall_seconds


class Running:
    """Started processes, which are stopped whatever happens."""

    def __init__(self, launches: Sequence[Launch], directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.processes: list[subprocess.Popen[bytes]] = []
        self._ends_by_itself = all(each.ends_by_itself for each in launches)
        self._ended_cpu_seconds = 0.0
        self.peak_rss_bytes = 0
        """The greatest sum of their highest resident sizes that was seen."""
        try:
            for number, launch in enumerate(launches):
                with (directory / f"log-{number}").open("wb") as log:
                    self.processes.append(
                        subprocess.Popen(
                            cores.on(launch.cores, launch.command),
                            env={**os.environ, **launch.environment},
                            cwd=launch.directory,
                            stdin=subprocess.DEVNULL,
                            stdout=log,
                            stderr=log,
                        )
                    )
        except BaseException:
            self.kill()
            raise

    def cpu_seconds(self) -> float:
        """Return what they and what descends from them have used so far."""
        live = usage.cpu_seconds(self._live())
        return self._ended_cpu_seconds + live

    def look_at_memory(self) -> None:
        """Take note of their resident sizes."""
        self.peak_rss_bytes = max(self.peak_rss_bytes, usage.peak_rss_bytes(self._live()))

    def _live(self) -> list[int]:
        live = [process for process in self.processes if self._reap(process, os.WNOHANG) is None]
        return [pid for process in live for pid in usage.tree(process.pid)]

    def failed(self) -> bool:
        """Return whether any has ended that should not have."""
        for process in self.processes:
            code = self._reap(process, os.WNOHANG)
            if code is not None and (code or not self._ends_by_itself):
                return True
        return False

    def raise_if_failed(self) -> None:
        """Raise ContestantError if any has ended that should not have."""
        if self.failed():
            raise ContestantError(f"ended: {self.log()}")

    def stop(self) -> None:
        """Ask them to stop as an operator would, and wait. Raises ContestantError where one does not end well."""
        if not self._ends_by_itself:
            for process in self.processes:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + _EXIT_SECONDS
        for process in self.processes:
            while (code := self._reap(process, os.WNOHANG)) is None:
                if time.monotonic() > end:
                    raise ContestantError(f"does not stop: {self.log()}")
                time.sleep(_LOOK_SECONDS)
            if code:
                raise ContestantError(f"exit code {code}: {self.log()}")

    def kill(self) -> None:
        """End what still runs."""
        for process in self.processes:
            if self._reap(process, os.WNOHANG) is None:
                process.kill()
                self._reap(process, 0)

    def log(self) -> str:
        """Return what became of them, and the end of what they wrote."""
        codes = ", ".join(str(process.returncode) for process in self.processes)
        texts = [path.read_text(errors="replace") for path in sorted(self._directory.glob("log-*"))]
        return "\n".join((f"(exit codes {codes})", *(text[-1500:] for text in texts)))

    def _reap(self, process: subprocess.Popen[bytes], options: int) -> int | None:
        """Return the exit code, if it has ended; `wait4` tells the CPU time of it and of its children."""
        if process.returncode is not None:
            return process.returncode
        with suppress(ChildProcessError):
            pid, status, used = os.wait4(process.pid, options)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                self._ended_cpu_seconds += used.ru_utime + used.ru_stime
        return process.returncode


def await_first(running: Running, endpoint: Endpoint, base: int) -> "Moment":
    """Wait for the first request; return what was used until then. Raises ContestantError."""
    began = time.monotonic()
    while True:
        moment = Moment.now(running, endpoint, base)
        if moment.requests:
            return moment
        if running.failed():
            raise ContestantError(f"ends before it sends anything: {running.log()}")
        if time.monotonic() - began > _START_SECONDS:
            raise ContestantError(f"sends nothing in {_START_SECONDS:.0f} s: {running.log()}")
        time.sleep(_LOOK_SECONDS)


def measure(
    launches: Sequence[Launch], directory: Path, endpoint: Endpoint, expected: int, watch: Watch
) -> Measurement:
    """Run a contestant until the endpoint has `expected` requests. Raises ContestantError.

    Also where it sent less, or more: whatever is sent twice is counted as revenue twice.
    """
    base = endpoint.requests()
    running = Running(launches, directory)
    wire = usage.Wire(endpoint.port)
    try:
        first = await_first(running, endpoint, base)
        last = _follow(running, endpoint, base, expected, wire, watch)
        wire.look()
        running.look_at_memory()
        running.stop()
    finally:
        running.kill()
    served = endpoint.served()
    total = sum(served.values())
    not_ok = sum(count for (status, _), count in served.items() if status != "200")
    if total != expected or not_ok:
        raise ContestantError(
            f"{expected:,} requests were to be sent; {total:,} came, {not_ok:,} were not answered 200: {running.log()}"
        )
    seconds = last.at - first.at
    up_down = wire.bytes
    return Measurement(
        requests=last.requests,
        counted=last.requests - first.requests,
        wall_seconds=seconds,
        cpu_seconds=last.cpu_seconds - first.cpu_seconds,
        whole_cpu_seconds=running.cpu_seconds(),
        peak_rss_bytes=running.peak_rss_bytes,
        sent_bytes=up_down[0] if up_down else None,
        received_bytes=up_down[1] if up_down else None,
        connections=wire.connections,
        protocol="/".join(sorted({protocol for _, protocol in served})),
        endpoint_share=(last.endpoint_seconds - first.endpoint_seconds) / seconds,
        serving_share=(last.serving_seconds - first.serving_seconds) / seconds,
    )


def collect(launches: Sequence[Launch], directory: Path, endpoint: Endpoint, expected: int) -> list[str]:
    """Run a contestant until the endpoint has `expected` requests; return what the endpoint noted of them.

    Raises ContestantError.
    """
    base = endpoint.requests()
    running = Running(launches, directory)
    try:
        await_first(running, endpoint, base)
        _follow(running, endpoint, base, expected, usage.Wire(endpoint.port), lambda _requests: None)
        running.stop()
    finally:
        running.kill()
    return endpoint.new_lines()


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a run is, and what was used so far."""

    at: float
    requests: int
    cpu_seconds: float
    endpoint_seconds: float
    serving_seconds: float

    @classmethod
    def now(cls, running: Running, endpoint: Endpoint, base: int) -> "Moment":
        requests = endpoint.requests() - base
        return cls(
            time.monotonic(),
            requests,
            running.cpu_seconds(),
            usage.cpu_seconds([endpoint.pid]),
            usage.busy_seconds(cores.SERVING),
        )


def _follow(running: Running, endpoint: Endpoint, base: int, expected: int, wire: usage.Wire, watch: Watch) -> Moment:
    moved_at, looked_at = time.monotonic(), 0.0
    before = 0
    while True:
        moment = Moment.now(running, endpoint, base)
        watch(moment.requests)
        if moment.requests >= expected:
            return moment
        if moment.requests > before:
            before, moved_at = moment.requests, moment.at
        if moment.at - looked_at > _WIRE_SECONDS:
            looked_at = moment.at
            wire.look()
            running.look_at_memory()
        if running.failed() or moment.at - moved_at > _STALL_SECONDS:
            raise ContestantError(f"stands at {moment.requests:,} of {expected:,} requests: {running.log()}")
        time.sleep(_LOOK_SECONDS)
