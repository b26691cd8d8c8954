"""HTTP API v1: `event` is one event, or an array of them, with the names of HTTP V2.

Source: Amplitude, HTTP API (deprecated).
"""

from connectors.collector.lenient_json import parse
from connectors.collector.upload import Dialect, UnreadableUploadError, Upload


def read_event(event: str, api_key: str | None) -> Upload:
    """Return the upload of a form's or query's `event`. Raises UnreadableUploadError."""
    try:
        events = parse(event.encode())
    except UnreadableUploadError as problem:
        raise UnreadableUploadError(problem.reason, "invalid_event") from None
    return Upload(events if type(events) is list else [events], api_key, Dialect.TEXT)
