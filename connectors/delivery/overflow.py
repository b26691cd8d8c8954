"""The overflow: what waits on disk for apps in trouble, one spill for each lane, so that it takes no room in memory."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from connectors.delivery.in_flight import InFlight
from connectors.delivery.items import pack
from connectors.limited_log import LimitedLog
from connectors.state.disk import StateDisk
from connectors.state.layout import spill_directory
from connectors.state.spill import Spill, SpillMark

MOST_SET_ASIDE: Final = 500_000
"""Per app; then the source waits for it. The ledger's entry of each stays in memory, some 150 bytes."""
TAKEN_BACK_BYTES: Final = 8 << 20
"""What is moved back from the disk at a time, at the most."""


class Overflow:
    """Spills by lane. The outbox alone uses it, and lets one thread at a time do so."""

    def __init__(self, directory: Path, disk: StateDisk) -> None:
        self._directory = directory
        self._disk = disk
        self._spills: dict[str, Spill] = {}
        self._log = LimitedLog()

    @property
    def size(self) -> int:
        """How many deliveries wait on disk."""
        return sum(spill.size for spill in list(self._spills.values()))

    def sizes(self) -> dict[str, int]:
        """Return how many deliveries of each lane wait on disk."""
        return {lane: spill.size for lane, spill in list(self._spills.items())}

    def size_of(self, lane: str) -> int:
        """Return how many of a lane's wait on disk."""
        spill = self._spills.get(lane)
        return spill.size if spill is not None else 0

    def append(self, in_flight: InFlight) -> bool:
        """Write a delivery; return False where that cannot be, and say so."""
        lane = in_flight.delivery.lane
        has_room = self._disk.has_room()
        if has_room and self._append(lane, in_flight):
            return True
        self._log.say(
            logging.WARNING,
            "no more can be set aside for an app in trouble; what it keeps back takes room from the other apps, and "
            "when there is none left the source waits",
            message_class=f"set aside {lane}",
            lane=lane,
            why="the most are set aside, or the disk refuses" if has_room else "the state disk is nearly full",
            most=MOST_SET_ASIDE,
        )
        return False

    def _append(self, lane: str, in_flight: InFlight) -> bool:
        if self.size_of(lane) >= MOST_SET_ASIDE:
            return False
        try:
            if lane not in self._spills:
                self._spills[lane] = Spill(self._directory_of(lane))
            self._spills[lane].append((pack(in_flight.delivery), tuple(in_flight.attempts)))
        except OSError as problem:
            self._log.say(
                logging.WARNING, "the overflow cannot be written; other apps may have to wait", why=problem.strerror
            )
            return False
        return True

    def take(self, lane: str, most: int) -> list[tuple[Any, ...]]:
        """Remove and return up to so many of a lane's, the oldest first, as (packed delivery, its attempts)."""
        return self._spills[lane].take(most, TAKEN_BACK_BYTES)

    def marks(self) -> dict[str, SpillMark]:
        """Return where each spill stands, for a snapshot; what it holds is durable then. Raises OSError."""
        return {lane: spill.mark() for lane, spill in self._spills.items()}

    def resume(self, lane: str, mark: SpillMark) -> Iterator[tuple[Any, ...]]:
        """Open a lane's spill where a snapshot says it stood; return the packed deliveries that wait there.

        Raises DamagedStateError where it is not what was written, or OSError.
        """
        spill = self._spills[lane] = Spill(self._directory_of(lane), mark)
        return (packed for packed, _ in spill.peek())

    def forget(self) -> None:
        """Remove what an earlier run set aside: without a snapshot it is read from the source again."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def close(self) -> None:
        """Close the files."""
        for spill in self._spills.values():
            spill.close()

    def _directory_of(self, lane: str) -> Path:
        return spill_directory(self._directory, lane)
