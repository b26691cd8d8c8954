"""Held events as they are stored, by which time each waits.

Since version 2 an event that waits for an id does so by the time for which the source was read, which is stored with
the users: hours in which nothing is read do not count. Version 1 stored when it was to be given up, by the wall clock.
"""

from typing import Any, Final, NamedTuple

from flows.domain.event import JsonObject
from flows.domain.user_state import KEEPING_VERSION, STATE_VERSION, UserState

READ_VERSIONS: Final = (1, STATE_VERSION, KEEPING_VERSION)
_BY_WALL_CLOCK: Final = 1


class StoredHeld(NamedTuple):
    """A held event; it is stored as a plain tuple."""

    raw: bytes
    key: bytes | None
    received_ms: int
    place: tuple[str, int, int, int]
    """Its position."""
    targets: tuple[tuple[str, int, str], ...]
    """(sync, copy, the name to send it as)"""
    until_ms: int
    settling: bool
    properties: JsonObject | None = None
    """The kept properties that stand behind the event, if any; since version 3"""

    def stored(self) -> tuple[object, ...]:
        """Return it as it is stored."""
        return tuple(self) if self.properties else tuple(self)[:-1]


def current_state(state: UserState, read_ms: int) -> UserState:
    """Return a state as this version stores it. `read_ms` is for how long the source was read when it was stored.

    Of version 1 nobody knows for how long it was read since the user was last heard of, so none of that counts.
    """
    if state.version != _BY_WALL_CLOCK:
        return state
    heard_ms = state.touched_s * 1000
    held = tuple(_waits_until(each, read_ms + max(each.until_ms - heard_ms, 0)) for each in held_events(state))
    return state._replace(version=STATE_VERSION, held=held)


def shifted(state: UserState, shift_ms: int) -> UserState:
    """Return a state whose held events wait by another count of the time of reading, which is so much ahead."""
    return state._replace(
        held=tuple(_waits_until(each, max(each.until_ms + shift_ms, 0)) for each in held_events(state))
    )


def held_events(state: UserState) -> list[StoredHeld]:
    """Return the held events of a state."""
    held: tuple[tuple[Any, ...], ...] = state.held
    return [StoredHeld(*each) for each in held]


def _waits_until(held: StoredHeld, until_ms: int) -> tuple[object, ...]:
    return (held if held.settling else held._replace(until_ms=until_ms)).stored()
