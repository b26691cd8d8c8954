"""Counts of what arrived. Its memory is bounded where it is told to forget old bodies."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

_NAMES_LIMIT: Final = 1000
_OTHERS: Final = "(others)"


class Bodies:
    """How often each body arrived and was accepted. Of a body only a 64-bit hash is kept."""

    def __init__(self, remember: int | None) -> None:
        """`remember` is the number of different bodies after which the oldest is forgotten; None forgets none."""
        self._remember = remember
        self._attempts: dict[int, int] = {}
        self._accepted: dict[int, int] = {}
        self.unique = 0
        self.accepted_unique = 0
        self.accepted_twice = 0

    def arrived(self, key: int) -> int:
        """Count one more arrival of a body and return how many there are now."""
        attempt = self._attempts.get(key, 0) + 1
        self._attempts[key] = attempt
        if attempt == 1:
            self.unique += 1
            if self._remember is not None and len(self._attempts) > self._remember:
                oldest = next(iter(self._attempts))
                del self._attempts[oldest]
                self._accepted.pop(oldest, None)
        return attempt

    def accepted(self, key: int) -> None:
        """Count that a body was answered with 200."""
        times = self._accepted.get(key, 0) + 1
        self._accepted[key] = times
        if times == 1:
            self.accepted_unique += 1
        elif times == 2:  # noqa: PLR2004  # the second time makes a duplicate
            self.accepted_twice += 1


class SandboxTally:
    """Everything that `/control/summary` says."""

    def __init__(self, remember_bodies: int | None) -> None:
        self.bodies = Bodies(remember_bodies)
        self.requests = 0
        self.accepted = 0
        self.recorded = 0
        self._statuses: Counter[str] = Counter()
        self._apps: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def count(
        self, *, status: int | None, recorded: bool, app_id: str | None, notes: Iterable[str], fault: str | None
    ) -> None:
        """Count one request."""
        self.requests += 1
        self.accepted += status == 200  # noqa: PLR2004  # HTTP's OK
        self.recorded += recorded
        self._statuses["none" if status is None else str(status)] += 1
        if app_id is not None:
            known = app_id in self._apps or len(self._apps) < _NAMES_LIMIT
            self._apps[app_id if known else _OTHERS] += 1
        for note in notes:
            self._notes[str(note)] += 1
        if fault is not None:
            self._faults[fault] += 1

    def summary(self) -> dict[str, Any]:
        """Return the counts as JSON would hold them."""
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "recorded": self.recorded,
            "not_recorded": self.accepted - self.recorded,
            "unique_bodies": self.bodies.unique,
            "accepted_bodies": self.bodies.accepted_unique,
            "duplicate_bodies": self.bodies.accepted_twice,
            "by_status": dict(self._statuses),
            "by_app": dict(self._apps),
            "by_note": dict(self._notes),
            "by_fault": dict(self._faults),
        }
