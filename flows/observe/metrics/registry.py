"""The registry: reads what a process counts anyway, when it is asked. It costs the work nothing in between."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from flows.observe.metrics.readings import Readings

Read = Callable[[Readings], None]
"""Puts all that a process tells of itself."""


class Metrics:
    """What /metrics answers."""

    def __init__(self, read: Read) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Scraped(read))
        ProcessCollector(registry=self._registry)

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return the page and its content type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class Scraped(Collector):
    """Reads at each scrape."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def describe(self) -> Iterable[Family]:
        """Say nothing: what there is shows at the first scrape."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield everything."""
        readings = Readings()
        self._read(readings)
        yield from readings.families()
