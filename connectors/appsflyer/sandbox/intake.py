"""Takes one request: reads it, asks the checks and the faults, records it, answers or breaks."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from connectors.appsflyer.sandbox import breaking
from connectors.appsflyer.sandbox.checks import CheckedAnswer, KnownToSandbox, check
from connectors.appsflyer.sandbox.fault_plan import FaultPlan
from connectors.appsflyer.sandbox.faults import DOCUMENTED, Fault, Faults, Subject
from connectors.appsflyer.sandbox.notes import Note
from connectors.appsflyer.sandbox.recorder import Arrival, Recorder

_LONGEST_BODY_KEPT_BYTES: Final = 65_536
_SILENT: Final = frozenset({"reset", "black_hole", "close"})
_FORBIDDEN: Final = 403
"""The one answer that was seen with a content type of its own."""


class EventsHandler:
    """What happens to requests for events."""

    def __init__(self, rules: KnownToSandbox, plan: FaultPlan, recorder: Recorder, now: Callable[[], float]) -> None:
        self._rules = rules
        self._faults = Faults(plan)
        self._recorder = recorder
        self._now = now
        self._shutdown = asyncio.Event()

    @property
    def plan(self) -> FaultPlan:
        """The fault plan at work."""
        return self._faults.plan

    def set_faults(self, plan: FaultPlan) -> None:
        """Replace the fault plan."""
        self._faults = Faults(plan)

    def reset(self) -> None:
        """Forget what arrived and begin the fault plan anew."""
        self._recorder.reset()
        self._faults = Faults(self._faults.plan)

    def stop(self) -> None:
        """End delays and black holes."""
        self._shutdown.set()

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or break its connection."""
        now = self._now()
        path = request.raw_path
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            body = b""
            answer = CheckedAnswer(413, "Payload Too Large", recorded=False, notes=(Note.BODY_TOO_LARGE,))
        else:
            answer = check(request.method, path, request.headers, body, now=now, rules=self._rules)
        key = hash((answer.app_id, body))
        attempt = self._recorder.attempt(key)
        fault = self.pick(_subject(answer, attempt))
        # It is recorded before a delay: a client that gives up waiting has sent it all the same.
        status, text = _outcome(answer, fault)
        self._recorder.add(_arrival(answer, body, now=now, status=status, fault=fault, attempt=attempt), key)
        if fault is None:
            return _response(answer.status, answer.text)
        return await self.strike(request, fault, _response(status or DOCUMENTED, text))

    def pick(self, subject: Subject) -> Fault | None:
        """Return the fault that strikes a request, if any."""
        return self._faults.pick(subject) if self._faults else None

    async def strike(self, request: web.BaseRequest, fault: Fault, response: web.Response) -> web.StreamResponse:
        """Answer as a fault has it, or break the connection."""
        if fault.delay_seconds:
            await self._pause(fault.delay_seconds)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = fault.retry_after
        if fault.kind == "page":
            response.headers["Content-Type"] = "text/html; charset=utf-8"
        elif fault.kind != "answer":
            await self._break(request, fault, response)
        return response

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._shutdown.wait()
        except TimeoutError:
            return

    async def _break(self, request: web.BaseRequest, fault: Fault, response: web.Response) -> None:
        if fault.kind == "black_hole":
            await self._shutdown.wait()
        if fault.kind == "truncate":
            breaking.truncate(request, response)
        elif fault.kind == "close":
            breaking.close(request)
        else:
            breaking.reset(request)
        # The loss of the connection cancels this.
        await asyncio.Event().wait()


def _outcome(answer: CheckedAnswer, fault: Fault | None) -> tuple[int | None, str]:
    if fault is None:
        return answer.status, answer.text
    if fault.kind in _SILENT:
        return None, ""
    if fault.kind == "page":
        return fault.status, fault.text or ""
    if fault.status != DOCUMENTED:
        return fault.status, fault.text or ""
    if fault.text is not None and answer.status == DOCUMENTED:
        return answer.status, fault.text
    return answer.status, answer.text


def _subject(answer: CheckedAnswer, attempt: int) -> Subject:
    event = answer.event or {}
    name, user = event.get("eventName"), event.get("customer_user_id")
    return Subject(
        answer.app_id, name if isinstance(name, str) else None, user if isinstance(user, str) else None, attempt
    )


def _arrival(
    answer: CheckedAnswer, body: bytes, *, now: float, status: int | None, fault: Fault | None, attempt: int
) -> Arrival:
    event = answer.event
    return Arrival(
        time=now,
        app_id=answer.app_id,
        status=status,
        recorded=answer.recorded and status == DOCUMENTED and (fault is None or fault.kind != "page"),
        notes=answer.notes,
        fault=None if fault is None else fault.kind,
        attempt=attempt,
        body=body,
        is_json=event is not None and len(body) <= _LONGEST_BODY_KEPT_BYTES,
        event_value=None if event is None or answer.event_value is None else event["eventValue"],
    )


def _response(status: int, text: str) -> web.Response:
    # The spec declares JSON strings; real answers were seen as plain text, and a 403 as application/octet-stream.
    content_type = "application/octet-stream" if status == _FORBIDDEN else "text/plain; charset=utf-8"
    return web.Response(status=status, body=text.encode(), headers={"Content-Type": content_type})
