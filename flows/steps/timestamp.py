"""Amplitude's times, read into milliseconds since the epoch.

Sources: Amplitude, Export API (`YYYY-MM-DD HH:MM:SS.ffffff`), S3 export (`YYYY-MM-DDTHH:MM:SS.ffffff`), webhook (three
decimals), HTTP V2 API (`time`: milliseconds since the epoch; text is refused).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_TEXT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, after which no calendar goes on."""


def parse_text(text: str) -> int | None:
    """Return milliseconds since the epoch (cut, not rounded), or None if it is no possible time. No zone means UTC."""
    if not _TEXT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        time_ms = (moment - _EPOCH) // _MILLISECOND
    except OverflowError:
        return None
    return time_ms if 0 <= time_ms <= LATEST_MS else None


def parse_number(number: float) -> int | None:
    """Return the milliseconds of an upload's `time`, or None if it is no possible time."""
    if not 0 <= number <= LATEST_MS or number != int(number):
        return None
    return int(number)


def appsflyer_time(time_ms: int) -> str:
    """Print as `eventTime` wants it: `yyyy-MM-dd HH:mm:ss.SSS` in UTC (AppsFlyer, OpenAPI of the S2S events API)."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{time_ms % 1000:03d}"


_DAY_MS: Final = 86_400_000
_GRACE_MS: Final = 2 * 3_600_000


def is_late(time_ms: int, now_ms: int) -> bool:
    """Return whether AppsFlyer will stamp the event with its arrival: from 02:00 UTC of the next day on.

    Source: AppsFlyer, «Time stamping S2S events».
    """
    next_midnight_ms = (time_ms // _DAY_MS + 1) * _DAY_MS
    return now_ms >= next_midnight_ms + _GRACE_MS
