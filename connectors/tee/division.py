"""Division: a body with some of its events, and everything else as it was sent."""

import zlib
from typing import Any, Final, NamedTuple

import orjson

from connectors.tee.answers import Part
from flows.domain.exact_json import dumps, loads

_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16
_EVENTS: Final = "events"


class DivisibleBody(NamedTuple):
    """A JSON body with a list of events."""

    document: dict[str, Any]

    @property
    def events(self) -> list[Any]:
        """All of its events."""
        found: list[Any] = self.document[_EVENTS]
        return found

    def part(self, part: Part) -> bytes:
        """Return a body with some of them, unpacked."""
        events = self.events
        return dumps({**self.document, _EVENTS: [events[each] for each in part]})


def divisible(body: bytes) -> DivisibleBody | None:
    """Return a body to be divided; None for a form, or what else holds no JSON list of events.

    The body was taken in: what it unpacks to is bounded.
    """
    try:
        document = loads(_unpacked(body))
    except (orjson.JSONDecodeError, zlib.error):
        return None
    is_list = type(document) is dict and type(document.get(_EVENTS)) is list and document[_EVENTS]
    return DivisibleBody(document) if is_list else None


def is_packed(body: bytes) -> bool:
    """Return whether a body is gzip, whatever the headers say that a proxy has passed on."""
    return body.startswith(_GZIP)


def _unpacked(body: bytes) -> bytes:
    parts = []
    while is_packed(body):  # several members, one behind the other, are one body
        member = zlib.decompressobj(_GZIP_WINDOW)
        parts.append(member.decompress(body))
        body = member.unused_data
    return b"".join(parts) if parts else body
