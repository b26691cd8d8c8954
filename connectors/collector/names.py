"""Names: what other senders name differently gets the name that HTTP V2 has for it.

Sources: Amplitude, HTTP V2 API; Export API (also what webhooks send); amplitude-js, amplitude-android and amplitude-ios
(`timestamp`, `uuid`, `version_name`, `api_properties`); Amplitude-Swift (`product_id`, `revenue_type`);
Amplitude-Kotlin (`version_name`).
"""

from typing import Any, Final

from flows.domain.event import JsonObject
from flows.domain.timestamp import parse_number, parse_text

_PLAIN: Final = {
    "$insert_id": "insert_id",
    "uuid": "insert_id",
    "version_name": "app_version",
    "ip_address": "ip",
    "device_carrier": "carrier",
    "product_id": "productId",
    "revenue_type": "revenueType",
}
"""Older name → name; of two for one name, the first that holds something counts."""
_TIMES: Final = ("event_time", "timestamp")
_OF_DEVICE: Final = {
    "ios_idfa": "idfa",
    "ios_idfv": "idfv",
    "androidADID": "adid",
    "android_app_set_id": "android_app_set_id",
}
"""Within `api_properties` → name."""
OLDER: Final = frozenset({*_PLAIN, *_TIMES, "api_properties"})
"""An event without any of these has the names of HTTP V2 already."""


def adopt_names(event: JsonObject) -> None:
    """Give an event's fields their names of HTTP V2, unless these are there themselves; what cannot be read stays."""
    for older, name in _PLAIN.items():
        if older in event:
            _move(event, older, event, name)
    _adopt_time(event)
    own = event.get("api_properties")
    if type(own) is dict:
        _adopt_device(own, event)
        if not own:
            del event["api_properties"]


def _adopt_time(event: JsonObject) -> None:
    if event.get("time") not in (None, ""):
        return
    for older in _TIMES:
        value = event.get(older)
        if value in (None, ""):
            event.pop(older, None)
            continue
        time_ms = _moment(value, is_text=older == "event_time")
        if time_ms is not None:
            event["time"] = time_ms
            del event[older]
        return  # what cannot be read stays, and is what the stream looks at


def _adopt_device(own: JsonObject, event: JsonObject) -> None:
    for older, name in _OF_DEVICE.items():
        if older in own:
            _move(own, older, event, name)
    location = own.get("location")
    if type(location) is dict:
        for older, name in (("lat", "location_lat"), ("lng", "location_lng")):
            if older in location:
                _move(location, older, event, name)
        if not location:
            del own["location"]


def _move(place: JsonObject, older: str, event: JsonObject, name: str) -> None:
    value = place[older]
    if value is None or value == "":
        del place[older]
    elif event.get(name) in (None, ""):
        event[name] = place.pop(older)


def _moment(value: Any, *, is_text: bool) -> int | None:
    if type(value) is str:
        return parse_text(value)
    is_number = not is_text and (type(value) is int or type(value) is float)
    return parse_number(value) if is_number else None
