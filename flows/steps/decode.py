"""Decode: the bytes of a record → its events. Total: whatever the bytes are, it returns, and never raises.

A record is one event, or an upload body (`{"events": […]}`). An event is an Export row (also what the webhook sends) or
an HTTP V2 upload event. Their names differ (`event_time` and `time`, `$insert_id` and `insert_id`, `ip_address` and
`ip`, `version_name` and `app_version`) and never clash, so both are read by the same rules.
Sources: Amplitude, HTTP V2 API; Export API.
"""

from typing import Any, Final, NamedTuple

import orjson

from flows.steps.event import Event, JsonObject, Position, Record
from flows.steps.outcome import DeadLetterReason
from flows.steps.timestamp import parse_number, parse_text

MAX_BYTES: Final = 1 << 20
"""Amplitude takes no request over 1 MB, so nothing that large is one of its events."""
MAX_DEPTH: Final = 100
"""Amplitude takes 40 levels; past a few hundred, JSON encoders and the pickle of held events give up."""

NO_IDS: Final = frozenset(
    {
        "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "", "{}", "lmy47d", "0", "-1",
        "00000000-0000-0000-0000-000000000000",
    }
)  # fmt: skip
"""Texts that Amplitude takes for no id at all (HTTP V2 API, «Device ID and user ID»): they would merge strangers."""


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
    """Return the record's events in their order; what cannot be read is a Refused in its place."""
    value = record.value
    error = None
    parsed: Any = None
    if value is None:
        value, error = b"", "a tombstone (a message without a value)"
    elif len(value) > MAX_BYTES:
        error = f"{len(value)} bytes, over {MAX_BYTES}"
    else:
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError as problem:
            error = f"no JSON: {problem.msg}"
        else:
            if not isinstance(parsed, dict):
                error = "not a JSON object"
            elif _is_too_deep(value, parsed):
                error = f"nested deeper than {MAX_DEPTH} levels"
    if error is not None:
        position = Position(record.source, record.partition, record.offset)
        return [Refused(DeadLetterReason.UNDECODABLE, error, value, record.key, record.time_ms, position)]
    members = parsed.get("events")
    if isinstance(members, list) and not parsed.get("event_type"):
        return [_decode_member(record, member, index) for index, member in enumerate(members)]
    return [_decode_event(record, parsed, value, 0)]


def _decode_member(record: Record, member: Any, index: int) -> Event | Refused:
    # Only the member is kept, for the body around it holds the project's API key.
    raw = orjson.dumps(member)
    if isinstance(member, dict) and len(raw) <= MAX_BYTES:  # numbers can grow when they are written again
        return _decode_event(record, member, raw, index)
    position = Position(record.source, record.partition, record.offset, index)
    error = f"{len(raw)} bytes, over {MAX_BYTES}" if isinstance(member, dict) else "not a JSON object"
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
    user_properties = _object(get("user_properties"), "user_properties")
    return Event(
        name,
        user_id,
        device_id,
        _time_ms(get, record.time_ms),
        _first_text(get, "insert_id", "$insert_id"),
        _text(get("platform"), "platform"),
        _text(get("os_name"), "os_name"),
        _version(get("os_version"), "os_version"),
        _version(get("app_version"), "app_version") or _version(get("version_name"), "version_name"),
        _first_text(get, "ip", "ip_address"),
        _object(get("event_properties"), "event_properties"),
        user_properties if OPERATIONS.isdisjoint(user_properties) else flatten_operations(user_properties),
        _object(get("groups"), "groups"),
        _object(get("group_properties"), "group_properties"),
        fields,
        raw,
        record.key,
        record.time_ms,
        position,
    )


def flatten_operations(user_properties: JsonObject) -> JsonObject:
    """Return what `$set` and `$setOnce` of Amplitude's Identify API set, beside the plain properties.

    What the other operations lead to only Amplitude knows, which keeps the values: they say nothing here.
    """
    flat = {name: value for name, value in user_properties.items() if name not in OPERATIONS}
    for operation in ("$setOnce", "$set"):
        values = user_properties.get(operation)
        if isinstance(values, dict):
            flat.update(values)
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


def _id(value: Any, name: str) -> str | None:
    text = _text(value, name)
    return None if text is None or text.strip().lower() in NO_IDS else text


def _version(value: Any, name: str) -> str | None:
    if type(value) is int or type(value) is float:  # a version such as 17.4 written as a number
        return str(value)
    return _text(value, name)


def _object(value: Any, name: str) -> JsonObject:
    if type(value) is dict:
        return value
    if value is None or value == "":
        return {}
    raise _InvalidError(f"{name} is not an object")


def _time_ms(get: Any, received_ms: int) -> int:
    value = get("time")
    if value is not None and value != "":
        if type(value) is not int and type(value) is not float:
            raise _InvalidError("time is not a number of milliseconds since the epoch")
        time_ms = parse_number(value)
        if time_ms is None:
            raise _InvalidError("time is impossible")
        return time_ms
    text = _text(get("event_time"), "event_time")
    if text is None:
        return received_ms
    time_ms = parse_text(text)
    if time_ms is None:
        raise _InvalidError("event_time is impossible, or not like 2026-01-31 23:59:59.123456")
    return time_ms


def _is_too_deep(value: bytes, parsed: Any) -> bool:
    # So few brackets cannot nest deeper. Splitting skips from one to the next, where counting looks at every byte.
    if len(value.split(b"{", MAX_DEPTH)) + len(value.split(b"[", MAX_DEPTH)) <= MAX_DEPTH:
        return False
    level = [parsed]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
