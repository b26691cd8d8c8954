"""kill -9 of the collector or of the stream at any moment: what was said to be stored is read, and once."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.inbox import size_bytes
from tests.fixtures.inbox_process import what_was_read

KILLS = 7
PATIENCE_SECONDS = 30.0


class Processes:
    """A process that writes, one that reads, and what they have noted."""

    def __init__(self, directory: Path) -> None:
        self.inbox = directory / "inbox"
        self.stored = directory / "stored"
        self.read = directory / "read"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = 0

    def start(self, what: str) -> None:
        """Start one, and wait until it has noted something more."""
        self._starts += 1
        noted = self.stored if what == "write" else self.read
        more = [str(self._starts)] if what == "write" else []
        before = noted.stat().st_size if noted.exists() else 0
        command = [sys.executable, "-m", "tests.fixtures.inbox_process", what, str(self.inbox), str(noted), *more]
        self.running[what] = subprocess.Popen(command)
        until = time.monotonic() + PATIENCE_SECONDS
        while not noted.exists() or noted.stat().st_size == before:
            assert self.running[what].poll() is None
            assert time.monotonic() < until
            time.sleep(0.005)

    def kill(self, what: str) -> None:
        """Kill one."""
        self.running[what].kill()
        self.running.pop(what).wait()

    def end(self, what: str) -> None:
        """End one by itself."""
        self.running[what].terminate()
        assert self.running.pop(what).wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    for each in list(made.running):
        made.kill(each)


def test_whatever_is_killed_each_event_that_was_stored_is_read_once_and_no_id_comes_twice(
    processes: Processes,
) -> None:
    dice = random.Random()
    processes.start("write")
    processes.start("read")
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.0, 0.15))
        killed = dice.choice(("write", "read"))
        processes.kill(killed)
        processes.start(killed)
    processes.end("write")
    processes.end("read")
    stored = processes.stored.read_text().split()
    read = what_was_read(processes.read).events
    values = [value for _, _, value in read]
    assert len(stored) > 1000
    assert set(stored) <= set(values)
    assert len(values) == len(set(values))
    assert [number for _, number, _ in read] == sorted({number for _, number, _ in read})
    assert len({name for name, _, _ in read}) == 1
    assert size_bytes(processes.inbox) < 2_000_000
    by_client: dict[str, list[tuple[int, ...]]] = {}
    for value in values:
        run, client, upload, place = map(int, value.split("/"))
        by_client.setdefault(f"{run}/{client}", []).append((upload, place))
    assert all(uploads == sorted(uploads) for uploads in by_client.values())
