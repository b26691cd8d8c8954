"""Clock skew: how wrong a client's clock was when it sent its events.

Source: Amplitude, S3 export: `event_time` is `client_event_time` plus (`server_received_time` minus
`client_upload_time`), unless that difference is under a minute.
"""

from typing import Any, Final

from flows.domain.timestamp import parse_number, parse_text

_TOLERATED_MS: Final = 60_000
_MOST_DIGITS: Final = 15
"""Of milliseconds since the epoch, until the end of the calendar."""


def read_upload_ms(upload_time: Any) -> int | None:
    """Return the client's clock when it sent its events, in ms since the epoch; None if it does not say.

    It writes it as ISO 8601, or as milliseconds, a number or its digits.
    """
    if type(upload_time) is str:
        text = upload_time.strip()
        if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
            return parse_number(int(text))
        return parse_text(text)
    return parse_number(upload_time) if type(upload_time) is int or type(upload_time) is float else None


def skew_ms(upload_ms: int | None, received_ms: int) -> int:
    """Return what has to be added to the client's times; 0 where its clock is right, or not known."""
    skew = 0 if upload_ms is None else received_ms - upload_ms
    return skew if abs(skew) >= _TOLERATED_MS else 0
