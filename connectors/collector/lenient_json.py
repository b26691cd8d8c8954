"""Lenient JSON: what a client sends is read so that one event which nobody can read costs no other of its upload.

A text that was cut in the middle of an emoji is written as half a surrogate pair, which no UTF-8 can hold; Python's and
JavaScript's clients send NaN, 1e999 or bytes of another encoding. The SDKs before the current ones send an upload that
is not answered with 200 again for ever, and their other events wait behind it.
"""

import json
import math
import re
from typing import Any, Final

import orjson

from connectors.collector.upload import RefusalReason, UnreadablePart, UnreadableUploadError
from flows.domain.exact_json import dumps, loads

_MOST_VALUES: Final = 1_000_000
"""In one body: 2,000 events of 500 values. Each may take 50 times its bytes in memory."""
_MOST_DIGITS: Final = 4_300
"""Of an integer, as Python reads it."""
_HALF_PAIR: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Python's `surrogateescape` has those between for bytes that are no UTF-8."""
_LISTS: Final = ("events", "identification")
"""Where an upload has its events."""


def parse(text: bytes) -> Any:
    """Return what JSON text holds, within bounded memory. Raises UnreadableUploadError.

    Numbers that are none, and that are too large for any, are null. An event that cannot be read, in an upload of
    several, is an UnreadablePart.
    """
    if len(text) > _MOST_VALUES and sum(map(text.count, (b",", b"{", b"["))) > _MOST_VALUES:
        raise UnreadableUploadError(RefusalReason.TOO_LARGE)
    try:
        return loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return _apart(
            json.loads(
                text.decode("utf-8", "surrogateescape"),
                parse_constant=lambda _: None,
                parse_float=_finite,
                parse_int=_whole,
            )
        )
    except (ValueError, TypeError, RecursionError):
        raise UnreadableUploadError(RefusalReason.UNREADABLE) from None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _apart(parsed: Any) -> Any:
    """Return it with each event read by itself. Raises ValueError, TypeError or RecursionError."""
    if type(parsed) is list:
        return [_part(each) for each in parsed]
    if type(parsed) is not dict or parsed.get("event_type"):
        return _exact(parsed)
    lists = {name: parsed.pop(name) for name in _LISTS if type(parsed.get(name)) is list}
    return {**_exact(parsed), **{name: [_part(each) for each in events] for name, events in lists.items()}}


def _part(event: Any) -> Any:
    try:
        return _exact(event)
    except (ValueError, TypeError):
        return UnreadablePart(_as_sent(event))


def _exact(value: Any) -> Any:
    return loads(dumps(value))


def _as_sent(event: Any) -> bytes:
    """Return an event's text: its bytes where they are no UTF-8, an escape where it has half a surrogate pair."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return _HALF_PAIR.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode("utf-8", "surrogateescape")
