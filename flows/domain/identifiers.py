"""The identifiers of a device: their names, where they are read from, and what a real one looks like.

Formats: AppsFlyer, OpenAPI of the S2S events API (api3), schemas AndroidIds and IosIds.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flows.domain.event import Platform

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

_NO_POSTBACK: Final = (
    "self-reporting networks such as Facebook and Google Ads get no postback, and rules of Audiences that need it fail"
)
_NO_DEVICE: Final = "where there is no other identifier, postbacks go out without a device"
WITHOUT: Final[Mapping[str, str]] = {
    APPSFLYER_ID: "an event without it waits until its user tells it, then becomes a dead letter: nothing is sent",
    "idfa": _NO_POSTBACK,
    "idfv": "Meta's measurement of aggregated events needs it, and AppsFlyer does not fill it in from the install",
    "att": "AppsFlyer does not know whether the user allows tracking",
    "advertising_id": _NO_POSTBACK,
    "oaid": f"for devices without Google Play: {_NO_DEVICE}",
    "amazon_aid": f"for Amazon's devices: {_NO_DEVICE}",
    "imei": _NO_DEVICE,
    "app_set_id": _NO_DEVICE,
}
"""What the absence of each identifier costs. AppsFlyer, «About device identifiers» and S2S events API (`idfv`, `att`);
Amplitude, «AppsFlyer event streaming»."""
