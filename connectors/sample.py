"""A sample of what a source holds, for `check` and `inspect`: what it is, and how it is told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from connectors.finding import Finding, Mark, count
from flows.domain.decode import Refused, decode, wrappings_of
from flows.domain.event import Event, Record

SAMPLE_RECORDS: Final = 1000


class SampleError(Exception):
    """A source cannot be looked at. The text names the key, says why, and what to do."""


class Sample(NamedTuple):
    """Some of the source's records, and what decode makes of them."""

    records: Sequence[Record]
    events: Sequence[Event]
    refused: Sequence[Refused]
    where: str
    """What was looked at, for a person: «the latest 1,000 messages»."""


def sample_of(records: Sequence[Record], where: str) -> Sample:
    """Return the sample, decoded."""
    decoded = [each for record in records for each in decode(record)]
    events = [each for each in decoded if isinstance(each, Event)]
    return Sample(records, events, [each for each in decoded if isinstance(each, Refused)], where)


def wrappings(sample: Sample) -> Iterator[Finding]:
    """Yield what stands around the events of a sample, and how often; nothing where each record is one event."""
    seen = Counter(wrapping for record in sample.records for wrapping in wrappings_of(record))
    if seen:
        of = "; ".join(f"{wrapping.value}: {number:,}" for wrapping, number in seen.most_common())
        text = f"source: events come wrapped, in {of} of {count(len(sample.records), 'record')}"
        yield Finding(Mark.FINE, f"{text}; each event within is taken by itself")


def about(events: float) -> str:
    """Return a number of events that is estimated."""
    return f"about {count(round(events), 'event')}"


def date_of(time_ms: int) -> str:
    """Return the day of a time, which may be an impossible one."""
    try:
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "an impossible date"
