"""JSON bodies: `{"api_key": …, "events": […]}` and what else comes as JSON, told by what is in it.

Sources: Amplitude, HTTP V2 API, Batch Event Upload API; the SDKs' payloads (`client_upload_time`, `request_metadata`).
"""

from typing import Any

from connectors.collector.identify import identify_events
from connectors.collector.lenient_json import parse
from connectors.collector.upload import DEFAULT_MIN_ID_LENGTH, RefusalReason, UnreadableUploadError, Upload


def read_json(body: bytes) -> Upload:
    """Return the upload. Raises UnreadableUploadError."""
    parsed = parse(body)
    if type(parsed) is not dict:
        raise UnreadableUploadError(RefusalReason.NO_EVENTS)
    get = parsed.get
    api_key = get("api_key")
    if type(api_key) is not str:
        api_key = None
    events = get("events")
    if type(events) is list:
        return Upload(
            events,
            api_key,
            upload_time=get("client_upload_time"),
            library=_library(get("request_metadata")),
            min_id_length=_min_id_length(get("options")),
        )
    if (identification := get("identification")) is not None:
        return Upload(identify_events(identification), api_key)
    raise UnreadableUploadError(RefusalReason.NO_EVENTS)


def _min_id_length(options: Any) -> int:
    if type(options) is dict:
        length = options.get("min_id_length")
        if type(length) is int and length >= 0:
            return length
    return DEFAULT_MIN_ID_LENGTH


def _library(metadata: Any) -> Any:
    return metadata.get("library") or metadata.get("sdk") if type(metadata) is dict else None
