"""The registry: reads what the process counts anyway, when it is asked. It costs the flow nothing in between."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from flows.observe.metrics.answers import read_answers
from flows.observe.metrics.events import read_events
from flows.observe.metrics.health import read_health
from flows.observe.metrics.hindrances import read_hindrances
from flows.observe.metrics.lag import read_lag, read_sent_again
from flows.observe.metrics.readings import Readings
from flows.observe.metrics.requests import read_requests
from flows.observe.metrics.state import read_process, read_state
from flows.observe.parts import Parts

_READERS: Final[tuple[Callable[[Readings, Parts], None], ...]] = (
    read_events,
    read_lag,
    read_sent_again,
    read_requests,
    read_answers,
    read_hindrances,
    read_health,
    read_state,
    read_process,
)


class Metrics:
    """What /metrics answers."""

    def __init__(self, parts: Parts) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(PartsCollector(parts))
        ProcessCollector(registry=self._registry)

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return the page and its content type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class PartsCollector(Collector):
    """Reads the parts of a process at each scrape."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def describe(self) -> Iterable[Family]:
        """Say nothing: what there is shows at the first scrape."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield everything."""
        readings = Readings()
        for read in _READERS:
            read(readings, self._parts)
        yield from readings.families()
