"""Held events as they are stored, by which time each waits.

Since version 2 an event that waits for an id does so by the time for which the source was read, which is stored with
the users: hours in which nothing is read do not count. Version 1 stored when it was to be given up, by the wall clock.
"""

from typing import Any, Final

from flows.domain.user import STATE_VERSION, UserState

READ_VERSIONS: Final = (1, STATE_VERSION)
_BY_WALL_CLOCK: Final = 1
_UNTIL: Final = 5
_SETTLING: Final = 6


def current_state(state: UserState, read_ms: int) -> UserState:
    """Return a state as this version stores it. `read_ms` is for how long the source was read when it was stored.

    Of version 1 nobody knows for how long it was read since the user was last heard of, so none of that counts.
    """
    if state.version != _BY_WALL_CLOCK:
        return state
    heard_ms = state.touched_s * 1000
    held = tuple(_waits_until(each, read_ms + max(each[_UNTIL] - heard_ms, 0)) for each in _each(state))
    return state._replace(version=STATE_VERSION, held=held)


def shifted(state: UserState, shift_ms: int) -> UserState:
    """Return a state whose held events wait by another count of the time of reading, which is so much ahead."""
    return state._replace(held=tuple(_waits_until(each, max(each[_UNTIL] + shift_ms, 0)) for each in _each(state)))


def _each(state: UserState) -> tuple[tuple[Any, ...], ...]:
    return state.held


def _waits_until(held: tuple[Any, ...], until_ms: int) -> tuple[Any, ...]:
    return held if held[_SETTLING] else (*held[:_UNTIL], until_ms, *held[_UNTIL + 1 :])
