"""The sandbox's OpenDSR API: takes requests of data subjects, and says how far they are. Nothing is erased."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

import orjson
from aiohttp import web

from connectors.appsflyer.sandbox.checks import KnownToSandbox
from connectors.appsflyer.sandbox.faults import DOCUMENTED, Fault, Subject
from connectors.appsflyer.sandbox.intake import EventsHandler
from connectors.appsflyer.sandbox.opendsr_checks import (
    MESSAGES,
    DsrReply,
    DsrRequest,
    create,
    error,
    status_of,
    why_unauthorized,
)

OPENDSR_PATH: Final = "/api/gdpr/v1/"
_ROUTE: Final = re.compile(rf"{OPENDSR_PATH}(opendsr_requests|stub)(?:/([^/?]+))?")
_MOST_KEPT: Final = 10_000


class OpenDsrHandler:
    """What happens to requests of data subjects; those of the API's own `stub` routes are kept apart."""

    def __init__(self, rules: KnownToSandbox, intake: EventsHandler, now: Callable[[], float]) -> None:
        self._rules = rules
        self._intake = intake
        self._now = now
        self.reset()

    def reset(self) -> None:
        """Forget every request."""
        self._taken: dict[str, dict[str, DsrRequest]] = {"opendsr_requests": {}, "stub": {}}
        self._attempts: Counter[int] = Counter()

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests that were taken, oldest first, with their status; without those of the stub."""
        now = self._now()
        return [{**each._asdict(), "status": each.status(now)} for each in self._taken["opendsr_requests"].values()]

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or break its connection as the fault plan says."""
        body = await request.read()
        key = hash((request.method, request.path, body))
        if len(self._attempts) < _MOST_KEPT:
            self._attempts[key] += 1
        fault = self._intake.pick(Subject(_property_id(body), None, None, self._attempts[key]))
        if fault is not None and (fault.kind == "page" or fault.status != DOCUMENTED):  # AppsFlyer has not taken it
            return await self._intake.strike(request, fault, _response(_of_fault(fault)))
        response = _response(self._answer(request, body))
        return response if fault is None else await self._intake.strike(request, fault, response)

    def _answer(self, request: web.BaseRequest, body: bytes) -> DsrReply:
        route = _ROUTE.fullmatch(request.path)
        if route is None:
            return DsrReply(404, "Not Found")
        if (refusal := why_unauthorized(request.headers, self._rules)) is not None:
            return refusal
        taken, request_id = self._taken[route[1]], route[2]
        if request_id is None:
            return self._create(request, body, taken) if request.method == "POST" else DsrReply(405, "Not Allowed")
        known = taken.get(unquote(request_id))
        if known is None:
            return error("e214")
        if request.method == "DELETE":
            return self._cancel(known, taken)
        return status_of(known, self._now()) if request.method == "GET" else DsrReply(405, "Not Allowed")

    def _create(self, request: web.BaseRequest, body: bytes, taken: dict[str, DsrRequest]) -> DsrReply:
        reply, created = create(request.headers, body, taken.values(), now=self._now(), rules=self._rules)
        if created is not None:
            taken[created.id] = created
            if len(taken) > _MOST_KEPT:
                del taken[next(iter(taken))]
        return reply

    def _cancel(self, known: DsrRequest, taken: dict[str, DsrRequest]) -> DsrReply:
        if known.status(self._now()) != "pending":
            return error("e211")
        taken[known.id] = known._replace(is_canceled=True)
        return DsrReply(202, "Accepted")


def _of_fault(fault: Fault) -> DsrReply:
    text = fault.text or ""
    return error(text, fault.status)._replace(status=fault.status) if text in MESSAGES else DsrReply(fault.status, text)


def _response(reply: DsrReply) -> web.Response:
    if isinstance(reply.content, str):
        return web.Response(status=reply.status, text=reply.content)
    return web.Response(status=reply.status, body=orjson.dumps(reply.content), content_type="application/json")


def _property_id(body: bytes) -> str | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    app_id = content.get("property_id") if isinstance(content, dict) else None
    return app_id if isinstance(app_id, str) else None
