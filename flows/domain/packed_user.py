"""Packed user: one between two snapshots in which nothing was heard of them, as one string of bytes.

As objects a user takes four times as much memory, and a start with a million of them as much more time. What is here
never leaves the process, so its format is nobody's concern; the state as it is stored is `UserState`.
"""

import marshal
from threading import Lock
from typing import Any, Final

from flows.domain.kept_properties import NOTHING_KEPT
from flows.domain.user_state import UserState, version_of

_MOST_NAMES: Final = 10_000
"""Beyond so many different lists of names, which no app has, a list is kept with its user."""
_numbers: dict[tuple[str, ...], int] = {}
_names: list[tuple[str, ...]] = []
_lock: Final = Lock()


def pack(state: UserState, partition: int | None) -> bytes:
    """Return a state without held events, and the partition that the user is of, as bytes."""
    devices = []
    for key, (seen_ms, touched_s, names, values, times_ms) in state.devices.items():
        devices.append((key, seen_ms, touched_s, _number(names), values, times_ms))
    kept = dict(state.properties) if state.properties else None
    return marshal.dumps((state.touched_s, partition, state.insert_ids, state.first_seen_ms or None, devices, kept))


def unpack(packed: bytes) -> tuple[UserState, int | None]:
    """Return what was packed."""
    touched_s, partition, insert_ids, first_seen_ms, packed_devices, kept = marshal.loads(packed)  # noqa: S302 - our own
    devices: dict[str, Any] = {}
    for key, seen_ms, device_touched_s, number, values, times_ms in packed_devices:
        names = _names[number] if type(number) is int else number
        devices[key] = (seen_ms, device_touched_s, names, values, times_ms)
    properties = kept or NOTHING_KEPT
    version = version_of((), properties)
    return UserState(version, devices, insert_ids, first_seen_ms or {}, (), touched_s, properties), partition


def _number(names: tuple[str, ...]) -> int | tuple[str, ...]:
    number = _numbers.get(names)
    if number is not None:
        return number
    with _lock:  # another worker may be at the same place
        if names not in _numbers:
            if len(_names) >= _MOST_NAMES:
                return names
            _names.append(names)
            _numbers[names] = len(_names) - 1
        return _numbers[names]
