"""Pace: how workers rest between their rounds, by a steady clock.

Bytewax's wake-ups (`next_awake`, `notify_at`) are times of the wall clock. After a step of it back by a minute, a
source that asked to be called within a millisecond is not called for a minute, not even to hear that it is to stop. So
sources, and windows that hold something, ask for a time that is always over, and are called in every round; one of a
worker's parts rests for all of them.
"""

import select
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

AT_ONCE: Final = datetime.fromtimestamp(0, UTC)
"""A wake-up that is over, whatever the wall clock does."""
_SHORTEST_SECONDS: Final = 0.001
LONGEST_SECONDS: Final = 0.05
_LONGEST_AMONG_OTHERS_SECONDS: Final = 0.01
"""Where several workers run, for what others hand over does not end a rest."""


def wait(seconds: float) -> None:
    """Wait so long. Unlike `time.sleep` it names a length and no moment: tools that step clocks break the latter."""
    select.select((), (), (), seconds)


class _Worker(threading.local):
    """What is known of the worker whose thread asks."""

    def __init__(self) -> None:
        self.leader: object = None
        """The part that rests for all of the worker's: the first that asked."""
        self.is_busy = True
        """Whether a part found something since the last rest."""
        self.rest_seconds = 0.0
        self.due_s: float | None = None
        """When the first of the worker's windows is due."""


class Pace:
    """Rests of a process's workers: none after a round that found something, else 1 ms, doubling up to a limit.

    Each worker has its own. `clock` is a steady clock in seconds, `sleep` waits for some.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = wait) -> None:
        self.clock = clock
        self._sleep = sleep
        self._worker = _Worker()
        self._resting: set[int] = set()
        """The threads of the workers that have a part that rests."""

    def rest(self, part: object, longest_seconds: float = LONGEST_SECONDS) -> None:
        """Rest, if it is for this part to do so; to be asked by each part that is called in every round."""
        worker = self._worker
        if worker.leader is not part:
            if worker.leader is None:
                worker.leader = part
                self._resting.add(threading.get_ident())
            return
        if worker.is_busy:
            worker.is_busy = False
            worker.rest_seconds = 0.0
            return
        longest = min(longest_seconds, _LONGEST_AMONG_OTHERS_SECONDS) if len(self._resting) > 1 else longest_seconds
        worker.rest_seconds = rest = min(max(2 * worker.rest_seconds, _SHORTEST_SECONDS), longest)
        due_s, worker.due_s = worker.due_s, None  # whoever is not called on by then says it again in this round
        if due_s is not None:
            rest = min(rest, due_s - self.clock())
        if rest > 0:
            self._sleep(rest)

    def found(self) -> None:
        """Say that a part of the calling worker found something, so that it goes on without a rest."""
        self._worker.is_busy = True

    def wake_at(self, due_s: float) -> None:
        """Say when, by `clock`, the calling worker's next rest is to be over at the latest."""
        worker = self._worker
        if worker.due_s is None or due_s < worker.due_s:
            worker.due_s = due_s

    def leave(self, part: object) -> None:
        """Say that a part asks no more."""
        if self._worker.leader is part:
            self._worker.leader = None
            self._resting.discard(threading.get_ident())
