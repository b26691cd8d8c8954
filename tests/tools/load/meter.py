"""What processes and the machine take: CPU, memory, open files."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Use:
    """What some processes take, together."""

    cpu: float
    """Cores, since the last look."""
    most_cpu: float
    """Cores of the busiest one."""
    rss_bytes: int
    files: int
    """Open files and sockets."""


NOTHING = Use(0.0, 0.0, 0, 0)


class Meter:
    """Looks at processes, and at those that they have started."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in pids]
        self._seconds: dict[int, float] = {}
        self._at = time.monotonic()
        self.look()

    def look(self) -> Use:
        """Return what they took since the last look; what has ended takes nothing."""
        now = time.monotonic()
        elapsed, self._at = max(now - self._at, 1e-6), now
        cpu, most, rss, files = 0.0, 0.0, 0, 0
        seconds: dict[int, float] = {}
        for process in self._all():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss += process.memory_info().rss
                    files += process.num_fds()
            except psutil.Error:
                continue
            seconds[process.pid] = times.user + times.system
            used = (seconds[process.pid] - self._seconds.get(process.pid, seconds[process.pid])) / elapsed
            cpu += used
            most = max(most, used)
        self._seconds = seconds
        return Use(cpu, most, rss, files)

    def _all(self) -> list[psutil.Process]:
        found = []
        for root in self._roots:
            try:
                found += [root, *root.children(recursive=True)]
            except psutil.Error:
                continue
        return found


@dataclass(frozen=True, slots=True)
class MachineUse:
    """What the whole machine does."""

    busy: float
    """Share of all cores, since the last look."""
    stolen: float
    """Share that the machine wanted and did not get, for it is a guest among others."""


class Machine:
    """Looks at all cores."""

    def __init__(self) -> None:
        psutil.cpu_times_percent()  # the first look has nothing to compare with

    def look(self) -> MachineUse:
        """Return what they did since the last look."""
        found = psutil.cpu_times_percent()
        stolen = getattr(found, "steal", 0.0) / 100
        return MachineUse(1 - found.idle / 100 - getattr(found, "iowait", 0.0) / 100 - stolen, stolen)
