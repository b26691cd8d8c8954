"""A log for what repeats itself: the first of a kind is written, the next ones are counted for a while."""

import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import structlog

Clock = Callable[[], float]

QUIET_SECONDS = 10.0
"""A message of one class is written at most once in this time; librdkafka repeats itself many times a second."""


class LimitedLog:
    """Writes to structlog; a message whose class was written less than `quiet_seconds` ago is counted instead.

    The count goes out with the next message of that class, as `suppressed`, or with `write_counts`. Safe to call from
    any thread.
    """

    def __init__(self, quiet_seconds: float = QUIET_SECONDS, clock: Clock = time.monotonic) -> None:
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}
        self._suppressed: dict[str, tuple[int, int, str]] = {}
        """Class → (how many, level and text of the last)."""
        self._log = structlog.get_logger()
        with _every_lock:
            _every.add(self)

    def say(self, level: int, event: str, *, message_class: str | None = None, **details: Any) -> None:
        """Write the event, or count it. Its class is the event itself unless another is given."""
        kind = event if message_class is None else message_class
        with self._lock:
            now = self._clock()
            written = self._written.get(kind)
            if written is not None and now - written < self._quiet_seconds:
                self._suppressed[kind] = (self._suppressed.get(kind, (0,))[0] + 1, level, event)
                return
            self._written[kind] = now
            suppressed, *_ = self._suppressed.pop(kind, (0,))
        if suppressed:
            details["suppressed"] = suppressed
        self._log.log(level, event, **details)

    def write_counts(self) -> None:
        """Write how often what was counted has come, where nothing of its class has been written for a while."""
        with self._lock:
            now = self._clock()
            due = [kind for kind in self._suppressed if now - self._written[kind] >= self._quiet_seconds]
            counted = [self._suppressed.pop(kind) for kind in due]
            self._written.update(dict.fromkeys(due, now))
        for count, level, event in counted:
            self._log.log(level, event, suppressed=count)


_every: WeakSet[LimitedLog] = WeakSet()
_every_lock = threading.Lock()


def write_counts() -> None:
    """Let every limited log of the process write what it has counted and nothing has brought to light since."""
    with _every_lock:
        logs = list(_every)
    for each in logs:
        each.write_counts()
