"""A sample of what the source holds, and the looks at it: add a look's function to `LOOKS`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from flows.checking.finding import Finding
from flows.settings.model import Settings
from flows.steps.decode import Refused, decode
from flows.steps.event import Event, Record

SAMPLE_RECORDS: Final = 1000


class Sample(NamedTuple):
    """Some of the source's records, and what decode makes of them."""

    records: Sequence[Record]
    events: Sequence[Event]
    refused: Sequence[Refused]
    where: str
    """What was looked at, for a person: «the latest 1,000 messages»."""


Look = Callable[[Settings, Sample], Iterator[Finding]]

LOOKS: Final[tuple[Look, ...]] = ()
"""In the order in which a person reads what they find."""


def sample_of(records: Sequence[Record], where: str) -> Sample:
    """Return the sample, decoded."""
    decoded = [each for record in records for each in decode(record)]
    events = [each for each in decoded if isinstance(each, Event)]
    return Sample(records, events, [each for each in decoded if isinstance(each, Refused)], where)


def look_at(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield what all looks find in a sample that holds events."""
    if sample.events:
        for look in LOOKS:
            yield from look(settings, sample)
