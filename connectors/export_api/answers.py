"""What an answer to the request for one hour means, and when the request is made again.

Amplitude, Export API, «Status codes»: 400 is more than 4 GB, 404 is a time in which nothing was collected, 504 is a
time-out because there is much. 429 is what Amplitude's REST APIs answer to too many requests.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

_LONGEST_RETRY_AFTER_SECONDS: Final = 900.0
_PAUSES_SECONDS: Final = (5.0, 20.0, 60.0, 120.0)
"""Before each further attempt. An export is made anew for each, so that they are few."""


class ExportAnswer(Enum):
    """What Amplitude says to the request for an hour."""

    ARCHIVE = "here it is"
    NO_DATA = "no data in this hour"
    TOO_LARGE = "the hour has more than 4 GB"
    TIMED_OUT = "the hour takes Amplitude too long"
    THROTTLED = "too many requests"
    UNAVAILABLE = "out of order for the moment"
    REJECTED = "wrong keys"
    UNKNOWN = "no answer that is documented"

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _PASSING


_PASSING: Final = frozenset({ExportAnswer.TIMED_OUT, ExportAnswer.THROTTLED, ExportAnswer.UNAVAILABLE})
_MEANINGS: Final = {
    200: ExportAnswer.ARCHIVE,
    400: ExportAnswer.TOO_LARGE,
    401: ExportAnswer.REJECTED,
    403: ExportAnswer.REJECTED,
    404: ExportAnswer.NO_DATA,
    429: ExportAnswer.THROTTLED,
    504: ExportAnswer.TIMED_OUT,
}
_SERVER_ERRORS: Final = range(500, 600)


def meaning(status: int) -> ExportAnswer:
    """Return what a status means; 0 is no answer at all."""
    if status == 0 or (status in _SERVER_ERRORS and status not in _MEANINGS):
        return ExportAnswer.UNAVAILABLE
    return _MEANINGS.get(status, ExportAnswer.UNKNOWN)


def retry_after_seconds(header: str, now: datetime) -> float:
    """Read a Retry-After, which is seconds or a date (RFC 9110, 10.2.3); 0 where it is neither, or is over."""
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    zoned = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((zoned - now).total_seconds(), 0.0)


def pause_seconds(failures: int, retry_after_seconds: float) -> float | None:
    """Return how long to wait after so many failures in a row; None is to give up.

    A Retry-After counts where it is longer, up to a quarter of an hour.
    """
    if failures > len(_PAUSES_SECONDS):
        return None
    return max(_PAUSES_SECONDS[failures - 1], min(retry_after_seconds, _LONGEST_RETRY_AFTER_SECONDS))
