"""Form bodies: what the SDKs before the current ones, the Identify API and HTTP API v1 send.

Source: amplitude-js, amplitude-android and amplitude-ios (`v`, `client`, `e`, `upload_time`, `checksum`); Amplitude,
Identify API and HTTP API v1 (`api_key` with `identification` or `event`).
"""

from hashlib import md5
from typing import Final
from urllib.parse import parse_qsl

from connectors.collector.identify import identify_events
from connectors.collector.legacy_api import read_event
from connectors.collector.lenient_json import parse
from connectors.collector.upload import Dialect, RefusalReason, UnreadableUploadError, Upload

MAX_BYTES: Final = 4 << 20
"""The SDKs send up to 100 events a form."""
_MOST_ESCAPES: Final = 300_000
"""Each takes 200 bytes while the form is read; a third of the characters of usual events are escaped."""
_MOST_FIELDS: Final = 100


def read_form(form: bytes) -> Upload:
    """Return the upload of a form, or of a query. Raises UnreadableUploadError."""
    if len(form) > MAX_BYTES or form.count(b"%") > _MOST_ESCAPES:
        raise UnreadableUploadError(RefusalReason.TOO_LARGE)
    try:
        fields = dict(parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise UnreadableUploadError(RefusalReason.UNREADABLE) from None
    if "e" in fields:
        return _read_sdk_form(fields)
    if "identification" in fields:
        return Upload(identify_events(fields["identification"]), fields.get("api_key"), Dialect.TEXT)
    if "event" in fields:
        return read_event(fields["event"], fields.get("api_key"))
    raise UnreadableUploadError(RefusalReason.NO_EVENTS, "missing_event" if "api_key" in fields else "")


def _read_sdk_form(fields: dict[str, str]) -> Upload:
    checksum = fields.get("checksum")
    if checksum is not None and checksum.lower() != _checksum(fields):
        raise UnreadableUploadError(RefusalReason.BAD_CHECKSUM, "bad_checksum")
    events = parse(fields["e"].encode())
    return Upload(
        events if type(events) is list else [events],
        fields.get("client") or fields.get("api_key"),
        Dialect.SDK_FORM,
        upload_time=fields.get("upload_time"),
    )


def _checksum(fields: dict[str, str]) -> str:
    """Return the checksum that amplitude-js sends: it finds damage and proves nothing."""
    text = "".join(fields.get(name, "") for name in ("v", "client", "e", "upload_time"))
    return md5(text.encode(), usedforsecurity=False).hexdigest()
