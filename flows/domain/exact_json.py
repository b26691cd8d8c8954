"""Exact JSON: as orjson reads and writes it, but integers beyond 64 bits keep their digits.

orjson reads such an integer as a float, which is another number, and refuses to write one. Card, account and order
numbers are written like that.
"""

import json
from typing import Any, Final

import orjson

_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG: Final = b"0" * 19
"""2^63 has 19 digits, so an integer beyond 64 bits has no fewer."""
_DIGITS: Final = b"0123456789"


def loads(value: bytes) -> Any:
    """Return what JSON text holds. Raises orjson.JSONDecodeError."""
    parsed = orjson.loads(value)
    zeros = value.translate(_DIGITS_AS_ZEROS)  # and one look for a run of zeros: a tenth of what a pattern costs
    place = zeros.find(_LONG)
    if place >= 0 and _may_hold_large_integer(value, zeros, place):
        try:
            return json.loads(value.decode())
        except (ValueError, RecursionError):  # more digits, or deeper, than Python reads: nobody's event
            return parsed
    return parsed


def _may_hold_large_integer(value: bytes, zeros: bytes, place: int) -> bool:
    """Return whether a long run of digits begins like a number; within a text it usually follows a letter or quote."""
    while place >= 0:
        before = place - 1
        if before >= 0 and value[before] == ord("-"):
            before -= 1
        if before < 0 or value[before] in b" \t\r\n:,[":
            return True
        end = place + len(_LONG)
        while end < len(zeros) and value[end] in _DIGITS:
            end += 1
        place = zeros.find(_LONG, end)
    return False


def dumps(value: Any) -> bytes:
    """Return a value as JSON text without blanks, in UTF-8."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


MAX_DEPTH: Final = 100
"""Amplitude takes 40 levels; past a few hundred, JSON encoders and the pickle of held events give up."""


def is_deeper(value: bytes, parsed: Any, levels: int) -> bool:
    """Return whether JSON text, of which `parsed` was read, is nested deeper than so many levels."""
    # So few brackets cannot nest deeper. Splitting skips from one to the next, where counting looks at every byte.
    if len(value.split(b"{", levels)) + len(value.split(b"[", levels)) <= levels:
        return False
    level = [parsed]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
