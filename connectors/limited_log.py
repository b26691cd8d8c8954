"""A log for what repeats itself: the first of a kind is written, the next ones are counted for a while."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

Clock = Callable[[], float]

QUIET_SECONDS = 10.0
"""A message of one class is written at most once in this time; librdkafka repeats itself many times a second."""


class LimitedLog:
    """Writes to structlog; a message whose class was written less than `quiet_seconds` ago is counted instead.

    The count goes out with the next message of that class, as `suppressed`. Safe to call from any thread.
    """

    def __init__(self, quiet_seconds: float = QUIET_SECONDS, clock: Clock = time.monotonic) -> None:
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}
        self._log = structlog.get_logger()

    def say(self, level: int, event: str, *, message_class: str | None = None, **details: Any) -> None:
        """Write the event, or count it. Its class is the event itself unless another is given."""
        kind = event if message_class is None else message_class
        with self._lock:
            now = self._clock()
            written = self._written.get(kind)
            if written is not None and now - written < self._quiet_seconds:
                self._suppressed[kind] = self._suppressed.get(kind, 0) + 1
                return
            self._written[kind] = now
            suppressed = self._suppressed.pop(kind, 0)
        if suppressed:
            details["suppressed"] = suppressed
        self._log.log(level, event, **details)
