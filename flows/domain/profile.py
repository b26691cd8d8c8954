"""What is remembered of one user's devices. The order in which events arrive does not change it.

Every remembered value carries the time of the event that taught it. The newest wins; of the same time `$unset` wins,
else the greater text, so that the result depends on the set of events alone, not on their order.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from flows.domain.device import FORGOTTEN, Device, DeviceState, in_effect, merge, taught_by
from flows.domain.event import PLATFORMS, Platform
from flows.domain.identifiers import APPSFLYER_ID, Value

OS_VERSION: Final = "os_version"
APP_VERSION: Final = "app_version"
NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})
_UNKNOWN: Final = "?"
_SECOND: Final = "2"
"""Before the id of a device that another user was seen on before: a mark, which knows nothing."""
MAX_DEVICES: Final = 1000
"""Of one user. Nobody has as many; the id of a guest account, a kiosk or a test may be used on any number."""
_KEYS: Final[dict[Platform | None, str]] = {"ios": "i", "android": "a", None: _UNKNOWN}


class Profile:
    """One user's devices, by the platform they stated and their id. Never mixes platforms."""

    __slots__ = ("devices",)

    def __init__(self, devices: Mapping[str, DeviceState] | None = None) -> None:
        self.devices = {key: Device.restore(state) for key, state in devices.items()} if devices else {}

    def state(self) -> dict[str, DeviceState]:
        """Return everything as builtins that no later call changes."""
        return {key: device.state() for key, device in self.devices.items()}

    def learn(
        self,
        platform: Platform | None,
        device_id: str | None,
        time_ms: int,
        values: dict[str, Value],
        forgotten: tuple[str, ...] = (),
        once: Mapping[str, Value] = NOTHING,
        *,
        now_s: int,
    ) -> bool:
        """Take what an event says of its device; return whether anything changed that may identify an event.

        `once` are values that count only where nothing was set before. Of one event, what it unsets is unset first.
        """
        if device_id is None and not (values or forgotten or once):
            return False
        if forgotten:
            set_anew = {name: value for name, value in once.items() if name in forgotten}
            values = {**dict.fromkeys(forgotten, FORGOTTEN), **set_anew, **values}
            once = {name: value for name, value in once.items() if name not in set_anew}
        key = _KEYS[platform] + (device_id or "")
        device = self.devices.get(key)
        if device is None:
            self.devices[key] = Device(time_ms, now_s, taught_by(time_ms, values, once))
            if len(self.devices) > MAX_DEVICES:
                self._forget_some()
            return True
        device.touched_s = now_s
        is_later = time_ms > device.seen_ms and len(self.devices) > 1  # it may be the user's latest device now
        device.seen_ms = max(device.seen_ms, time_ms)
        if once:
            return device.merge(taught_by(time_ms, values, once)) or is_later
        return device.learn(time_ms, values) or is_later

    def inherit(self, device_id: str, devices: Mapping[str, DeviceState], *, is_second: bool, now_s: int) -> bool:
        """Take what a device taught while nobody was logged in; return as `learn` does.

        It says nothing of when the user was seen on it. Where another user was seen on it before, only this is noted.
        """
        changed = False
        if is_second:
            self.devices[_SECOND + device_id] = Device(0, now_s, {})
            devices = {}
        for key, state in devices.items():
            taught = Device.restore(state).taught
            device = self.devices.get(key)
            if device is None:
                self.devices[key] = Device(0, now_s, taught)
                changed = True
                continue
            device.touched_s = now_s
            changed = device.merge(taught) or changed
        if len(self.devices) > MAX_DEVICES:
            self._forget_some()
        return changed

    def platform_of(self, device_id: str | None) -> Platform | None:
        """Return the platform that the device stated last; else the one that all of the user's devices are of, if any.

        A device that has stated none is no doubt: it would otherwise keep back what a server says of the user.
        """
        if device_id is not None:
            stated = [
                (device.seen_ms, platform)
                for platform in PLATFORMS
                if (device := self.devices.get(_KEYS[platform] + device_id)) is not None
            ]
            if stated:
                return max(stated)[1]
        letters = {key[0] for key in self.devices}
        of_all = [platform for platform in PLATFORMS if _KEYS[platform] in letters]
        return of_all[0] if len(of_all) == 1 else None

    def resolve(self, platform: Platform, device_id: str | None, own: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return the device's identifiers and versions: the event's own first, then what is remembered of that device.

        Where the event names no device, the user's latest device of the same platform counts, unless the event's own
        AppsFlyer id says that it is another one.
        """
        if device_id is not None:
            stated = self.devices.get(_KEYS[platform] + device_id)
            if stated is not None and _UNKNOWN + device_id not in self.devices:
                return stated.complete(own)
            known = self._known(platform, device_id)
        else:
            known = self._latest(platform, own.get(APPSFLYER_ID))
        return {**known, **own}

    def forget_untouched(self, until_s: int) -> bool:
        """Forget the devices that were last heard of at that time or before; return whether there were any."""
        for key, device in self.devices.items():  # asked for every event, and hardly ever so
            if device.touched_s <= until_s and key[0] != _SECOND:
                break
        else:
            return False
        kept = {key: device for key, device in self.devices.items() if device.touched_s > until_s and key[0] != _SECOND}
        known = {key[1:] for key in kept}  # a mark stays for as long as its device is known
        marks = {key: device for key, device in self.devices.items() if key[0] == _SECOND and key[1:] in known}
        self.devices = {**kept, **marks}
        return True

    def _forget_some(self) -> None:
        """Forget the devices that were heard of longest ago, with their marks, so that there is room for some time."""
        devices = self.devices
        over = len(devices) - MAX_DEVICES * 9 // 10
        gone: set[str] = set()
        oldest = sorted((key for key in devices if key[0] != _SECOND), key=lambda key: devices[key].touched_s)
        for key in oldest:
            if over <= 0:
                break
            gone.add(key)
            over -= 2 if _SECOND + key[1:] in devices else 1
        known = {key[1:] for key in oldest if key not in gone}
        self.devices = {
            key: device
            for key, device in devices.items()
            if key not in gone and (key[0] != _SECOND or key[1:] in known)
        }

    def appsflyer_ids(self) -> set[Value]:
        """Return every device's AppsFlyer id."""
        known = (device.complete(NOTHING).get(APPSFLYER_ID) for device in self.devices.values())
        return {each for each in known if each is not None}

    def _known(self, platform: Platform, device_id: str) -> dict[str, Value]:
        stated = self.devices.get(_KEYS[platform] + device_id)
        silent = self.devices.get(_UNKNOWN + device_id)  # taught by events that did not state their platform
        if silent is None or self._is_of_another(platform, device_id):
            taught = stated.taught if stated is not None else {}
        elif stated is None:
            taught = silent.taught
        else:
            taught = merge(stated.taught, silent.taught)
        return {name: value for name, (_, value) in in_effect(taught).items() if value != FORGOTTEN}

    def _is_of_another(self, platform: Platform, device_id: str) -> bool:
        """Return whether what was taught without a platform may be another platform's, and so counts for none.

        A device may be of another platform if it has stated one; nobody's device, if any device of the user has.
        """
        others = [_KEYS[each] for each in PLATFORMS if each != platform]
        if device_id:
            return any(letter + device_id in self.devices for letter in others)
        return any(key[0] in others for key in self.devices)

    def _latest(self, platform: Platform, appsflyer_id: Value | None) -> dict[str, Value]:
        letter = _KEYS[platform]
        latest: dict[str, Value] = {}
        latest_seen = (False, -1, "")
        for key, device in self.devices.items():
            if key[0] != letter or len(key) == 1:
                continue
            known = self._known(platform, key[1:])
            named = known.get(APPSFLYER_ID)
            if appsflyer_id is not None and named is not None and named != appsflyer_id:
                continue
            seen = (appsflyer_id is not None and named is not None, device.seen_ms, key)  # the one that is named, first
            if seen > latest_seen:
                latest, latest_seen = known, seen
        # What events without a device taught is atomic too: it counts whole, where it names an install more recently.
        loose = self._known(platform, "")
        loose_ms = max(
            (taught[APPSFLYER_ID][0] for key in (letter, _UNKNOWN)
             if (slot := self.devices.get(key)) is not None and APPSFLYER_ID in (taught := in_effect(slot.taught))),
            default=-1,
        )  # fmt: skip
        contradicts = appsflyer_id is not None and loose.get(APPSFLYER_ID) not in (None, appsflyer_id)
        wins = APPSFLYER_ID in loose and not contradicts and (loose_ms > latest_seen[1] or APPSFLYER_ID not in latest)
        return loose if wins else latest


def devices_of_first_user(devices: Mapping[str, DeviceState]) -> set[str]:
    """Return the ids of the devices that a stored profile's user was the first to be seen on."""
    return {key[1:] for key in devices if len(key) > 1 and key[0] != _SECOND and _SECOND + key[1:] not in devices}


def taught_by_device(devices: Mapping[str, DeviceState]) -> Iterator[tuple[Platform | None, str, Value]]:
    """Yield each value that the devices of a stored profile have taught: (platform, name, value).

    All that is remembered counts, also what was set once and is not in effect. The platform is the one that the device
    has stated; None where it has stated none, or two.
    """
    platforms = {letter: platform for platform, letter in _KEYS.items()}
    stated: dict[str, set[Platform | None]] = {}
    for key in devices:
        if key[0] not in (_UNKNOWN, _SECOND):
            stated.setdefault(key[1:], set()).add(platforms[key[0]])
    for key, state in devices.items():
        if key[0] == _SECOND:
            continue
        own = stated.get(key[1:], set())
        platform = platforms[key[0]] or (next(iter(own)) if len(own) == 1 else None)
        for name, (_, value) in Device.restore(state).taught.items():
            if value != FORGOTTEN:
                yield platform, name.partition("|")[0], value
