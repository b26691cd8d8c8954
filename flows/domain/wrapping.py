"""Wrappings: how the things between Amplitude and the topic pack the same events. Each is taken off, in any order.

Sources: Amplitude, HTTP V2 API (`{"events": […]}`), Identify API and HTTP API v1 (forms); Kafka Connect, JsonConverter
with `schemas.enable`, its default (`{"schema": …, "payload": …}`); Confluent, «Wire format» (a zero byte and four of a
schema's id before the JSON); Snowflake, «Identifier requirements» (names are in capitals unless quoted).
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

import orjson

from flows.domain.event import JsonObject
from flows.domain.exact_json import MAX_DEPTH, dumps, is_deeper, loads

MAX_PARTS: Final = 10_000
"""What a record may hold. Amplitude takes 2,000 events a request; a megabyte of smaller ones holds no real event."""
MAX_WRAPPINGS: Final = 32
"""One around the other: nobody's tools make as many."""
_MAGIC: Final = b"\x00"
_MAGIC_BYTES: Final = 5
_ENVELOPE: Final = frozenset({"schema", "payload"})
_FORM_FIELDS: Final = ("e", "event", "identification")
_MOST_FORM_FIELDS: Final = 100
_BEGINS: Final = frozenset({"{", "[", '"'})
IDENTIFY: Final = "$identify"


class Wrapping(StrEnum):
    """What stands around events."""

    UPLOAD = 'upload bodies ({"events": […]})'
    ARRAY = "arrays of events"
    TEXT = "JSON within a JSON string"
    CONNECT = "Kafka Connect's {schema, payload}"
    CONFLUENT = "Confluent's magic byte before JSON"
    CAPITALS = "rows with names in capitals, as Snowflake has them"
    IDENTIFY = 'Identify API bodies ({"identification": …})'
    FORM = "forms (e=…, event=…, identification=…)"


class WrappedEvent(NamedTuple):
    """One member of a record, which stands or falls by itself."""

    value: Any
    """An object that should be an event, or what it is instead."""
    error: str | None = None
    """Why it cannot be one."""


class Unwrapped(NamedTuple):
    """What is within a record."""

    parts: list[WrappedEvent]
    wrappings: tuple[Wrapping, ...]
    """From the outside inwards, each once."""


class TooManyPartsError(Exception):
    """A record holds more than MAX_PARTS."""


def _may_hold_event(value: Any) -> bool:
    """Return whether events may be within: in an object or array, or in text that begins like their JSON."""
    return isinstance(value, dict | list) or (isinstance(value, str) and value.lstrip()[:1] in _BEGINS)


class _Unwrapping:
    def __init__(self) -> None:
        self.parts: list[WrappedEvent] = []
        self.wrappings: dict[Wrapping, None] = {}

    def open(self, value: Any, depth: int) -> None:
        """Take the wrappings off a value, and note what is within."""
        if depth > MAX_WRAPPINGS:
            self._add(WrappedEvent(value, f"wrapped more than {MAX_WRAPPINGS} times"))
        elif isinstance(value, dict):
            self._open_object(value, depth)
        elif isinstance(value, str):
            self._open_text(value, depth)
        elif isinstance(value, list) and any(_may_hold_event(member) for member in value):
            self._note(Wrapping.ARRAY)
            self._open_members(value, depth)
        else:
            self._add(WrappedEvent(value, "not a JSON object"))

    def _open_object(self, value: JsonObject, depth: int) -> None:
        get = value.get
        if get("event_type"):
            self._add(WrappedEvent(value))
        elif isinstance(events := get("events"), list):
            self._note(Wrapping.UPLOAD)
            self._open_members(events, depth)
        elif isinstance(identification := get("identification"), list | dict | str):
            self._note(Wrapping.IDENTIFY)
            self._open_identification(identification)
        elif "payload" in value and value.keys() <= _ENVELOPE:
            self._note(Wrapping.CONNECT)
            if (payload := value["payload"]) is not None:  # null is Connect's tombstone
                self.open(payload, depth + 1)
        elif get("EVENT_TYPE"):
            self._note(Wrapping.CAPITALS)
            self._add(WrappedEvent({name.lower(): column for name, column in value.items()}))
        else:
            self._add(WrappedEvent(value))

    def _open_members(self, members: list[Any], depth: int) -> None:
        if len(members) + len(self.parts) > MAX_PARTS:
            raise TooManyPartsError
        for member in members:
            self.open(member, depth + 1)

    def _open_text(self, value: str, depth: int) -> None:
        text = value.strip()
        if not _may_hold_event(text):
            self._add(WrappedEvent(value, "not a JSON object"))
            return
        try:
            inner = loads(text.encode())
        except orjson.JSONDecodeError:
            self._add(WrappedEvent(value, "text that is no JSON"))
            return
        if is_deeper(text.encode(), inner, MAX_DEPTH):
            self._add(WrappedEvent(value, f"text nested deeper than {MAX_DEPTH} levels"))
            return
        self._note(Wrapping.TEXT)
        self.open(inner, depth + 1)

    def _open_identification(self, value: Any) -> None:
        if isinstance(value, str):
            try:
                value = loads(value.encode())
            except orjson.JSONDecodeError:
                self._add(WrappedEvent({"identification": value}, "an identification that is no JSON"))
                return
        members = value if isinstance(value, list) else [value]
        if len(members) + len(self.parts) > MAX_PARTS:
            raise TooManyPartsError
        for member in members:
            if not isinstance(member, dict):
                self._add(WrappedEvent({"identification": [member]}, "an identification that is no JSON object"))
            elif "group_type" not in member:  # a group's own properties belong to nobody
                self._add(WrappedEvent({**member, "event_type": IDENTIFY}))

    def _add(self, part: WrappedEvent) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise TooManyPartsError
        self.parts.append(part)

    def _note(self, wrapping: Wrapping) -> None:
        self.wrappings[wrapping] = None


def unwrap(parsed: Any, around: tuple[Wrapping, ...] = ()) -> Unwrapped:
    """Return what JSON holds; `around` are wrappings that were around the JSON. Raises TooManyPartsError."""
    unwrapping = _Unwrapping()
    for wrapping in around:
        unwrapping._note(wrapping)  # noqa: SLF001 - of this module
    unwrapping.open(parsed, 0)
    return Unwrapped(unwrapping.parts, tuple(unwrapping.wrappings))


def json_within(value: bytes) -> tuple[bytes, tuple[Wrapping, ...]] | None:
    """Return the JSON text within bytes that are none themselves, and what stood around it; None if there is none."""
    if value[:1] == _MAGIC:
        inner = value[_MAGIC_BYTES:]
        return (inner, (Wrapping.CONFLUENT,)) if inner.lstrip()[:1] in (b"{", b"[", b'"') else None
    return _form_within(value)


def _form_within(value: bytes) -> tuple[bytes, tuple[Wrapping, ...]] | None:
    name, equals, _ = value[:100].partition(b"=")
    if not equals or not name.replace(b"_", b"").isalnum():
        return None
    try:
        form = parse_qs(value.decode("ascii"), max_num_fields=_MOST_FORM_FIELDS)
    except ValueError:
        return None
    for field in _FORM_FIELDS:
        for text in form.get(field, ())[:1]:
            if field == "identification":
                return dumps({"identification": text}), (Wrapping.FORM,)
            return text.encode(), (Wrapping.FORM,)
    return None
