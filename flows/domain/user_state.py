"""User state: one user as they are stored."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from flows.domain.device import DeviceState

STATE_VERSION: Final = 2


class UserState(NamedTuple):
    """One user's state as it is stored."""

    version: int
    devices: Mapping[str, DeviceState]
    insert_ids: bytes
    first_seen_ms: dict[str, int]
    held: tuple[tuple[object, ...], ...]
    """(raw event, key, received_ms, position, targets, until_ms, settling): see `Held`, and `held_state`"""
    touched_s: int
