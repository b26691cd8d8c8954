"""What was produced, and when the broker took it: shared by the generator and whoever watches it, in a mapped file."""

import mmap
from pathlib import Path
from typing import Final, Self

_HEAD: Final = 6
_BYTES: Final = 8


class Produced:
    """Counters, and for each event the time of the broker's log, in ms since the epoch; 0 while it has none."""

    def __init__(self, path: Path, events: int = 0) -> None:
        """Make the file for so many events, or open the one that is there. Raises OSError."""
        if events:
            path.write_bytes(b"")
            with path.open("r+b") as fresh:
                fresh.truncate((_HEAD + events) * _BYTES)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._values = memoryview(self._map).cast("q")

    def __len__(self) -> int:
        """Return how many events there is room for."""
        return len(self._values) - _HEAD

    def stamp(self, number: int, broker_ms: int) -> None:
        """Note when the broker took an event."""
        self._values[_HEAD + number] = broker_ms
        self._values[1] += 1

    def broker_ms(self, number: int) -> int:
        """Return when the broker took it; 0 if it has not yet, or there is no such event."""
        return self._values[_HEAD + number] if 0 <= number < len(self) else 0

    sent = property(lambda self: self._values[0], lambda self, value: self._set(0, value), doc="Handed to the client.")
    taken = property(lambda self: self._values[1], doc="Acknowledged by the broker.")
    failed = property(lambda self: self._values[2], lambda self, value: self._set(2, value), doc="Given up.")
    behind = property(
        lambda self: self._values[3], lambda self, value: self._set(3, value), doc="How many are due and not sent."
    )
    begun_ms = property(
        lambda self: self._values[4], lambda self, value: self._set(4, value), doc="When the first was due; 0 before."
    )

    sent_ms = property(
        lambda self: self._values[5], lambda self, value: self._set(5, value), doc="When the last was sent; 0 before."
    )

    def _set(self, place: int, value: int) -> None:
        self._values[place] = value

    def close(self) -> None:
        """Let go of the file."""
        self._values.release()
        self._map.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
