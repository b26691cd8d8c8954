"""The sandbox's own paths: its page, what arrived, and the fault plan. AppsFlyer has none of these."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from connectors.appsflyer.sandbox import page
from connectors.appsflyer.sandbox.fault_plan import FaultPlan, FaultPlanError
from connectors.appsflyer.sandbox.intake import EventsHandler
from connectors.appsflyer.sandbox.opendsr import OpenDsrHandler
from connectors.appsflyer.sandbox.recorder import Recorder

_Route = Callable[[web.BaseRequest], web.Response]


class Control:
    """Answers GET / and everything under /control/."""

    def __init__(
        self, intake: EventsHandler, opendsr: OpenDsrHandler, recorder: Recorder, *, keeps_requests: bool
    ) -> None:
        self._intake = intake
        self._opendsr = opendsr
        self._recorder = recorder
        self._keeps_requests = keeps_requests
        self._routes: dict[tuple[str, str], _Route] = {
            ("GET", "/"): self._page,
            ("GET", "/control/requests"): self._requests,
            ("GET", "/control/not_recorded"): lambda _: _json(recorder.not_recorded()),
            ("GET", "/control/summary"): lambda _: _json(orjson.dumps(recorder.summary())),
            ("GET", "/control/faults"): lambda _: _json(intake.plan.model_dump_json(exclude_defaults=True).encode()),
            ("GET", "/control/erasures"): lambda _: _json(orjson.dumps(opendsr.requests())),
            ("POST", "/control/reset"): self._reset,
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request; 404 for other paths, 400 with one line of text for a wrong value."""
        if (request.method, request.path) == ("PUT", "/control/faults"):
            return self._set_faults(await request.read())
        route = self._routes.get((request.method, request.path))
        return web.Response(status=404, text="Not Found") if route is None else route(request)

    def reset(self) -> None:
        """Forget what arrived, and begin the fault plan anew."""
        self._intake.reset()
        self._opendsr.reset()

    def _reset(self, _: web.BaseRequest) -> web.Response:
        self.reset()
        return web.Response(status=204)

    def _page(self, _: web.BaseRequest) -> web.Response:
        html = page.page(
            self._recorder.summary(), self._recorder.newest(page.ROWS), keeps_requests=self._keeps_requests
        )
        return web.Response(text=html, content_type="text/html", headers=page.HEADERS)

    def _requests(self, request: web.BaseRequest) -> web.Response:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            return web.Response(status=400, text="since: must be the number of a request, 0 for all")
        return _json(self._recorder.requests(int(since)))

    def _set_faults(self, content: bytes) -> web.Response:
        try:
            data: Any = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            return web.Response(status=400, text=f"fault plan: is not valid JSON: {error}")
        try:
            self._intake.set_faults(FaultPlan.of(data))
        except FaultPlanError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=204)


def _json(content: bytes) -> web.Response:
    return web.Response(body=content, content_type="application/json")
