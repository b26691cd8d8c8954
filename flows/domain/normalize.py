"""Normalize: one event's JSON object → the event, whatever names and types its sender gives the fields.

An event is an Export row (also what the webhook sends, and what a warehouse gives back), an HTTP V2 upload event, or
one of an older SDK's. Their names differ (`event_time`, `time` and `timestamp`; `$insert_id`, `insert_id` and `uuid`;
`ip_address` and `ip`; `version_name` and `app_version`) and never clash, so all are read by the same rules.
Sources: Amplitude, HTTP V2 API; Export API; amplitude-js and the other SDKs that came before the current ones.
"""

from typing import Any, Final

import orjson

from flows.domain.event import Event, JsonObject, Position, Record
from flows.domain.exact_json import MAX_DEPTH, is_deeper, loads
from flows.domain.timestamp import parse_number, parse_text

MAX_ID_CHARACTERS: Final = 1024
"""Amplitude keeps no more of a text (Amplitude, «Limits»), and an id of that length fits no request of AppsFlyer's."""
_LONGEST_VERSION: Final = 256
_NO_TIME: Final = "is impossible, or not like 2026-01-31 23:59:59.123456"
_APP_VERSIONS: Final = ("app_version", "version_name")
NO_IDS: Final = frozenset(
    {
        "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "", "{}", "lmy47d", "0", "-1",
        "00000000-0000-0000-0000-000000000000",
    }
)  # fmt: skip
"""Texts that Amplitude takes for no id at all (HTTP V2 API, «Device ID and user ID»): they would merge strangers."""

_LARGEST_EXACT: Final = 2.0**53
"""From here on a float may not be the number that was written."""

OPERATIONS: Final = frozenset(
    {
        "$set", "$setOnce", "$unset", "$clearAll",
        "$add", "$append", "$prepend", "$preInsert", "$postInsert", "$remove",
    }
)  # fmt: skip
"""What Amplitude's Identify API does to user properties: orders, not properties."""


class InvalidEventError(Exception):
    """A JSON object is no event; what is wrong, in words, without any of its values."""

    def __init__(self, error: str, field: str, *, is_missing: bool = False) -> None:
        super().__init__(error)
        self.field = field
        """What of it is wrong."""
        self.is_missing = is_missing
        """The field is not there, or holds nothing."""


def normalize(record: Record, fields: JsonObject, raw: bytes, position: Position) -> Event:
    """Return the event. Raises InvalidEventError."""
    get = fields.get
    name = _text(get("event_type"), "event_type")
    if name is None:
        raise InvalidEventError("event_type is missing", "event_type", is_missing=True)
    user_id, device_id = _id(get("user_id"), "user_id"), _id(get("device_id"), "device_id")
    if user_id is None and device_id is None:
        raise InvalidEventError("neither user_id nor device_id", "user_id", is_missing=True)
    user_properties = _object(fields, "user_properties")
    time_ms = _time_ms(get)
    if "api_properties" in fields or "product_id" in fields:
        adopt_older_names(fields)
    return Event(
        name,
        user_id,
        device_id,
        record.time_ms if time_ms is None else time_ms,
        _first_id(get, "insert_id", "$insert_id", "uuid"),
        _text(get("platform"), "platform"),
        _text(get("os_name"), "os_name"),
        _version(get("os_version"), "os_version"),
        _version(get("app_version"), "app_version") or _version(get("version_name"), "version_name"),
        _first_text(get, "ip", "ip_address"),
        _object(fields, "event_properties"),
        user_properties if OPERATIONS.isdisjoint(user_properties) else flatten_operations(user_properties),
        _object(fields, "groups"),
        _object(fields, "group_properties"),
        fields,
        raw,
        record.key,
        record.time_ms,
        position,
        time_ms is not None,
    )


def adopt_older_names(fields: JsonObject) -> None:
    """Give what older SDKs name differently its name of today, where that is not there itself.

    Sources: Amplitude-Swift, `BaseEvent` (`product_id`); amplitude-android and amplitude-ios, `logRevenue` before
    `logRevenueV2` (`api_properties.special` is `revenue_amount`, beside `productId`, `quantity`, `price`).
    """
    own = fields.get("api_properties")
    if type(own) is str:
        own = fields["api_properties"] = _object(fields, "api_properties")
    product = fields.get("product_id")
    if product is not None and fields.get("productId") is None:
        fields["productId"] = product
    if type(own) is dict and own.get("special") == "revenue_amount":
        for name in ("productId", "quantity", "price"):
            if own.get(name) is not None and fields.get(name) is None:
                fields[name] = own[name]


def flatten_operations(user_properties: JsonObject) -> JsonObject:
    """Return what `$set` and `$setOnce` of Amplitude's Identify API set, beside the plain properties.

    What the other operations lead to only Amplitude knows, which keeps the values: they say nothing here.
    """
    flat = {name: value for name, value in user_properties.items() if name not in OPERATIONS}
    values = user_properties.get("$set")
    if isinstance(values, dict):
        flat.update(values)
    once = user_properties.get("$setOnce")
    if isinstance(once, dict):  # only where nothing is set: a plain property is one that is set
        flat.update({name: value for name, value in once.items() if name not in flat})
    return flat


def _text(value: Any, name: str) -> str | None:
    if type(value) is str:
        return value or None
    if value is None:
        return None
    raise InvalidEventError(f"{name} is not text", name)


def _first_text(get: Any, *names: str) -> str | None:
    """Return what is under the first of the names of one field that holds something."""
    for name in names:
        if (text := _text(get(name), name)) is not None:
            return text
    return None


def _first_id(get: Any, *names: str) -> str | None:
    """Return the event's own id, as `_first_text`; older SDKs, and rows without `$insert_id`, have a `uuid` for it."""
    for name in names:
        if (text := _id_text(get(name), name)) is not None:
            return text
    return None


def _id_text(value: Any, name: str) -> str | None:
    """Return an id as text: a number is its digits, as for Amplitude; 4711001.0 is 4711001, as tables write it."""
    if type(value) is str:
        return value or None
    digits = digits_of(value)
    return digits if digits is not None else _text(value, name)


def digits_of(value: Any) -> str | None:
    """Return a whole number as its digits, if it is surely the one that was written; None for anything else."""
    if type(value) is int or (type(value) is float and value.is_integer() and abs(value) < _LARGEST_EXACT):
        return str(int(value))
    return None


def _id(value: Any, name: str) -> str | None:
    text = _id_text(value, name)
    if text is not None and len(text) > MAX_ID_CHARACTERS:
        raise InvalidEventError(f"{name} has {len(text)} characters, over {MAX_ID_CHARACTERS}", name)
    return None if text is None or text.strip().lower() in NO_IDS else text


def states_version(fields: JsonObject) -> bool:
    """Return whether an event states a version of its app: where none was read, it is too long to be one."""
    return any(fields.get(name) not in (None, "") for name in _APP_VERSIONS)


def _version(value: Any, name: str) -> str | None:
    if type(value) is int or type(value) is float:  # a version such as 17.4 written as a number
        value = str(value)
    text = _text(value, name)
    return None if text is not None and len(text) > _LONGEST_VERSION and name != "os_version" else text


def _object(fields: JsonObject, name: str) -> JsonObject:
    """Return an object; one that is JSON text, as in a warehouse's column, takes its text's place among the fields."""
    value = fields.get(name)
    if type(value) is dict:
        return value
    if value is None or value == "":
        return {}
    if type(value) is str:
        text = value.encode()
        try:
            parsed = loads(text)
        except orjson.JSONDecodeError:
            parsed = value
        if parsed is None:
            return {}
        if type(parsed) is dict and not is_deeper(text, parsed, MAX_DEPTH):
            fields[name] = parsed
            return parsed
    raise InvalidEventError(f"{name} is not an object", name)


def _time_ms(get: Any) -> int | None:
    """Return when the event says that it happened; None if it does not."""
    value = get("time")
    if value is not None and value != "":
        if type(value) is not int and type(value) is not float:
            raise InvalidEventError("time is not a number of milliseconds since the epoch", "time")
        return _possible(parse_number(value), "time", "is impossible")
    text = _text(get("event_time"), "event_time")
    if text is not None:
        return _possible(parse_text(text), "event_time", _NO_TIME)
    value = get("timestamp")
    if value is None or value == "":
        return None
    if type(value) is str:
        return _possible(parse_text(value), "timestamp", _NO_TIME)
    if type(value) is not int and type(value) is not float:
        raise InvalidEventError("timestamp is no time", "timestamp")
    return _possible(parse_number(value), "timestamp", "is impossible")


def _possible(time_ms: int | None, name: str, error: str) -> int:
    if time_ms is None:
        raise InvalidEventError(f"{name} {error}", name)
    return time_ms
