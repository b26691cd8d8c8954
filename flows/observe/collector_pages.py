"""The pages of a collector: /livez, /readyz, /status and /metrics."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from flows.observe.collector_view import CollectorView
from flows.observe.metrics.collector import read_collector
from flows.observe.metrics.metric import COLLECTOR
from flows.observe.metrics.registry import Metrics
from flows.observe.page_server import Page, PagesByPath, json_page


class CollectorPages:
    """Implements `Pages`."""

    def __init__(self, view: CollectorView) -> None:
        self._view = view
        self._metrics = Metrics(partial(read_collector, view=view))
        self.by_path: PagesByPath = {
            "/livez": lambda _: json_page({"alive": True}),
            "/readyz": self._readyz,
            "/status": self._status,
            "/metrics": lambda accept: Page(*self._metrics.page(accept)),
        }

    def look(self) -> None:
        """Note nothing: totals are enough."""

    def _readyz(self, _: str) -> Page:
        why = list(self._why_not_ready())
        return json_page({"ready": not why, "why": why}, 503 if why else 200)

    def _why_not_ready(self) -> Iterator[str]:
        view = self._view
        if view.is_closing:
            yield "stopping"
        if view.blocked is not None:
            yield f"nothing can be stored: {view.blocked}"
        if view.child is not None and view.child.is_missing:
            yield "the stream does not run; events are taken in and wait"

    def _status(self, _: str) -> Page:
        counts, child = self._view.counts, self._view.child
        content: dict[str, Any] = {
            "name": COLLECTOR,
            "why_not_ready": list(self._why_not_ready()),
            "requests": [
                {"path": path, "status": status, "count": count}
                for (path, status), count in counts.answers.copy().items()
            ],
            "events_by_library": dict(counts.events),
            "invalid_events": dict(counts.invalid),
            "refused_requests": dict(counts.refused),
            "unknown_api_keys": dict(counts.unknown_api_keys),
            "throttled_events": counts.throttled_events,
            "in_flight_requests": counts.in_flight,
        }
        if (waiting := self._view.waiting) is not None:
            content["waiting"] = waiting._asdict()
        if (tee := self._view.tee_counts) is not None:
            content["tee"] = {
                "forwarded_events": tee.forwarded_events,
                "given_up_events": tee.given_up.copy(),
                "dropped_events": tee.dropped.copy(),
                "waiting_requests": tee.waiting_requests,
                "waiting_bytes": tee.waiting_bytes,
                "oldest_received_ms": tee.oldest_received_ms,
                "trouble": tee.trouble,
            }
        if child is not None:
            content["stream"] = {
                "is_running": child.is_running,
                "is_missing": child.is_missing,
                "starts": child.starts,
                "last_exit_code": child.exit_code,
                "last_words": list(child.last_words),
            }
        return json_page(content)
