"""The hours that an export is made of, in UTC: how they are written, which there are, and which Amplitude has already.

Amplitude, Export API, «Considerations»: an hour is that of `server_upload_time`. What came from 20:00 to 21:00 is
available at 23:00. Events from before 12 November 2014 are grouped by day.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
FIRST_HOUR: Final = datetime(2014, 11, 12, tzinfo=UTC)
"""Earlier events cannot be asked for by the hour."""
_LAG: Final = timedelta(hours=2)
"""From the end of an hour until Amplitude has it."""
_WRITTEN: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}")


def parse_hour(text: str) -> datetime:
    """Read an hour such as 2026-11-01T00, the one that begins then. Raises ValueError."""
    if _WRITTEN.fullmatch(text) is None:
        raise ValueError(f"no hour: {text!r}")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def name_of(hour: datetime) -> str:
    """Return an hour as people write it and as its archive is called: 2026-11-01T00."""
    return f"{hour:%Y-%m-%dT%H}"


def parameter_of(hour: datetime) -> str:
    """Return an hour as the Export API takes it: 20261101T00."""
    return f"{hour:%Y%m%dT%H}"


def count_hours(first: datetime, last: datetime) -> int:
    """Return how many hours there are from the first to the last, both included."""
    return max((last - first) // HOUR + 1, 0)


def hours(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the hours from the first to the last, both included, in their order."""
    for number in range(count_hours(first, last)):
        yield first + number * HOUR


def available_at(hour: datetime) -> datetime:
    """Return from when on Amplitude has an hour."""
    return hour + HOUR + _LAG


def last_available(now: datetime) -> datetime:
    """Return the last hour that Amplitude has at this time, which has a zone."""
    begun = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return begun - HOUR - _LAG
