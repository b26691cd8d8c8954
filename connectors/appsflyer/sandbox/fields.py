"""What AppsFlyer documents about each field of the body. Its server validates little, so that a breach is only noted.

Source, where none is named: AppsFlyer, OpenAPI of the S2S events API (api3), schemas AndroidIds and IosIds.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Any, Final

import orjson

from connectors.appsflyer.currencies import CURRENCIES
from connectors.appsflyer.sandbox.notes import Note

Found = Note | None

IOS_APP_ID: Final = re.compile(r"id[0-9]+")
BARE_IOS_APP_ID: Final = re.compile(r"[0-9]+")

_ANDROID_FIELDS: Final = frozenset({"advertising_id", "oaid", "amazon_aid", "imei", "app_set_id"})
_IOS_FIELDS: Final = frozenset({"idfa", "idfv", "att"})
_DAY_SECONDS: Final = 86_400
_LATE_AFTER_SECONDS: Final = _DAY_SECONDS + 2 * 3600
_MAX_EVENT_NAME_CHARACTERS: Final = 100

_APPSFLYER_ID: Final = re.compile(r"[0-9]{13}-[0-9]{1,19}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_UPPER_UUID: Final = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DIGITS: Final = re.compile(r"[0-9]+")
_EVENT_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}")
_REVENUE: Final = re.compile(r"-?[0-9]+(\.[0-9]{1,5})?")


def notes_on_fields(event: Mapping[str, Any], app_id: str, now: float) -> list[Note]:
    """Return what is wrong with the fields of a body that is accepted, each note once, in the order of the fields.

    `now` is the time of arrival, in seconds since the epoch.
    """
    ios = IOS_APP_ID.fullmatch(app_id) is not None or BARE_IOS_APP_ID.fullmatch(app_id) is not None
    wrong_platform = _ANDROID_FIELDS if ios else _IOS_FIELDS
    found: list[Note] = []
    for name, value in event.items():
        rule = _RULES.get(name)
        if rule is None:
            found.append(Note.UNKNOWN_FIELD)
            continue
        note = rule(value)
        if note is not None:
            found.append(note)
        if name in wrong_platform:
            found.append(Note.WRONG_PLATFORM_IDENTIFIER)
    if "eventTime" in event:
        late_or_future = _when(event["eventTime"], now)
        if late_or_future is not None:
            found.append(late_or_future)
    # «Must» be sent; an iOS event without it is treated as iOS 14.5. Not enforced, for backward compatibility.
    if ios and not event.get("os"):
        found.append(Note.NO_OS)
    return list(dict.fromkeys(found))


def read_event_value(value: Any) -> tuple[dict[str, Any] | None, Note | None]:
    """Return the object that `eventValue` holds, and what is wrong with its form. No parameters are `""`.

    Source: api3's schema (a string, format json). AppsFlyer's review draft of the overview page: a bare object is
    answered with 200 and its revenue is lost.
    """
    if not isinstance(value, str):
        return None, Note.EVENT_VALUE_NOT_TEXT
    if not value:
        return {}, None
    try:
        held = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None, Note.EVENT_VALUE_NOT_JSON_OBJECT
    return (held, None) if isinstance(held, dict) else (None, Note.EVENT_VALUE_NOT_JSON_OBJECT)


def notes_on_revenue(event_value: Mapping[str, Any], currency: Any) -> list[Note]:
    """Return what is wrong with `af_revenue`.

    Source: api3 («without additional symbols or formatting»: digits, a decimal point, a leading minus for refunds);
    «In-app events» in the SDK guide (up to 5 decimals). That revenue should name its currency is this project's advice.
    """
    revenue = event_value.get("af_revenue")
    if revenue is None:
        return []
    text = revenue if isinstance(revenue, str) else "" if isinstance(revenue, bool) else orjson.dumps(revenue).decode()
    found = [] if _REVENUE.fullmatch(text) else [Note.INVALID_REVENUE]
    return found if currency else [*found, Note.NO_CURRENCY]


def _when(value: Any, now: float) -> Note | None:
    """Judge `eventTime`. Source: the spec's wording until 2023-06-08, and AppsFlyer's review draft of 2026."""
    if not isinstance(value, str) or _EVENT_TIME.fullmatch(value) is None:
        return Note.INVALID_EVENT_TIME
    try:
        happened = datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return Note.INVALID_EVENT_TIME
    if happened > now:
        return Note.FUTURE_EVENT_TIME
    return Note.LATE_EVENT_TIME if now >= happened - happened % _DAY_SECONDS + _LATE_AFTER_SECONDS else None


def _anything(_: Any) -> Found:
    return None


def _text(value: Any) -> Found:
    return None if isinstance(value, str) else Note.WRONG_TYPE


def _boolean(value: Any) -> Found:
    return None if isinstance(value, bool) else Note.WRONG_TYPE


def _matching(pattern: re.Pattern[str], otherwise: Note) -> Callable[[Any], Found]:
    def rule(value: Any) -> Found:
        return None if isinstance(value, str) and pattern.fullmatch(value) else otherwise

    return rule


def _identifier(value: Any) -> Found:
    if not isinstance(value, str) or not value:
        return Note.WRONG_TYPE
    # Systems hand out all zeros where an app may not track; it would be the same «device» for everybody.
    return None if value.strip("0-") else Note.ZERO_IDENTIFIER


def _upper_uuid(otherwise: Note) -> Callable[[Any], Found]:
    def rule(value: Any) -> Found:
        if not isinstance(value, str) or _UPPER_UUID.fullmatch(value) is None:
            return otherwise
        return _identifier(value)

    return rule


def _event_name(value: Any) -> Found:
    # 100 characters: AppsFlyer, «In-app events» in the SDK guide.
    return Note.EVENT_NAME_TOO_LONG if len(value) > _MAX_EVENT_NAME_CHARACTERS else None


def _currency(value: Any) -> Found:
    return None if isinstance(value, str) and value in CURRENCIES else Note.UNKNOWN_CURRENCY


def _ipv4(value: Any) -> Found:
    try:
        IPv4Address(value if isinstance(value, str) else "")
    except AddressValueError:
        return Note.NOT_IPV4
    return None


def _att(value: Any) -> Found:
    return None if type(value) is int and value in (0, 1, 2, 3) else Note.INVALID_ATT


def _app_set_id(value: Any) -> Found:
    if not isinstance(value, dict) or set(value) != {"scope", "id"}:
        return Note.INVALID_APP_SET_ID
    scope, text = value["scope"], value["id"]
    if type(scope) is not int or scope not in (1, 2) or not isinstance(text, str) or _UUID.fullmatch(text) is None:
        return Note.INVALID_APP_SET_ID
    return _identifier(text)


def _sharing_filter(value: Any) -> Found:
    partners = isinstance(value, list) and value and all(isinstance(each, str) and each for each in value)
    return None if value == "all" or partners else Note.INVALID_SHARING_FILTER


_MANUAL: Final = {"gdpr_applies", "ad_user_data_enabled", "ad_personalization_enabled"}
_TCF_NUMBERS: Final = {"policy_version", "gdpr_applies", "cmp_sdk_id", "cmp_sdk_version"}


def _consent_data(value: Any) -> Found:
    """Exactly one of `manual` (booleans) and `tcf` (whole numbers and `tcstring`)."""
    if not isinstance(value, dict) or len(value) != 1:
        return Note.INVALID_CONSENT_DATA
    ((kind, form),) = value.items()
    if not isinstance(form, dict) or not form:
        return Note.INVALID_CONSENT_DATA
    if kind == "manual":
        right = all(name in _MANUAL and isinstance(each, bool) for name, each in form.items())
    elif kind == "tcf":
        numbers = {name: each for name, each in form.items() if name != "tcstring"}
        right = isinstance(form.get("tcstring", ""), str) and all(
            name in _TCF_NUMBERS and type(each) is int for name, each in numbers.items()
        )
        right = right and form.get("gdpr_applies", 0) in (-1, 0, 1)
    else:
        right = False
    return None if right else Note.INVALID_CONSENT_DATA


def _custom_data(value: Any) -> Found:
    held, wrong = read_event_value(value)
    return None if held and wrong is None else Note.INVALID_CUSTOM_DATA


def _app_type(value: Any) -> Found:
    return None if value in ("", "app_clip") else Note.WRONG_TYPE


_hash: Final = _matching(_SHA256, Note.INVALID_HASH)

_RULES: Final[Mapping[str, Callable[[Any], Found]]] = {
    # The pattern's last digits are 7, or 19 on Android, and the spec contradicts itself: hence 1 to 19.
    "appsflyer_id": _matching(_APPSFLYER_ID, Note.MALFORMED_APPSFLYER_ID),
    "eventName": _event_name,
    "eventValue": _anything,
    "customer_user_id": _text,
    "eventTime": _anything,
    "eventCurrency": _currency,
    "ip": _ipv4,
    "os": _text,
    "app_version_name": _text,
    "app_store": _text,
    "bundleIdentifier": _text,
    "sharing_filter": _sharing_filter,
    "custom_data": _custom_data,
    "app_type": _app_type,
    "ua": _text,
    "aie": _boolean,
    "consent_data": _consent_data,
    "advertising_id": _identifier,
    "oaid": _identifier,
    "amazon_aid": _identifier,
    "imei": _identifier,
    "app_set_id": _app_set_id,
    "idfa": _upper_uuid(Note.MALFORMED_IDFA),
    "idfv": _upper_uuid(Note.MALFORMED_IDFV),
    "att": _att,
    "email_hashed": _hash,
    "phone_number_hashed": _hash,
    "phone_number_e164_hashed": _hash,
    "first_name_hashed": _hash,
    "last_name_hashed": _hash,
    "fb_login_id": _matching(_DIGITS, Note.WRONG_TYPE),
}
"""Every field of api3 but `custom_dimension`, which is reserved for AppsFlyer («do not send») and counts as unknown."""
