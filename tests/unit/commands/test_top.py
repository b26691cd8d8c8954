"""`python -m flows top` at a real terminal: it fills it, and `q` ends it."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from typing import Final

import pytest

from flows.observe.metrics.metric import PACKAGE
from flows.observe.page_server import Page, PagesByPath, PageServer, json_page, listen
from tests.unit.commands.test_monitor import STATUS

ROWS, COLUMNS = 12, 60
PATIENCE_SECONDS: Final = 30


class _Pages:
    """A slice that answers."""

    def __init__(self) -> None:
        self.by_path: PagesByPath = {"/status": self._status}

    def look(self) -> None:
        """Note nothing."""

    def _status(self, _: str) -> Page:
        return json_page({"name": PACKAGE, **STATUS})


@pytest.fixture
def url() -> Iterator[str]:
    """Give the address of a slice."""
    server = PageServer(_Pages(), listen("127.0.0.1", 0))
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_it_fills_a_small_terminal_and_q_ends_it(url: str) -> None:
    person, program = os.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "flows", "top", "--url", url, "--interval-seconds", "3600"]
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    environment.pop("LINES", None)
    top = subprocess.Popen(command, stdin=program, stdout=program, stderr=program, env=environment)
    os.close(program)
    shown = b""
    try:
        while b"q quits" not in shown:
            shown += os.read(person, 4096)
        os.write(person, b"q")
        assert top.wait(PATIENCE_SECONDS) == 0
    finally:
        top.kill()
        top.wait()
        os.close(person)
    assert b"top  1 slice, every 3600 s" in shown
    assert b"more lines: make the window higher" in shown
    assert b"too narrow for: lag s, held, users" in shown
