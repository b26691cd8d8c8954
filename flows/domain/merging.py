"""One user's state out of two: what two slices remember of the same user, as where a topic was not keyed by user."""

from flows.domain.device import Device, DeviceState, merge
from flows.domain.insert_ids import DIGEST_BYTES
from flows.domain.kept_properties import merge_kept
from flows.domain.user_state import UserState, version_of


def merge_users(one: UserState, other: UserState) -> UserState:
    """Return what both know: of a device the newer of what each was taught, and every insert_id and held event."""
    devices = dict(one.devices)
    for key, device in other.devices.items():
        devices[key] = _merge_devices(devices[key], device) if key in devices else device
    first_seen_ms = dict(one.first_seen_ms)
    for appsflyer_id, time_ms in other.first_seen_ms.items():
        first_seen_ms[appsflyer_id] = min(time_ms, first_seen_ms.get(appsflyer_id, time_ms))
    known = set(_digests(one.insert_ids))
    insert_ids = one.insert_ids + b"".join(each for each in _digests(other.insert_ids) if each not in known)
    held = one.held + tuple(each for each in other.held if each not in one.held)
    properties = merge_kept(one.properties, other.properties)
    touched_s = max(one.touched_s, other.touched_s)
    version = max(one.version, other.version, version_of(held, properties))
    return UserState(version, devices, insert_ids, first_seen_ms, held, touched_s, properties)


def _merge_devices(one: DeviceState, other: DeviceState) -> DeviceState:
    first, second = Device.restore(one), Device.restore(other)
    taught = merge(first.taught, second.taught)
    return Device(max(first.seen_ms, second.seen_ms), max(first.touched_s, second.touched_s), taught).state()


def _digests(joined: bytes) -> list[bytes]:
    return [joined[place : place + DIGEST_BYTES] for place in range(0, len(joined), DIGEST_BYTES)]
