"""Decode: the bytes of a record → its events. Total: whatever the bytes are, it returns, and never raises.

A record is one event, or several in one of the usual wrappings (see `wrapping.py`). An event is an Export row (also
what the webhook sends, and what a warehouse gives back), an HTTP V2 upload event, or one of an older SDK's. Their names
differ (`event_time`, `time` and `timestamp`; `$insert_id`, `insert_id` and `uuid`; `ip_address` and `ip`;
`version_name` and `app_version`) and never clash, so all are read by the same rules.
Sources: Amplitude, HTTP V2 API; Export API; amplitude-js and the other SDKs that came before the current ones.
"""

from typing import Any, Final, NamedTuple

import orjson

from flows.domain.event import Event, JsonObject, Position, Record
from flows.domain.exact_json import MAX_DEPTH, dumps, is_deeper, loads
from flows.domain.fate import DeadLetterReason
from flows.domain.timestamp import parse_number, parse_text
from flows.domain.wrapping import MAX_PARTS, Member, TooManyPartsError, Unwrapped, Wrapping, json_within, unwrap

MAX_BYTES: Final = 1 << 20
"""Amplitude takes no request over 1 MB, so nothing that large is one of its events."""
MAX_KEY_BYTES: Final = 16 << 10
"""A key is a user's or device's id, perhaps within a small object. Each event of a record is kept with it."""
MAX_ID_CHARACTERS: Final = 1024
"""Amplitude keeps no more of a text (Amplitude, «Limits»), and an id of that length fits no request of AppsFlyer's."""
_LONGEST_VERSION: Final = 256
_APP_VERSIONS: Final = ("app_version", "version_name")
MAX_REFUSALS: Final = 100
"""Of one record; what more of its parts cannot be read is one refusal together, for a megabyte can hold 500,000."""

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


class Refused(NamedTuple):
    """An event, or a whole record, that cannot be read."""

    reason: DeadLetterReason
    error: str
    """What is wrong, in words, without any value of the event."""
    value: bytes
    key: bytes | None
    received_ms: int
    position: Position


class _InvalidError(Exception):
    pass


def decode(record: Record) -> list[Event | Refused]:
    """Return the record's events in their order; what cannot be read is a Refused in its place.

    A tombstone, and a body without events, hold nothing.
    """
    value = record.value
    if value is None:
        return []
    try:
        parsed = _read(value, record.key)
    except _UnreadableError as problem:
        return [_unreadable(record, str(problem))]
    if isinstance(parsed, dict) and parsed.get("event_type"):
        return [_decode_event(record, parsed, value, 0)]
    try:
        unwrapped = _unwrap(value, parsed)
    except _UnreadableError as problem:
        return [_unreadable(record, str(problem))]
    if not unwrapped.wrappings:  # no event, and nothing around one
        (part,) = unwrapped.parts
        return [_decode_part(record, part, value, 0)]
    return _bounded(record, unwrapped.parts)


def decode_again(event: Event) -> Event:
    """Return an event of which only its bytes were kept as it was decoded. Raises ValueError where it cannot be."""
    position = event.position
    record = Record(event.raw, event.key, position.source, position.partition, position.offset, event.received_ms)
    decoded = decode(record)[0]
    if isinstance(decoded, Refused):
        raise ValueError(f"an event ({position}) cannot be decoded again: {decoded.error}")  # noqa: TRY004 - a value
    return decoded._replace(position=position)


def wrappings_of(record: Record) -> tuple[Wrapping, ...]:
    """Return what stands around a record's events, from the outside inwards; nothing where it cannot be read."""
    if record.value is None:
        return ()
    try:
        return _unwrap(record.value, _read(record.value, record.key)).wrappings
    except _UnreadableError:
        return ()


class _UnreadableError(Exception):
    pass


_NO_JSON: Final = object()


def _read(value: bytes, key: bytes | None) -> Any:
    """Return the JSON of a record's bytes, or _NO_JSON where it has to be looked for within them."""
    if key is not None and len(key) > MAX_KEY_BYTES:
        raise _UnreadableError(f"its key has {len(key)} bytes, over {MAX_KEY_BYTES}")
    if len(value) > MAX_BYTES:
        raise _UnreadableError(f"{len(value)} bytes, over {MAX_BYTES}")
    try:
        parsed = loads(value)
    except orjson.JSONDecodeError as problem:
        if json_within(value) is not None:
            return _NO_JSON
        raise _UnreadableError(f"no JSON: {problem.msg}") from None
    if is_deeper(value, parsed, MAX_DEPTH):
        raise _UnreadableError(f"nested deeper than {MAX_DEPTH} levels")
    return parsed


def _unwrap(value: bytes, parsed: Any) -> Unwrapped:
    around: tuple[Wrapping, ...] = ()
    if parsed is _NO_JSON and (within := json_within(value)) is not None:
        text, around = within
        try:
            parsed = loads(text)
        except orjson.JSONDecodeError as problem:
            raise _UnreadableError(f"{around[0].value}: no JSON: {problem.msg}") from None
        if is_deeper(text, parsed, MAX_DEPTH):
            raise _UnreadableError(f"nested deeper than {MAX_DEPTH} levels")
    try:
        return unwrap(parsed, around)
    except TooManyPartsError:
        raise _UnreadableError(f"over {MAX_PARTS} events in one record") from None


def _unreadable(record: Record, error: str) -> Refused:
    position = Position(record.source, record.partition, record.offset)
    return Refused(DeadLetterReason.UNDECODABLE, error, record.value or b"", record.key, record.time_ms, position)


def _bounded(record: Record, parts: list[Member]) -> list[Event | Refused]:
    """Return what becomes of the parts of a record, of which only so many are refused one by one."""
    decoded: list[Event | Refused] = []
    refusals = 0
    rest: list[bytes] = []
    rest_place = 0
    for place, part in enumerate(parts):
        # Only the part is kept, for the body around it holds the project's API key.
        each = _decode_part(record, part, dumps(part.value), place)
        if isinstance(each, Refused):
            refusals += 1
            if refusals > MAX_REFUSALS:
                rest_place = rest_place or place
                rest.append(each.value)
                continue
        decoded.append(each)
    if rest:
        position = Position(record.source, record.partition, record.offset, rest_place)
        error = f"{len(rest)} more parts of a record that cannot be read"
        value = b'{"events":[%s]}' % b",".join(rest)
        decoded.append(Refused(DeadLetterReason.UNDECODABLE, error, value, record.key, record.time_ms, position))
    return decoded


def _decode_part(record: Record, part: Member, raw: bytes, place: int) -> Event | Refused:
    error = part.error
    if error is None and len(raw) > MAX_BYTES:  # numbers can grow when they are written again
        error = f"{len(raw)} bytes, over {MAX_BYTES}"
    if error is None:
        return _decode_event(record, part.value, raw, place)
    position = Position(record.source, record.partition, record.offset, place)
    return Refused(DeadLetterReason.UNDECODABLE, error, raw, record.key, record.time_ms, position)


def _decode_event(record: Record, fields: JsonObject, raw: bytes, index: int) -> Event | Refused:
    position = Position(record.source, record.partition, record.offset, index)
    try:
        return _read_event(record, fields, raw, position)
    except _InvalidError as problem:
        return Refused(DeadLetterReason.INVALID_EVENT, str(problem), raw, record.key, record.time_ms, position)


def _read_event(record: Record, fields: JsonObject, raw: bytes, position: Position) -> Event:
    get = fields.get
    name = _text(get("event_type"), "event_type")
    if name is None:
        raise _InvalidError("event_type is missing")
    user_id, device_id = _id(get("user_id"), "user_id"), _id(get("device_id"), "device_id")
    if user_id is None and device_id is None:
        raise _InvalidError("neither user_id nor device_id")
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
    raise _InvalidError(f"{name} is not text")


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
        raise _InvalidError(f"{name} has {len(text)} characters, over {MAX_ID_CHARACTERS}")
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
    raise _InvalidError(f"{name} is not an object")


def _time_ms(get: Any) -> int | None:
    """Return when the event says that it happened; None if it does not."""
    value = get("time")
    if value is not None and value != "":
        if type(value) is not int and type(value) is not float:
            raise _InvalidError("time is not a number of milliseconds since the epoch")
        return _possible(parse_number(value), "time is impossible")
    text = _text(get("event_time"), "event_time")
    if text is not None:
        return _possible(parse_text(text), "event_time is impossible, or not like 2026-01-31 23:59:59.123456")
    value = get("timestamp")
    if value is None or value == "":
        return None
    if type(value) is str:
        return _possible(parse_text(value), "timestamp is impossible, or not like 2026-01-31 23:59:59.123456")
    if type(value) is not int and type(value) is not float:
        raise _InvalidError("timestamp is no time")
    return _possible(parse_number(value), "timestamp is impossible")


def _possible(time_ms: int | None, error: str) -> int:
    if time_ms is None:
        raise _InvalidError(error)
    return time_ms
