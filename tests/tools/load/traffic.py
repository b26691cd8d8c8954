"""Traffic: what the generator sends, either invented or out of an archive."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

MARK: Final = "load_event"
"""The event property that holds an event's number. It goes through the stream to the endpoint, which notes it."""


class Message(NamedTuple):
    """A Kafka message: one event, keyed by user, else device."""

    key: bytes | None
    value: bytes


class Traffic(Protocol):
    """A source of messages without an end."""

    def messages(self, first: int, count: int, now_ms: int) -> Iterator[Message]:
        """Yield the events with these numbers, as they happen now."""
        ...
