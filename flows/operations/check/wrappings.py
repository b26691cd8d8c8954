"""The wrappings that the source's events come in."""

from collections import Counter
from collections.abc import Iterator

from flows.domain.decode import wrappings_of
from flows.operations.check.finding import Finding, Mark, count
from flows.operations.check.sample_type import Sample


def wrappings(sample: Sample) -> Iterator[Finding]:
    """Yield what stands around the events of a sample, and how often; nothing where each record is one event."""
    seen = Counter(wrapping for record in sample.records for wrapping in wrappings_of(record))
    if seen:
        of = "; ".join(f"{wrapping.value}: {number:,}" for wrapping, number in seen.most_common())
        text = f"source: events come wrapped, in {of} of {count(len(sample.records), 'record')}"
        yield Finding(Mark.FINE, f"{text}; each event within is taken by itself")
