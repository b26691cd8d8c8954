"""Decode: the bytes of a record → its events. Total: whatever the bytes are, it returns, and never raises.

A record is one event, or several in one of the usual wrappings (see `wrapping.py`); what an event's fields mean is said
in `normalize.py`.
"""

from typing import Any, Final, NamedTuple

import orjson

from flows.domain.event import Event, JsonObject, Position, Record
from flows.domain.exact_json import MAX_DEPTH, dumps, is_deeper, loads
from flows.domain.fate import DeadLetterReason
from flows.domain.normalize import InvalidEventError, normalize
from flows.domain.wrapping import MAX_PARTS, TooManyPartsError, Unwrapped, WrappedEvent, Wrapping, json_within, unwrap

MAX_BYTES: Final = 1 << 20
"""Amplitude takes no request over 1 MB, so nothing that large is one of its events."""
MAX_KEY_BYTES: Final = 16 << 10
"""A key is a user's or device's id, perhaps within a small object. Each event of a record is kept with it."""
MAX_REFUSALS: Final = 100
"""Of one record; what more of its parts cannot be read is one refusal together, for a megabyte can hold 500,000."""


class Refused(NamedTuple):
    """An event, or a whole record, that cannot be read."""

    reason: DeadLetterReason
    error: str
    """What is wrong, in words, without any value of the event."""
    value: bytes
    key: bytes | None
    received_ms: int
    position: Position


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


def _bounded(record: Record, parts: list[WrappedEvent]) -> list[Event | Refused]:
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


def _decode_part(record: Record, part: WrappedEvent, raw: bytes, place: int) -> Event | Refused:
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
        return normalize(record, fields, raw, position)
    except InvalidEventError as problem:
        return Refused(DeadLetterReason.INVALID_EVENT, str(problem), raw, record.key, record.time_ms, position)
