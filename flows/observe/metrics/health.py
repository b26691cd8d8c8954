"""Whether it moves, and whether it could do its work: what /livez and /readyz answer, as numbers."""

from flows.observe.liveness import parts_alive
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.readings import Readings
from flows.observe.parts import Parts
from flows.observe.readiness import checks


def read_health(to: Readings, parts: Parts) -> None:
    """Put each part of /livez, and each check of /readyz."""
    for part in parts_alive(parts):
        to.put(v.ALIVE, part.is_alive, part.name)
    for check in checks(parts):
        to.put(v.READY, check.why_not is None, check.name)
