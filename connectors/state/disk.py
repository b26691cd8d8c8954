"""The state disk: nothing is read while it is nearly full, for the engine dies where it cannot write a snapshot.

Two things keep room for the snapshots that are still to come. Reading stops while less than a reserve is free. And a
ballast file stands ready, which is removed when something else has taken that reserve, too.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from connectors.limited_log import Clock, LimitedLog
from connectors.state.layout import BALLAST

_MB: Final = 1_000_000
RESERVE_BYTES: Final = 256 * _MB
BALLAST_BYTES: Final = 64 * _MB
LEAST_BYTES: Final = 16 * _MB
_WATCHED_BYTES: Final = 4 * RESERVE_BYTES
"""A disk with more than this cannot be filled within one look, and needs no ballast yet."""
_RESERVE_SHARE, _BALLAST_SHARE, _LEAST_SHARE = 4, 8, 16
"""Of a small disk, at most this part of the whole."""
_LOOK_SECONDS: Final = 0.1
_REMINDER_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 0.5


class Space(Protocol):
    """What `os.statvfs` returns."""

    @property
    def f_frsize(self) -> int:
        """Bytes per block."""

    @property
    def f_blocks(self) -> int:
        """Blocks of the whole disk."""

    @property
    def f_bavail(self) -> int:
        """Free blocks for everybody."""


class Room(NamedTuple):
    """How full the state disk is."""

    free_bytes: int
    reserve_bytes: int
    """With less free, nothing more is read."""
    is_full: bool
    """Whether nothing is read at the moment, as of the last look."""


class StateDisk:
    """Looks after the disk that a directory is on. `has_room` may be asked by any thread, thousands of times a second.

    Args:
        directory: where the ballast is put; it must be there.
        space: `os.statvfs`.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, directory: Path, space: Callable[[Path], Space] = os.statvfs, clock: Clock = time.monotonic
    ) -> None:
        self._directory = directory
        self._ballast = directory / BALLAST
        self._space = space
        self._clock = clock
        self._log = LimitedLog(_REMINDER_SECONDS, clock)
        self._next_look = clock()
        self._has_room = True

    def has_room(self) -> bool:
        """Return whether more may be read. Looks every tenth of a second; says so when it ends and begins."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._look()
        return self._has_room

    @property
    def is_full(self) -> bool:
        """Whether nothing is read at the moment, as of the last look."""
        return not self._has_room

    def room(self) -> Room:
        """Measure, for those who look at it from outside. Raises OSError where the disk is gone."""
        free, whole = self._measure()
        return Room(free, _part(RESERVE_BYTES, whole, _RESERVE_SHARE), self.is_full)

    def may_start(self) -> bool:
        """Return whether there is room to begin at all, so that what is pending goes out; removes the ballast first."""
        free, whole = self._measure()
        least = _part(LEAST_BYTES, whole, _LEAST_SHARE)
        if free < least:
            self._drop_ballast()
            free, _ = self._measure()
        if free >= least:
            return True
        self._say("the state disk is full; waiting for room before anything is started", free, least)
        return False

    def _look(self) -> None:
        free, whole = self._measure()
        reserve = _part(RESERVE_BYTES, whole, _RESERVE_SHARE)
        ballast = _part(BALLAST_BYTES, whole, _BALLAST_SHARE)
        has_ballast = self._ballast.exists()
        if free < ballast and has_ballast:
            self._drop_ballast()
        elif reserve + ballast <= free < _WATCHED_BYTES and not has_ballast:
            self._lay_ballast(ballast)
        # What the ballast gave free is no room to read into.
        has_room = free >= reserve + (0 if has_ballast or self._has_room else ballast)
        if has_room and not self._has_room:
            self._log.say(logging.INFO, "the state disk has room again; going on", free_mb=free // _MB)
        self._has_room = has_room
        if not has_room:
            self._say("the state disk is nearly full; nothing more is read until it has room", free, reserve)

    def _measure(self) -> tuple[int, int]:
        space = self._space(self._directory)
        return space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize

    def _say(self, what: str, free: int, needed: int) -> None:
        self._log.say(
            logging.ERROR,
            what,
            directory=str(self._directory),
            free_mb=free // _MB,
            needed_mb=-(-needed // _MB),
            do="make room on that disk, or give it more; nothing is lost meanwhile",
        )

    def _lay_ballast(self, size_bytes: int) -> None:
        try:
            with self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError:
            self._drop_ballast()

    def _drop_ballast(self) -> None:
        with suppress(OSError):
            self._ballast.unlink(missing_ok=True)


def _part(most: int, whole: int, share: int) -> int:
    return min(most, whole // share)


def await_room(directory: Path, sleep: Callable[[float], None] = time.sleep) -> None:
    """Make the directory, and wait until its disk has room to begin. Raises OSError where it cannot be made."""
    directory.mkdir(parents=True, exist_ok=True)
    disk = StateDisk(directory)
    while not disk.may_start():
        sleep(_RETRY_SECONDS)
