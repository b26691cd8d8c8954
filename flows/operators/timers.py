"""Timers: when a user's held events are due, by one of the two times that they wait by."""

from heapq import heappop, heappush

from flows.domain.user import User


class Timers:
    """Keys of users, soonest first. A timer that fires too early is set again."""

    def __init__(self, *, settling: bool) -> None:
        """`settling` is for the events that wait by the wall clock for their install, else for the others."""
        self._settling = settling
        self._due: list[tuple[int, str]] = []
        self._noted: dict[str, int] = {}
        """When each is to be looked at, at the latest."""

    @property
    def next_ms(self) -> int | None:
        """When `due` is to be asked next; None if nobody has such an event."""
        return self._due[0][0] if self._due else None

    def concern(self, user: User) -> bool:
        """Return whether a user holds an event that waits by this time."""
        return user.due_ms(settling=self._settling) is not None

    def note(self, key: str, user: User) -> None:
        """Note when a user's held events are due."""
        due_ms = user.due_ms(settling=self._settling)
        if due_ms is not None and due_ms < self._noted.get(key, due_ms + 1):
            self._noted[key] = due_ms
            heappush(self._due, (due_ms, key))

    def due(self, now_ms: int) -> list[str]:
        """Return whom to look at now; whoever looks notes those again who have more."""
        found: dict[str, None] = {}
        while self._due and self._due[0][0] <= now_ms:
            noted_ms, key = heappop(self._due)
            if self._noted.get(key) == noted_ms:
                del self._noted[key]
            found[key] = None
        return list(found)
