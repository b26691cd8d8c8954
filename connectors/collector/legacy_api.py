"""HTTP API v1: `event` is one event, or an array of them, with the names of HTTP V2.

Source: Amplitude, HTTP API (deprecated).
"""

import orjson

from connectors.collector.upload import Dialect, RefusalReason, UnreadableUploadError, Upload
from flows.domain.exact_json import loads


def read_event(event: str, api_key: str | None) -> Upload:
    """Return the upload of a form's or query's `event`. Raises UnreadableUploadError."""
    try:
        events = loads(event.encode())
    except orjson.JSONDecodeError:
        raise UnreadableUploadError(RefusalReason.UNREADABLE, "invalid_event") from None
    return Upload(events if type(events) is list else [events], api_key, Dialect.TEXT)
