"""The identifiers of a device: their names, where they are read from, and what a real one looks like.

Formats: AppsFlyer, OpenAPI of the S2S events API (api3), schemas AndroidIds and IosIds.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from flows.domain.decode import flatten_operations
from flows.domain.event import Event, JsonObject, Platform
from flows.domain.paths import compile_path, container_of, split_path

Value = str | int | tuple[int, str]
"""An identifier's value: text; `att` is an integer; `app_set_id` is (scope, id)."""

APPSFLYER_ID: Final = "appsflyer_id"

PLATFORM_IDENTIFIERS: Final[Mapping[Platform, tuple[str, ...]]] = {
    "ios": ("idfa", "idfv"),
    "android": ("advertising_id", "oaid", "amazon_aid", "imei", "app_set_id"),
}
"""The device identifiers that AppsFlyer takes on each platform; `att` goes with iOS but identifies nothing."""


def _paths(*names: str) -> tuple[str, ...]:
    return tuple(f"{place}.{name}" for place in ("user_properties", "event_properties") for name in names)


DEFAULT_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    APPSFLYER_ID: (
        *_paths(
            "appsflyer_id",
            "appsflyerId",
            "appsFlyerId",
            "$appsflyerId",
            "$appsflyer_id",
            "appsflyerID",
            "appsFlyerID",
            "AppsFlyer ID",
            "AppsFlyerID",
            "AppsFlyerId",
            "appsflyer_uid",
            "appsflyerUID",
            "appsFlyerUID",
            "af_uid",
            "afUid",
            "appsflyerExternalId",
        ),
        "appsflyer_id",
        "appsflyerId",
        "$appsflyerId",
    ),
    "idfa": (*_paths("idfa", "IDFA", "$idfa", "ios_idfa", "[Amplitude] IDFA"), "idfa", "api_properties.ios_idfa"),
    "idfv": (*_paths("idfv", "IDFV", "$idfv", "ios_idfv", "[Amplitude] IDFV"), "idfv", "api_properties.ios_idfv"),
    "att": (
        *_paths("att", "att_status", "attStatus", "$attConsentStatus", "attTrackingStatus", "att_tracking_status"),
        "att",
    ),
    "advertising_id": (
        *_paths(
            "advertising_id",
            "advertisingId",
            "adid",
            "ADID",
            "gaid",
            "GAID",
            "aaid",
            "AAID",
            "$gpsAdId",
            "gps_adid",
            "google_advertising_id",
            "googleAdvertisingId",
            "[Amplitude] ADID",
        ),
        "adid",
        "advertising_id",
        "api_properties.androidADID",
    ),
    "oaid": (*_paths("oaid", "OAID", "$oaid"), "oaid"),
    "amazon_aid": (
        *_paths(
            "amazon_aid",
            "amazonAid",
            "$amazonAdId",
            "amazon_advertising_id",
            "amazonAdvertisingId",
            "amazon_ad_id",
            "fire_adid",
        ),
        "amazon_aid",
    ),
    "imei": (*_paths("imei", "IMEI"), "imei"),
    "app_set_id": (
        *_paths("app_set_id", "appSetId", "android_app_set_id"),
        "android_app_set_id",
        "app_set_id",
        "api_properties.android_app_set_id",
    ),
}
"""Where each identifier is read from unless the settings say otherwise: the first path with a real value wins.

User properties come first: Amplitude strips `adid` and `idfa` from what it exports; these hold what the app has set.
The SDKs that came before the current ones write `api_properties`.
"""

ATTRIBUTES: Final = tuple(DEFAULT_PATHS)
"""Everything that `[identity.paths]` may name."""


NOT_ONCE: Final[Mapping[str, Value]] = MappingProxyType({})


class DeviceReading(NamedTuple):
    """What one event says of its device."""

    values: dict[str, Value]
    malformed: tuple[str, ...]
    """Identifiers that were there but look like none, and count as absent."""
    zeroed: tuple[str, ...]
    """Identifiers that were all zeros, as systems give them to apps that may not track: they count as absent."""
    once: Mapping[str, Value] = NOT_ONCE
    """What is set by `$setOnce` alone: it counts only where nothing was set before."""

    @property
    def told(self) -> dict[str, Value]:
        """Everything that the event says of its device."""
        return {**self.once, **self.values} if self.once else self.values


_Ranked = tuple[tuple[int, str], ...]
"""(rank, attribute) of the paths that end in one name."""


class IdentifierReader:
    """Reads the identifiers off an event, by paths that are compiled once."""

    def __init__(self, paths: Mapping[str, Sequence[str]]) -> None:
        ranked: dict[str | None, dict[str, _Ranked]] = {}
        self._dotted: dict[str | None, list[tuple[int, str, Callable[[Event], Any]]]] = {}
        """Paths through objects, by the field that they begin at: most events have none of these. None is any event."""
        for attribute, alternatives in paths.items():
            for rank, path in enumerate(alternatives):
                container, name = split_path(path)
                of_container = ranked.setdefault(container, {})
                of_container[name] = (*of_container.get(name, ()), (rank, attribute))
                if "." in name:
                    begin = None if container else name.partition(".")[0]
                    self._dotted.setdefault(begin, []).append((rank, attribute, compile_path(path)))
        self._containers = [(container_of(container), names) for container, names in ranked.items() if container]
        self._user_properties = ranked.get("user_properties", {})
        self._own = tuple(ranked.get(None, {}).items())

    def read(self, event: Event) -> DeviceReading:
        """Return the event's identifiers in AppsFlyer's form; of several paths the first with a real value counts."""
        operations = event.fields.get("user_properties")
        if type(operations) is dict and "$setOnce" in operations:
            return self._read_once(event, operations)
        found: list[tuple[int, str, Any]] = []
        for container, names in self._containers:
            place = container(event)
            if names.keys().isdisjoint(place):
                continue
            for name, value in place.items():
                if name in names and value is not None:
                    for rank, attribute in names[name]:
                        found.append((rank, attribute, value))
        get = event.fields.get
        for name, ranked in self._own:
            if (value := get(name)) is not None:
                for rank, attribute in ranked:
                    found.append((rank, attribute, value))
        for begin, dotted in self._dotted.items():
            if begin is None or begin in event.fields:
                found += [
                    (rank, attribute, value) for rank, attribute, path in dotted if (value := path(event)) is not None
                ]
        return _judge(found) if found else DeviceReading({}, (), ())  # a dict of its own, for callers add to it

    def _read_once(self, event: Event, operations: JsonObject) -> DeviceReading:
        """Read what is set once apart from what the event says otherwise."""
        said = flatten_operations({name: value for name, value in operations.items() if name != "$setOnce"})
        once = {name: value for name, value in event.user_properties.items() if name not in said}
        fields = {**event.fields, "user_properties": None}
        values, malformed, zeroed, _ = self.read(event._replace(user_properties=said, fields=fields))
        apart = self.read(
            event._replace(user_properties=once, event_properties={}, groups={}, group_properties={}, fields={})
        )
        unreal = {*malformed, *apart.malformed} - apart.values.keys() - values.keys()
        return DeviceReading(
            values,
            tuple(sorted(unreal)),
            tuple(sorted({*zeroed, *apart.zeroed} - unreal - apart.values.keys() - values.keys())),
            {name: value for name, value in apart.values.items() if name not in values},
        )

    def forgotten(self, event: Event) -> tuple[str, ...]:
        """Return the attributes that an `$identify` takes away: those read from a property that it unsets."""
        operations = event.fields.get("user_properties")
        if not isinstance(operations, dict):
            return ()
        names = operations.get("$unset")
        everything = "$clearAll" in operations
        if not isinstance(names, dict | list):
            names = ()
        gone = {
            attribute
            for name, attributes in self._user_properties.items()
            if everything or name in names
            for _, attribute in attributes
        }
        return tuple(sorted(gone))


def _judge(found: list[tuple[int, str, Any]]) -> DeviceReading:
    values: dict[str, Value] = {}
    ranks: dict[str, int] = {}
    unreal: list[tuple[str, Any]] = []
    for rank, attribute, value in found:
        real = CANONICAL[attribute](value)
        if real is None:
            unreal.append((attribute, value))
        elif attribute not in values or rank < ranks[attribute]:
            values[attribute] = real
            ranks[attribute] = rank
    if not unreal:
        return DeviceReading(values, (), ())
    malformed: set[str] = set()
    zeroed: set[str] = set()
    for attribute, value in unreal:
        if attribute not in values and (not isinstance(value, str) or value.strip()):
            (zeroed if _is_zero(value) else malformed).add(attribute)
    return DeviceReading(values, tuple(sorted(malformed)), tuple(sorted(zeroed)))


def _is_zero(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.get("id")
    if isinstance(value, str):
        return not value.strip("0- ")
    return type(value) is int and value == 0


_NOT_ZERO: Final = r"(?![0-]*\Z)"
_UUID: Final = re.compile(_NOT_ZERO + r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_APPSFLYER_ID: Final = re.compile(_NOT_ZERO + r"[0-9]{13}-[0-9]{1,19}")
_OAID: Final = re.compile(_NOT_ZERO + r"[0-9A-Za-z_-]{16,64}")
_IMEI: Final = re.compile(_NOT_ZERO + r"[0-9A-Fa-f-]{14,20}")


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], Value | None]:
    fullmatch = pattern.fullmatch

    def canonical(value: Any) -> Value | None:
        if type(value) is not str:
            return None
        if fullmatch(value):
            return value
        text = value.strip()
        return text if fullmatch(text) else None

    return canonical


_uuid = _matching(_UUID)


def _upper_uuid(value: Any) -> Value | None:
    text = _uuid(value)
    return text.upper() if isinstance(text, str) else None


_imei_text = _matching(_IMEI)


def _imei(value: Any) -> Value | None:
    return _imei_text(str(value) if type(value) is int else value)


def _app_set_id(value: Any) -> Value | None:
    # The bare id does not say its scope; 1 («this app only») is the one that claims less.
    scope, text = (value.get("scope", 1), value.get("id")) if isinstance(value, dict) else (1, value)
    if scope in ("1", "2"):  # Amplitude forwards user properties as text
        scope = int(scope)
    real = _uuid(text)
    return (scope, real) if type(scope) is int and scope in (1, 2) and isinstance(real, str) else None


_ATT_NAMES: Final = {
    "notdetermined": 0, "undetermined": 0, "restricted": 1, "denied": 2, "authorized": 3, "authorised": 3,
}  # fmt: skip
_ATT_RANGE: Final = range(4)


def _att(value: Any) -> Value | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        text = value.strip().lower()
        plain = "".join(letter for letter in text if letter.isalpha()).removeprefix(
            "attrackingmanagerauthorizationstatus"
        )
        value = int(text) if text in ("0", "1", "2", "3") else _ATT_NAMES.get(plain)
    return value if type(value) is int and value in _ATT_RANGE else None


CANONICAL: Final[Mapping[str, Callable[[Any], Value | None]]] = {
    # AppsFlyer's pattern contradicts itself on the last digits (7, or 19 on Android), hence 1 to 19.
    APPSFLYER_ID: _matching(_APPSFLYER_ID),
    "idfa": _upper_uuid,
    "idfv": _upper_uuid,
    "att": _att,
    "advertising_id": _uuid,
    "oaid": _matching(_OAID),
    "amazon_aid": _uuid,
    "imei": _imei,
    "app_set_id": _app_set_id,
}
"""How each identifier gets AppsFlyer's form; None is what is none. IDFA and IDFV are upper-case there."""
