"""The looks at a sample of the source: add a look's function to `LOOKS`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from flows.domain.decode import Refused, decode
from flows.domain.event import Event, Record
from flows.operations.check.finding import Finding
from flows.operations.check.identified import identifiers, platforms
from flows.operations.check.mapped import mapped
from flows.operations.check.personal import personal
from flows.operations.check.sample_type import Sample
from flows.operations.check.selected import selected
from flows.settings.model import Settings

SAMPLE_RECORDS: Final = 1000

Look = Callable[[Settings, Sample], Iterator[Finding]]

LOOKS: Final[tuple[Look, ...]] = (selected, platforms, identifiers, mapped, personal)
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
