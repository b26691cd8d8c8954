"""Amplitude's times, read into milliseconds since the epoch.

Sources: Amplitude, Export API (`YYYY-MM-DD HH:MM:SS.ffffff`), S3 export (`YYYY-MM-DDTHH:MM:SS.ffffff`), webhook (three
decimals), HTTP V2 API (`time`: milliseconds since the epoch; text is refused). Warehouses write ISO 8601 with their own
separators: BigQuery `… UTC`, Snowflake `… +0000`, PostgreSQL `…+00`.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

_TEXT: Final = re.compile(
    r"(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}[ Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?)"
    r" ?((?P<utc>[Zz]|UTC|GMT)|(?P<offset>[+-][0-9]{2})(:?(?P<minutes>[0-9]{2}))?)?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - for times that state no zone, and are UTC
_WITHOUT_ZONE: Final = {len("2026-01-31 23:59:59.123456"), len("2026-01-31 23:59:59.123")}
"""How long a time is in the forms that Amplitude writes itself."""
_SEPARATORS: Final = ("-- ::.", "--T::.")
LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, after which no calendar goes on."""


def parse_text(text: str) -> int | None:
    """Return milliseconds since the epoch (cut, not rounded), or None if it is no possible time. No zone means UTC."""
    if not _is_usual(text):
        written = _TEXT.fullmatch(text)
        if written is None:
            return None
        offset = "+00:00" if written["utc"] else f"{written['offset']}:{written['minutes'] or '00'}"
        text = written["moment"].upper() + (offset if written["utc"] or written["offset"] else "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        since = moment - (_EPOCH_WITHOUT_ZONE if moment.tzinfo is None else _EPOCH)
    except OverflowError:
        return None
    time_ms = since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000
    return time_ms if 0 <= time_ms <= LATEST_MS else None


def _is_usual(text: str) -> bool:
    """Return whether the separators stand where Amplitude writes them; the digits are for `fromisoformat` to judge."""
    return len(text) in _WITHOUT_ZONE and text[4:20:3] in _SEPARATORS and text[19] == "." and text[-1].isdecimal()


def parse_number(number: float) -> int | None:
    """Return the milliseconds of an upload's `time`, cut to whole ones, or None if it is no possible time.

    Python's `time.time() * 1000` and JavaScript's `performance.now()` give fractions of a millisecond.
    """
    if not 0 <= number <= LATEST_MS:
        return None
    return int(number)


def appsflyer_time(time_ms: int) -> str:
    """Print as `eventTime` wants it: `yyyy-MM-dd HH:mm:ss.SSS` in UTC (AppsFlyer, OpenAPI of the S2S events API)."""
    days, of_day_ms = divmod(time_ms, _DAY_MS)
    seconds, milliseconds = divmod(of_day_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_date(days)} {hour:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}"


@lru_cache(maxsize=1024)
def _date(days: int) -> str:
    """Return the date so many days after the epoch's, as text."""
    return (_EPOCH_DATE + timedelta(days=days)).isoformat()


_EPOCH_DATE: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
_GRACE_MS: Final = 2 * 3_600_000


def is_late(time_ms: int, now_ms: int) -> bool:
    """Return whether AppsFlyer will stamp the event with its arrival: from 02:00 UTC of the next day on.

    Source: AppsFlyer, «Time stamping S2S events».
    """
    next_midnight_ms = (time_ms // _DAY_MS + 1) * _DAY_MS
    return now_ms >= next_midnight_ms + _GRACE_MS
