"""The metrics of a flow that runs: all that its parts tell."""

from collections.abc import Callable
from typing import Final

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


def read_flow(to: Readings, parts: Parts) -> None:
    """Put everything."""
    for read in _READERS:
        read(to, parts)
