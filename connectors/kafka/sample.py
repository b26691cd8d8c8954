"""A sample of the topic: its latest records, an equal share of each partition. No group is joined for it."""

from collections.abc import Iterator

from connectors.finding import Finding
from connectors.kafka.check import no_topic, unusable
from connectors.kafka.probe import ProbeError, probe_source
from connectors.kafka.settings import KafkaSource
from connectors.sample import SampleError
from connectors.secrets import SecretError
from flows.domain.event import Record


def latest_of(source: KafkaSource, limit: int | None) -> Iterator[Record]:
    """Yield the latest records of the topic, up to `limit`. Raises SampleError, also where all are asked for."""
    if limit is None:
        raise SampleError("source.topic: a topic is not read as a whole; give a number of records instead (--events)")
    try:
        with probe_source(source) as probe:
            partitions = probe.partitions(source.topic)
            records = None if partitions is None else probe.latest(source.topic, partitions, limit)
    except (ProbeError, SecretError) as error:
        raise SampleError(_text(unusable("source", source.bootstrap_servers, error))) from error
    if records is None:
        raise SampleError(_text(no_topic("source.topic", source.topic)))
    yield from records


def _text(finding: Finding) -> str:
    return f"{finding.text}; {finding.do}"
