"""User state: one user as they are stored."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from flows.domain.device import DeviceState
from flows.domain.kept_properties import NOTHING_KEPT, Kept

STATE_VERSION: Final = 2
KEEPING_VERSION: Final = 3
"""Of a user of whom properties are kept. Any other is stored as version 2, which 0.2.0 reads."""
_HELD_BEFORE: Final = 7
"""So many parts a held event had before version 3."""


class UserState(NamedTuple):
    """One user's state as it is stored."""

    version: int
    devices: Mapping[str, DeviceState]
    insert_ids: bytes
    first_seen_ms: dict[str, int]
    held: tuple[tuple[object, ...], ...]
    """(raw event, key, received_ms, position, targets, until_ms, settling): see `Held`, and `held_state`. Since version
    3 the kept properties that stand behind the event may follow."""
    touched_s: int
    properties: Kept = NOTHING_KEPT
    """The properties that are kept; since version 3"""


def version_of(held: tuple[tuple[object, ...], ...], properties: Kept) -> int:
    """Return the lowest version that can hold this."""
    if not properties and not held:  # as most users are
        return STATE_VERSION
    keeps = bool(properties) or any(len(each) > _HELD_BEFORE for each in held)
    return KEEPING_VERSION if keeps else STATE_VERSION
