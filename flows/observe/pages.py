"""The pages of a flow that runs: /livez, /readyz, /status and /metrics."""

from functools import partial

from flows.observe.liveness import hindrances, parts_alive
from flows.observe.metrics.flow import read_flow
from flows.observe.metrics.registry import Metrics
from flows.observe.page_server import Page, PagesByPath, json_page
from flows.observe.parts import Parts
from flows.observe.readiness import checks
from flows.observe.recent import Recent
from flows.observe.status import status


class FlowPages:
    """Implements `Pages`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._metrics = Metrics(partial(read_flow, parts=parts))
        self._recent = Recent(parts)
        self.by_path: PagesByPath = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/status": self._status,
            "/metrics": lambda accept: Page(*self._metrics.page(accept)),
        }

    def look(self) -> None:
        """Note the counts, for what happened in the last minutes."""
        self._recent.look()

    def _livez(self, _: str) -> Page:
        found = parts_alive(self._parts)
        alive, why = all(each.is_alive for each in found), hindrances(self._parts)
        content = {
            "alive": alive,
            "delivering": not why,
            "why": why,
            "parts": [each.as_json() for each in found],
        }
        return json_page(content, 200 if alive else 503)

    def _readyz(self, _: str) -> Page:
        found = checks(self._parts)
        ready, why = all(each.why_not is None for each in found), hindrances(self._parts)
        content = {
            "ready": ready,
            "delivering": not why,
            "why": why,
            "checks": [{"check": each.name, "ok": each.why_not is None, "why_not": each.why_not} for each in found],
        }
        return json_page(content, 200 if ready else 503)

    def _status(self, _: str) -> Page:
        return json_page(status(self._parts, self._recent))
