"""Held events: those of one user that wait, oldest first, and the memory that they take."""

from collections.abc import Iterable
from typing import Final

from flows.domain.decision import Held

HELD_EVENT_BYTES: Final = 10 << 10
"""What a user's held events may take on average, where as many wait as may: by default 1 MB a user."""


class HeldEvents:
    """A queue of held events."""

    __slots__ = ("events", "size_bytes")

    def __init__(self, events: Iterable[Held] = ()) -> None:
        self.events = list(events)
        self.size_bytes = sum([each.size_bytes for each in self.events])

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self.events)

    def add(self, held: Held) -> None:
        """Add the newest."""
        self.events.append(held)
        self.size_bytes += held.size_bytes

    def pop_oldest(self) -> Held:
        """Take out the oldest."""
        held = self.events.pop(0)
        self.size_bytes -= held.size_bytes
        return held

    def has_room(self, held: Held, most: int) -> bool:
        """Return whether one more can wait, where so many may; the only one can, however large it is."""
        room_bytes = most * HELD_EVENT_BYTES - held.size_bytes
        return not self.events or (len(self.events) < most and self.size_bytes <= room_bytes)

    def due_ms(self, *, settling: bool) -> int | None:
        """Return when the first is due, of those that settle or of the others; None if there is none."""
        return min((held.until_ms for held in self.events if held.settling is settling), default=None)
