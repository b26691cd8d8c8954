"""Amplitude's webhook destination: events and users, one or many a body, as objects, an array, or a line each.

Source: Amplitude, «Webhooks» of the destination catalogue: the default body is an Export row or an Identify object, and
a template may change it. Amplitude sends a body up to ten times that is not answered with 200, so whatever cannot be
read is taken as it is, and the stream refuses it with its reason.
"""

from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import Any, Final

import orjson

from connectors.collector.identify import identify_events
from connectors.collector.lenient_json import parse
from connectors.collector.upload import RefusalReason, UnreadablePart, UnreadableUploadError
from flows.domain.exact_json import loads
from flows.domain.wrapping import IDENTIFY

PATH: Final = "/webhook/"


def is_known(token: str, tokens: Iterable[str]) -> bool:
    """Return whether a token is one of them; how long it takes says nothing of how much of it is right."""
    given = token.encode("utf-8", "surrogateescape")  # a path is any bytes
    known = False
    for each in tokens:
        known |= compare_digest(each.encode(), given)
    return known


def webhook_events(body: bytes) -> list[Any]:
    """Return the events of a body; what is no JSON is an UnreadablePart in its place. Raises UnreadableUploadError."""
    if not body.strip():
        return []
    try:
        parsed = parse(body)
    except UnreadableUploadError as problem:
        if problem.reason is not RefusalReason.UNREADABLE:
            raise
        parsed = [_line(line) for line in body.splitlines() if line.strip()]
        if all(type(line) is UnreadablePart for line in parsed):
            return [UnreadablePart(body)]
    return list(_events(parsed))


def _line(line: bytes) -> Any:
    try:
        return loads(line)
    except orjson.JSONDecodeError:
        return UnreadablePart(line)


def _events(parsed: Any) -> Iterator[Any]:
    for member in parsed if type(parsed) is list else [parsed]:
        if type(member) is not dict or member.get("event_type"):
            yield member
        elif type(member.get("events")) is list:
            yield from member["events"]
        elif "identification" in member:
            try:
                yield from identify_events(member["identification"])
            except UnreadableUploadError:
                yield member
        elif "user_properties" in member:
            yield {**member, "event_type": IDENTIFY}
        else:
            yield member
