"""What processes use: CPU time, memory and bytes on the wire, as Linux counts them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SENT: Final = re.compile(r"\bbytes_sent:(\d+)")
_RECEIVED: Final = re.compile(r"\bbytes_received:(\d+)")


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:  # the thread has ended
                continue
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the user and system time of processes so far, in steps of a hundredth; of one that is gone, 0."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def peak_rss_bytes(pids: Iterable[int]) -> int:
    """Return the sum of the highest resident sizes of processes so far."""
    total = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        total += int(found[1]) * 1024 if found else 0
    return total


def busy_seconds(core: int) -> float:
    """Return how long a core was busy since the machine's start, with whatever."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name == f"cpu{core}":
            ticks = [int(value) for value in values[:8]]
            return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS  # without idle and iowait
    raise LookupError(f"no core {core}")


class Wire:
    """The bytes that went over the TCP connections to a local port, TLS included, IP's and TCP's own heads not."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ss = shutil.which("ss", path="/usr/bin:/usr/sbin:/bin:/sbin")
        self._seen: dict[str, tuple[int, int]] = {}

    def look(self) -> None:
        """Take note of the connections that there are; to be called now and then, for what has ended is not shown."""
        if self._ss is None:
            return
        command = [self._ss, "-tinOH", "state", "established", "sport", "=", f":{self._port}"]
        for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
            sent, received = _SENT.search(line), _RECEIVED.search(line)
            fields = line.split()
            if len(fields) > 3:
                self._seen[fields[3]] = (int(received[1]) if received else 0, int(sent[1]) if sent else 0)

    @property
    def connections(self) -> int:
        """How many connections were seen."""
        return len(self._seen)

    @property
    def bytes(self) -> tuple[int, int] | None:
        """(to the server, from the server); None where `ss`, of iproute2, is not there to ask."""
        if self._ss is None:
            return None
        return sum(up for up, _ in self._seen.values()), sum(down for _, down in self._seen.values())
