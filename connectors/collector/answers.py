"""Answers: what the collector says to Amplitude's clients, in the bodies that they act on.

Sources: Amplitude, HTTP V2 API and Batch Event Upload API (codes, texts and names of the keys); Identify API and HTTP
API v1 (plain texts). Every refusal names the events that it means, because clients of Amplitude's drop or hold back
what is named, and send the rest again at once and without end.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from flows.domain.exact_json import dumps

MAX_EVENTS: Final = 2_000
"""Of one body, as at Amplitude."""
_LONGEST_ECHO: Final = 1_024
"""Characters of an API key that an answer repeats."""
_JSON: Final = "application/json"
_TEXT: Final = "text/html;charset=utf-8"


class Answer(NamedTuple):
    """One answer, without its headers."""

    status: int
    body: bytes
    content_type: str


def stored(events: int, payload_bytes: int, now_ms: int) -> Answer:
    """Return what says that all events are stored: all four keys, because the SDK for Java requires them."""
    body = b'{"code":200,"events_ingested":%d,"payload_size_bytes":%d,"server_upload_time":%d}'
    return Answer(200, body % (events, payload_bytes, now_ms), _JSON)


SUCCESS: Final = Answer(200, b"success", _TEXT)
"""What says the same to the clients that send forms."""


def text(status: int, words: str) -> Answer:
    """Return a plain text, as the clients that send forms know it."""
    return Answer(status, words.encode(), _TEXT)


@lru_cache(maxsize=MAX_EVENTS + 1)
def _indexes(events: int) -> bytes:
    return dumps(list(range(events)))


def busy(events: int, users: Mapping[str, int], devices: Mapping[str, int]) -> Answer:
    """Return what makes the clients wait for half a minute and send all events again.

    `users` and `devices`: how many of the events each has.
    """
    body = (
        b'{"code":429,"error":"Too many requests for some devices and users","eps_threshold":30,'
        b'"throttled_devices":%b,"throttled_users":%b,'
        b'"exceeded_daily_quota_users":{},"exceeded_daily_quota_devices":{},"throttled_events":%b}'
    )
    return Answer(429, body % (dumps(dict(devices)), dumps(dict(users)), _indexes(events)), _JSON)


def busy_whatever_it_holds() -> Answer:
    """Return the same for a request whose events nobody has counted: it was not read, or the collector has failed."""
    return busy(MAX_EVENTS, {}, {})


def missing_events(error: str, *, status: int = 400, field: str = "events", events: int = MAX_EVENTS) -> Answer:
    """Return what makes every client drop the body: it holds nothing that could be taken, now or later.

    `events` is how many the body holds; where nobody knows, no body holds more than MAX_EVENTS.
    """
    named = {"code": status, "error": error, "missing_field": field}
    head = dumps(named)[:-1]
    return Answer(status, b'%b,"events_with_missing_fields":{"event_type":%b}}' % (head, _indexes(events)), _JSON)


def no_http() -> Answer:
    """Return what answers bytes that are no HTTP request."""
    return missing_events("Bad request")


def unread() -> Answer:
    """Return what answers a body that is no JSON."""
    return missing_events("Invalid JSON request body")


def no_events() -> Answer:
    """Return what answers JSON without a list of events."""
    return missing_events("Request missing required field")


def no_body() -> Answer:
    """Return what answers an empty body."""
    return missing_events("Missing request body")


def unknown_path() -> Answer:
    """Return what answers a path that takes nothing."""
    return missing_events("Invalid request path", status=404)


def too_large(events: int = MAX_EVENTS) -> Answer:
    """Return what makes the clients send the events in smaller bodies."""
    body = b'{"code":413,"error":"Payload too large","events_with_missing_fields":{"event_type":%b}}'
    return Answer(413, body % _indexes(min(events, MAX_EVENTS)), _JSON)


def wrong_token() -> Answer:
    """Return what answers a webhook with a token of nobody's."""
    return missing_events("Unauthorized", status=401, field="token")


def unknown_api_key(api_key: str, events: int) -> Answer:
    """Return what says it in Amplitude's words: the SDKs compare or search the text, with the key as they sent it."""
    head = dumps({"code": 400, "error": f"Invalid API key: {api_key[:_LONGEST_ECHO]}"})[:-1]
    return Answer(400, b'%b,"events_with_missing_fields":{"api_key":%b}}' % (head, _indexes(events)), _JSON)


def invalid_events(
    missing: Mapping[str, Iterable[int]], invalid: Mapping[str, Iterable[int]], lengths: Mapping[str, Iterable[int]]
) -> Answer:
    """Return what makes the clients drop the events that are named, and send the others again.

    Each is field → indexes of events: what lacks the field, has a wrong value, has an id that is too short.
    """
    body = {
        "code": 400,
        "error": "Invalid field values on some events" if invalid or lengths else "Request missing required field",
        "events_with_invalid_fields": {field: list(places) for field, places in invalid.items()},
        "events_with_missing_fields": {field: list(places) for field, places in missing.items()},
        "events_with_invalid_id_lengths": {field: list(places) for field, places in lengths.items()},
    }
    return Answer(400, dumps(body), _JSON)
