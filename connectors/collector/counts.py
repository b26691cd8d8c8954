"""What the collector counts: plain numbers that one event loop moves, and any thread may read."""

from collections import Counter
from typing import Final

from flows.domain.histogram import Histogram

DURABLE_BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
OTHER: Final = "other"
_MOST_KEYS: Final = 20
_MOST_LIBRARIES: Final = 50
"""A client says itself what it is called, and anybody can be a client."""


class CollectorCounts:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        """(what was asked for, status) → requests."""
        self.refused: Counter[str] = Counter()
        """Why → requests of which nothing was taken."""
        self.events: Counter[str] = Counter()
        """Library → events that were stored."""
        self.invalid: Counter[str] = Counter()
        """Reason → events that were stored, and that decode is going to refuse."""
        self.unknown_api_keys: Counter[str] = Counter()
        """First and last characters of a key that is not in the settings → requests."""
        self.throttled_events = 0
        """Events that were answered 429: their clients keep them."""
        self.durable = Histogram(DURABLE_BOUNDS_SECONDS)
        """Seconds from the whole request to its events' being durable."""
        self.in_flight = 0
        """Requests that are not answered yet."""

    def unknown_api_key(self, masked: str) -> None:
        """Count a request with a key that is not in the settings."""
        name = masked if masked in self.unknown_api_keys or len(self.unknown_api_keys) < _MOST_KEYS else OTHER
        self.unknown_api_keys[name] += 1

    def stored(self, library: str, count: int) -> None:
        """Count events of a library."""
        name = library if library in self.events or len(self.events) < _MOST_LIBRARIES else OTHER
        self.events[name] += count
