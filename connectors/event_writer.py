"""Where events go that are taken in: into a source of the stream."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class TakenEvent(NamedTuple):
    """One event that was taken in and is not stored yet."""

    value: bytes
    """The event, as JSON; or what was sent in its place, which the stream's decode refuses with its reason."""
    key: bytes | None
    """The user's id, else the device's, in UTF-8; None where it has neither."""
    received_ms: int
    """When its request arrived, in ms since the epoch."""
    library: str
    """The name and version of the client that made it, as it says itself, at most 64 characters; empty if not said."""


class Waiting(NamedTuple):
    """What is stored and has not met its fate."""

    events: int
    oldest_received_ms: int | None
    """When the oldest of them arrived, in ms since the epoch; None where none waits."""
    size_bytes: int
    """What all that is stored takes."""


class EventsNotStoredError(Exception):
    """Nothing says that the events are stored; it is safe to send them again. The text says why, without content."""


class EventWriter(Protocol):
    """Stores events for good. Belongs to one event loop, which calls all of its methods."""

    async def write(self, events: Sequence[TakenEvent]) -> None:
        """Store them in their order; when this returns they are durable. Raises EventsNotStoredError.

        Where it is cancelled, they may be stored or not. What is written at the same time shares the cost of a sync.
        """

    @property
    def blocked(self) -> str | None:
        """Why nothing can be stored now, as far as that is known."""

    @property
    def waiting(self) -> Waiting | None:
        """What is stored and has not met its fate, as of some seconds ago; None where that is not known here."""

    async def close(self) -> None:
        """Store what was begun, and let go of files and connections. May be called more than once."""
