"""Stored user: their state, their key, and the partition that they were first heard of in, as one plain tuple."""

from typing import Any

from flows.domain.decision import Held
from flows.domain.decode import Refused, decode
from flows.domain.event import Position, Record
from flows.domain.held_state import READ_VERSIONS, StoredHeld
from flows.domain.kept_properties import NO_PROPERTIES
from flows.domain.ledger import Ledger
from flows.domain.select import SyncTarget
from flows.domain.user_state import STATE_VERSION, UserState


def stored_user(key: str, state: UserState, partition: int | None) -> tuple[Any, ...]:
    """Return a user as they are stored."""
    return (*(state if state.properties else state[:-1]), key, partition)


def read_user(stored: tuple[Any, ...]) -> tuple[UserState, int | None]:
    """Return a user's state as it was stored, and the partition. Raises ValueError where another version stored it."""
    if stored[0] not in READ_VERSIONS:
        raise ValueError(
            f"the state directory holds users of version {stored[0]}; this is version {STATE_VERSION}: "
            "start with a new state directory, from the group's committed offsets"
        )
    *state, _, partition = stored
    return UserState(*state), partition


def read_held(stored: StoredHeld, ledger: Ledger) -> Held:
    """Return a held event as it was: only its bytes are stored, so it is decoded again.

    Raises ValueError where this version cannot read it.
    """
    position = Position(*stored.place)
    record = Record(stored.raw, stored.key, position.source, position.partition, position.offset, stored.received_ms)
    event = decode(record)[0]
    known = tuple(SyncTarget(ledger.place_of(sync), copy, send_as) for sync, copy, send_as in stored.targets)
    if isinstance(event, Refused):  # dropping it would leave it without an outcome
        raise ValueError(  # noqa: TRY004 - it is the stored value that is wrong, not a type
            f"the state directory holds an event ({position}) that this version cannot read: {event.error}; "
            "go on with the version that wrote it, or start with a new state directory"
        )
    properties = stored.properties or NO_PROPERTIES
    return Held(event._replace(position=position), known, stored.until_ms, stored.settling, None, properties)
