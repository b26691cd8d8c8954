"""The looks at a sample of the source: add a look's function to `LOOKS`."""

from collections.abc import Callable, Iterator
from typing import Final

from connectors.finding import Finding
from connectors.sample import Sample
from flows.operations.check.identified import identifiers, platforms
from flows.operations.check.mapped import mapped
from flows.operations.check.personal import personal
from flows.operations.check.selected import selected
from flows.settings.model import Settings

Look = Callable[[Settings, Sample], Iterator[Finding]]

LOOKS: Final[tuple[Look, ...]] = (selected, platforms, identifiers, mapped, personal)
"""In the order in which a person reads what they find."""


def look_at(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield what all looks find in a sample that holds events."""
    if sample.events:
        for look in LOOKS:
            yield from look(settings, sample)
