"""Whether it moves, and whether it could do its work: what /livez and /readyz answer, as numbers."""

from connectors.health.liveness import parts_alive
from connectors.health.readiness import checks
from connectors.metrics import vocabulary as v
from connectors.metrics.parts import Parts
from connectors.metrics.readings import Readings


def read_health(to: Readings, parts: Parts) -> None:
    """Put each part of /livez, and each check of /readyz."""
    for part in parts_alive(parts):
        to.put(v.ALIVE, part.is_alive, part.name)
    for check in checks(parts):
        to.put(v.READY, check.why_not is None, check.name)
