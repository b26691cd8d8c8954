"""One row of Amplitude's Export API: every key that it has, absent values null and not missing.

Source: Amplitude, Export API, «Data format».
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from examples.sample.people import ANDROID, IOS, Device, Person, random_uuid

APP: Final = 310042
"""The invented project's id."""
_APP_VERSION: Final = "5.12.0"
_LIBRARIES: Final = {IOS: "amplitude-swift/1.9.2", ANDROID: "amplitude-analytics-android/1.16.8"}
_WEB_LIBRARY: Final = "amplitude-ts/2.11.0"
_SERVER_LIBRARY: Final = "http/2.0"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a user did."""

    person: Person
    device: Device
    name: str
    time_ms: int
    session_ms: int
    event_properties: dict[str, Any]
    user_properties: dict[str, Any]
    groups: dict[str, list[str]]
    group_properties: dict[str, Any]
    from_server: bool = False
    """Reported by the shop's server, which knows the user but no device."""


def export_row(act: Act, event_id: int, rng: Random) -> Row:
    """Return the act as Amplitude exports it."""
    device, person = act.device, act.person
    is_server = act.from_server
    happened = datetime.fromtimestamp(act.time_ms / 1000, UTC)
    received = happened + timedelta(milliseconds=rng.randrange(80, 1800))
    is_mobile = device.platform in (IOS, ANDROID)
    return {
        "$insert_id": random_uuid(rng),
        "$insert_key": None,
        "$schema": 13,
        "adid": None,  # Amplitude strips advertising ids from what it exports
        "amplitude_attribution_ids": None,
        "amplitude_event_type": None,
        "amplitude_id": person.amplitude_id,
        "app": APP,
        "city": person.city,
        "client_event_time": _time(happened),
        "client_upload_time": _time(happened + timedelta(milliseconds=40)),
        "country": person.country,
        "data": {"path": "/2/httpapi", "group_first_event": {}, "group_ids": {}},
        "data_type": "event",
        "device_brand": None if is_server else device.brand,
        "device_carrier": "Example Mobile" if is_mobile and not is_server else None,
        "device_family": None if is_server else device.family,
        "device_id": None if is_server else device.device_id,
        "device_manufacturer": None if is_server else device.brand,
        "device_model": None if is_server else device.model,
        "device_type": None if is_server else device.family,
        "dma": None,
        "event_id": event_id,
        "event_properties": act.event_properties,
        "event_time": _time(happened),
        "event_type": act.name,
        "global_user_properties": {},
        "group_properties": act.group_properties,
        "groups": act.groups,
        "idfa": None,  # as adid
        "ip_address": None if is_server else device.ip,
        "is_attribution_event": False,
        "language": person.language,
        "library": _SERVER_LIBRARY if is_server else _LIBRARIES.get(device.platform, _WEB_LIBRARY),
        "location_lat": None,
        "location_lng": None,
        "os_name": None if is_server else {IOS: "ios", ANDROID: "android"}.get(device.platform, "Chrome"),
        "os_version": None if is_server else device.os_version,
        "partner_id": None,
        "paying": True if person.is_club_member else None,
        "plan": {},
        "platform": device.platform,
        "processed_time": _time(received + timedelta(milliseconds=900)),
        "region": person.region,
        "sample_rate": None,
        "server_received_time": _time(received),
        "server_upload_time": _time(received + timedelta(milliseconds=5)),
        "session_id": -1 if is_server else act.session_ms,
        "source_id": None,
        "start_version": None if is_server else _APP_VERSION,
        "user_creation_time": None,
        "user_id": person.user_id,
        "user_properties": act.user_properties,
        "uuid": random_uuid(rng),
        "version_name": _APP_VERSION if is_mobile and not is_server else None,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
