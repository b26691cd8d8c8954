"""Logins: which user was the first that was seen on a device, and what the device taught while nobody was logged in.

The first user inherits it, whenever it arrives; a second user of the device inherits nothing. All of this follows from
what is remembered of users and devices, so nothing of it is stored: a start builds it anew.
"""

import marshal
from collections.abc import Mapping
from itertools import islice
from threading import Lock
from typing import Final, NamedTuple

from flows.domain.device import Device, DeviceState
from flows.domain.event import Event
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.kept_properties import NOTHING_KEPT, Kept, KeptNames, learn
from flows.domain.platform import PlatformNames, Stated, platform_of_values
from flows.domain.profile import Profile, devices_of_first_user
from flows.domain.resolve import add_versions

_MOST_DEVICES: Final = 10_000_000
"""So many devices are known at the most. Beyond it some that have a user already are forgotten: their next user is told
nothing all the same, for what they taught is that user's by then."""
_MOST_SECONDS: Final = 100_000
"""So many second users of devices are known to be told already; beyond it some are told once more."""


class Inherited(NamedTuple):
    """What a user is told of a device beside their own events."""

    device_id: str
    devices: Mapping[str, DeviceState]
    """What it taught while nobody was logged in, as a profile stores it."""
    partition: int
    is_second: bool = False
    """Another user was seen on it before."""
    properties: Kept = NOTHING_KEPT
    """The user properties that were taught on it while nobody was logged in."""
    event: Event | None = None
    """An event of nobody on the user's own device, of which the user learns the properties."""


class Logins:
    """The devices of one process. Several threads may use it."""

    __slots__ = ("_devices", "_keep", "_lock", "_names", "_reader", "_remember_s", "_seconds")

    def __init__(
        self, reader: IdentifierReader, names: PlatformNames, remember_s: int, keep: KeptNames | None = None
    ) -> None:
        self._reader = reader
        self._keep = keep or KeptNames()
        self._names = names
        self._remember_s = remember_s
        self._devices: dict[int, str | bytes | tuple[str, bytes]] = {}
        """Hash of the device id → its first user's key; what it taught, where it has none; both where a start cannot
        know whether the user has inherited it. What it taught is bytes, which take less memory than objects."""
        self._seconds: set[int] = set()
        self._lock = Lock()

    def before(self, event: Event, now_s: int) -> list[tuple[str, Inherited]]:
        """Return what users are to be told before an event is decided on, as (user key, what)."""
        device_id = event.device_id
        if device_id is None:
            return []
        if event.user_id is not None:
            key = event.user_key
            place = hash(device_id)
            if self._devices.get(place) == key:
                return []
            stated = self._names.stated(event)
            return [] if stated == "other" else self._login(place, device_id, key, event.position.partition, now_s)
        stated = self._names.stated(event)
        return [] if stated == "other" else self._teach(stated, device_id, event, now_s)

    def restore(self, key: str, devices: Mapping[str, DeviceState], properties: Kept = NOTHING_KEPT) -> None:
        """Take up what is remembered of a user, or of a device of nobody; in any order, and more than once."""
        with self._lock:
            if key[0] == "d":
                place = hash(key[2:])
                known = self._devices.get(place)
                states = {each: Device.restore(state).state() for each, state in devices.items()}
                packed = marshal.dumps((states, dict(properties)))
                if known is None or isinstance(known, bytes):
                    self._devices[place] = packed
                else:
                    self._devices[place] = (known if isinstance(known, str) else known[0], packed)
                return
            for device_id in devices_of_first_user(devices):
                place = hash(device_id)
                known = self._devices.get(place)
                if known is None:
                    self._devices[place] = key
                elif isinstance(known, bytes):
                    self._devices[place] = (key, known)

    def forget(self, key: str, devices: Mapping[str, DeviceState]) -> None:
        """Let go of a user, or of a device of nobody, who is forgotten."""
        with self._lock:
            for device_id in {key[2:]} if key[0] == "d" else devices_of_first_user(devices):
                place = hash(device_id)
                known = self._devices.get(place)
                if isinstance(known, tuple):
                    self._devices[place] = known[0] if key[0] == "d" else known[1]
                elif known is not None and (isinstance(known, bytes) if key[0] == "d" else known == key):
                    del self._devices[place]

    def _login(self, place: int, device_id: str, key: str, partition: int, now_s: int) -> list[tuple[str, Inherited]]:
        with self._lock:
            known = self._devices.get(place)
            owner = known if isinstance(known, str) else known[0] if isinstance(known, tuple) else key
            if owner != key:
                second = hash((place, key))
                if second in self._seconds:
                    return []
                if len(self._seconds) >= _MOST_SECONDS:
                    self._seconds.clear()
                self._seconds.add(second)
                return [(key, Inherited(device_id, {}, partition, is_second=True))]
            if known is None and len(self._devices) >= _MOST_DEVICES:
                self._forget_some()
            self._devices[place] = key
        packed = known if isinstance(known, bytes) else known[1] if isinstance(known, tuple) else None
        if packed is None:
            return []
        since_s = now_s - self._remember_s
        devices, properties = _unpack(packed)
        taught = {each: device for each, device in devices.items() if device[1] > since_s}
        return [(key, Inherited(device_id, taught, partition, properties=properties))] if taught else []

    def _forget_some(self) -> None:
        """Forget the first tenth of the devices that have a user, to be called with the lock."""
        owned = (place for place, known in self._devices.items() if isinstance(known, str))
        for place in list(islice(owned, _MOST_DEVICES // 10)):
            del self._devices[place]

    def _teach(self, stated: Stated | None, device_id: str, event: Event, now_s: int) -> list[tuple[str, Inherited]]:
        reading = self._reader.read(event)
        values, told = reading.values, reading.told
        platform = platform_of_values(told) if stated is None and told else stated
        if platform == "other":
            return []
        add_versions(event, values)
        forgotten = self._reader.forgotten(event) if event.name == "$identify" else ()
        place = hash(device_id)
        with self._lock:
            known = self._devices.get(place)
            owner = known if isinstance(known, str) else known[0] if isinstance(known, tuple) else None
            devices, properties = _unpack(known) if isinstance(known, bytes) else ({}, NOTHING_KEPT)
            profile = Profile(devices)
            profile.learn(platform, device_id, event.time_ms, values, forgotten, reading.once, now_s=now_s)
            if owner is None:
                if self._keep.names:
                    properties = learn(properties, event, self._keep.names)
                self._devices[place] = marshal.dumps((profile.state(), dict(properties)))
                return []
        lesson = event if self._keep.names and event.fields.get("user_properties") else None
        return [(owner, Inherited(device_id, profile.state(), event.position.partition, event=lesson))]


def _unpack(packed: bytes) -> tuple[dict[str, DeviceState], Kept]:
    states: tuple[dict[str, DeviceState], Kept] = marshal.loads(packed)  # noqa: S302 - our own
    return states
