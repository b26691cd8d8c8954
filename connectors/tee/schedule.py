"""Schedule: which copy is sent next. Copies with a user or a device in common go one after the other, in their order.

A copy that has to wait again and again lets those behind it pass. Pure: no clock, no I/O.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connectors.tee.answers import Part

_TRIES_IN_A_ROW: Final = 3
"""After so many failures others are tried before it, for it may be this one alone that fails."""


class WaitingCopy:
    """A copy in the queue, and what is left to be sent of it."""

    __slots__ = (
        "events", "failures", "first_waits", "holds", "id", "keys", "parts", "received_ms", "refusals", "size", "taken",
    )  # fmt: skip

    def __init__(self, number: int, received_ms: int, events: int, size: int, keys: Iterable[int]) -> None:
        self.id = number
        self.received_ms = received_ms
        self.events = events
        self.size = size
        self.keys = tuple(keys)
        """Emptied when it lets the ones behind it pass."""
        self.parts: list[tuple[float, Part | None]] = [(0.0, None)]
        """When each is due, by the schedule's clock; None is the whole request as it was sent."""
        self.failures = 0
        self.refusals = 0
        self.holds = 0
        """How often some of it was held back."""
        self.taken = 0
        """How many requests Amplitude had taken when this one failed last."""
        self.first_waits = 0
        """In how many rows it is not the first."""


class Schedule:
    """The copies that are known in memory. Belongs to one thread."""

    def __init__(self) -> None:
        self._rows: dict[int, deque[WaitingCopy]] = {}
        self._ready: list[tuple[int, int, WaitingCopy]] = []
        self._due: list[tuple[float, int, WaitingCopy]] = []
        self._count = 0
        self.keys = 0
        """How many the copies have together."""

    def __len__(self) -> int:
        """Return how many copies are not done, with those that are being sent."""
        return self._count

    def add(self, copy: WaitingCopy) -> None:
        """Add one, behind those that it has a key in common with."""
        self._count += 1
        self.keys += len(copy.keys)
        for key in copy.keys:
            row = self._rows.setdefault(key, deque())
            copy.first_waits += bool(row)
            row.append(copy)
        if not copy.first_waits:
            self._make_ready(copy)

    def next(self, now_s: float) -> WaitingCopy | None:
        """Return the one to send now, which is then out of the schedule until `wait` or `done`."""
        while self._due and self._due[0][0] <= now_s:
            self._make_ready(heapq.heappop(self._due)[2])
        return heapq.heappop(self._ready)[2] if self._ready else None

    def wait(self, copy: WaitingCopy, until_s: float) -> None:
        """Send it again at that time."""
        heapq.heappush(self._due, (until_s, copy.id, copy))

    def let_pass(self, copy: WaitingCopy) -> None:
        """Let those behind it go before it."""
        self.keys -= len(copy.keys)
        keys, copy.keys = copy.keys, ()
        for key in keys:
            row = self._rows[key]
            row.popleft()
            if not row:
                del self._rows[key]
                continue
            row[0].first_waits -= 1
            if not row[0].first_waits:
                self._make_ready(row[0])

    def done(self, copy: WaitingCopy) -> None:
        """Forget one."""
        self.let_pass(copy)
        self._count -= 1

    @property
    def next_due_s(self) -> float | None:
        """When the next of those that wait is due; None where none does."""
        return self._due[0][0] if self._due else None

    @property
    def has_ready(self) -> bool:
        """Whether one could be sent without waiting, as of the last `next`."""
        return bool(self._ready)

    def _make_ready(self, copy: WaitingCopy) -> None:
        heapq.heappush(self._ready, (copy.failures // _TRIES_IN_A_ROW, copy.id, copy))
