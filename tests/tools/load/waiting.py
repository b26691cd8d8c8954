"""Waiting for a process to be ready: bounded, and over at once when it ends."""

import socket
import time
from typing import Final

from tests.tools.load.children import Child

_START_SECONDS: Final = 20.0


class NotStartedError(Exception):
    """A process did not start; the message holds its last words."""


def await_listening(host: str, port: int, child: Child) -> None:
    """Wait until somebody listens there. Raises NotStartedError."""
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if child.has_ended or time.monotonic() > until:
                raise NotStartedError(f"{child.name} did not start; its last words:\n{child.last_words()}") from None
            time.sleep(0.02)
        else:
            return
