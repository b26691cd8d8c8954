"""Read clock: for how long the source was read, and up to when all that it held has been read.

An event waits for what another one teaches, and is given up after a time of reading: hours in which the source was not
read do not count, and what was produced in them is read first. One object serves all workers of a process.
"""

import time
from collections.abc import Callable
from math import ceil
from threading import Lock, get_ident
from typing import Final

from connectors.limited_log import Clock
from flows.domain.punctuation import Punctuation

LONGEST_STEP_SECONDS: Final = 10.0
"""Between two moments of reading no more counts: a process that was stopped in between has not read."""


class ReadClock:
    """Adds up the time of reading, and tells each worker's stream up to when all has been read. For several threads.

    Args:
        shards: how many parts the users have; until each is loaded, nothing is to be read.
        awaited: how many events wait for what is not read yet.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, shards: int, awaited: Callable[[], int] = lambda: 1, clock: Clock = time.monotonic) -> None:
        self._lock = Lock()
        self._clock = clock
        self._awaited = awaited
        self._unloaded = {str(each) for each in range(shards)}
        self._read_s = 0.0
        self._since = clock()
        self.workers: frozenset[int] = frozenset()
        """Those that read something."""
        self._parts: dict[int, int] = {}
        """Worker → how many parts of the source it reads."""
        self._told: dict[int, int] = {}
        """Worker → which version its stream was told."""
        self.version = 1
        """Changes whenever there is something to tell."""
        self.read_to_ms = 0
        """Up to when all that the source held has been read, in ms of reading."""
        self.is_open = not shards
        """Whether everybody's users are loaded, so that the source may be read."""

    @property
    def is_awaited(self) -> bool:
        """Whether any event waits for what is not read yet."""
        return self._awaited() > 0

    @property
    def read_ms(self) -> int:
        """For how long the source was certainly read since the start, in ms."""
        return int(self._read_s * 1000)

    def now_ms(self) -> int:
        """Return for how long it was read since the start, in ms, if it is read at the moment: never too little."""
        return ceil((self._read_s + min(max(self._clock() - self._since, 0.0), LONGEST_STEP_SECONDS)) * 1000)

    def read(self, until: float, *, counts: bool = True) -> None:
        """Add the time since the last call up to `until`, by the clock; or only let it pass, where nothing was read."""
        with self._lock:
            if counts:
                self._read_s += min(max(until - self._since, 0.0), LONGEST_STEP_SECONDS)
            self._since = max(until, self._since)

    def read_now(self, *, counts: bool = True) -> None:
        """Do the same up to now."""
        self.read(self._clock(), counts=counts)

    def all_read(self, read_ms: int) -> None:
        """Say that all has been read that the source held when it had been read for so long."""
        with self._lock:
            if read_ms > self.read_to_ms:
                self.read_to_ms = read_ms
                self.version += 1

    def begin(self) -> None:
        """Say that the calling worker reads one more part of the source."""
        with self._lock:
            self._change(1)

    def end(self) -> None:
        """Say that a part of the calling worker has ended."""
        with self._lock:
            self._change(-1)

    def tell(self) -> Punctuation | None:
        """Return what the calling worker's stream is to be told behind what it has read; None if it was told."""
        worker = get_ident()
        with self._lock:
            if self._told.get(worker) == self.version:
                return None
            self._told[worker] = self.version
            return Punctuation(worker, self.read_to_ms)

    def loaded(self, shard: str) -> None:
        """Say that the users of a shard are there; what reads them has got a mark."""
        if not self.is_open:
            with self._lock:
                self._unloaded.discard(shard)
                self.is_open = not self._unloaded

    def _change(self, parts: int) -> None:
        worker = get_ident()
        self._parts[worker] = self._parts.get(worker, 0) + parts
        self.workers = frozenset(each for each, count in self._parts.items() if count > 0)
        self.version += 1
