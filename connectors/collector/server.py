"""The collector's HTTP server: reads requests whole, within bounds, and writes answers that every client understands.

No answer is aiohttp's own: a client that finds no list of events in a 4xx may send again for ever (measured with Go's).
"""

import asyncio
import logging
import socket
import ssl
import time
import traceback
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion11
from typing_extensions import override

from connectors.collector import answers
from connectors.collector.answers import Answer
from connectors.collector.body_budget import BodyBudget
from connectors.collector.client_address import Network, client_address
from connectors.collector.passed_on import passed_on
from connectors.collector.protocol import MOST_BODY_BYTES, RefusalReason, Request, path_name
from connectors.collector.request_intake import RequestIntake
from connectors.limited_log import LimitedLog

_log = LimitedLog()

_MOST_BODIES_BYTES: Final = 128 << 20
_BODY_SECONDS: Final = 60.0
"""How long a body may take to come: what a phone on a bad line sends in, at most 1 MB, takes less."""
_ROOM_SECONDS: Final = 5.0
_KEEP_ALIVE_SECONDS: Final = 630.0
"""Longer than load balancers keep a connection (up to 600 s): they must be the ones to close it, since a request that
meets a closing connection is lost by several clients."""
_MOST_HEADER_BYTES: Final = 32_768
"""Of one: a page on the collector's own site sends all its cookies, and load balancers pass 16 KB of them on."""
_LAST_ANSWERS_SECONDS: Final = 8.0
_CORS: Final = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT: Final = {
    **_CORS,
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Max-Age": "86400",
    "Vary": "Access-Control-Request-Headers",
}
_SERVER: Final = "collector"
"""In place of the versions that aiohttp would tell."""


class CollectorServer:
    """Serves until it is stopped. Belongs to one event loop."""

    def __init__(self, intake: RequestIntake, trusted_proxies: Sequence[Network]) -> None:
        self._intake = intake
        self._counts = intake.counts
        self._trusted = trusted_proxies
        self._budget = BodyBudget(_MOST_BODIES_BYTES)
        self._server = _Server(
            self._answer,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            max_line_size=_MOST_HEADER_BYTES,
            max_field_size=_MOST_HEADER_BYTES,
        )
        self._listening: asyncio.Server | None = None
        self.is_closing = False
        """Each answer asks its client to close the connection."""

    async def start(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve the socket's connections from now on."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, sock=listening, ssl=tls, backlog=1024)

    async def stop(self, grace_seconds: float) -> None:
        """Ask clients to close for some time, then take no connections, and answer what has begun.

        A balancer, and clients that send often, go elsewhere meanwhile.
        """
        self.is_closing = True
        await asyncio.sleep(grace_seconds)
        if self._listening is not None:
            self._listening.close()
        await self._server.shutdown(_LAST_ANSWERS_SECONDS)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        counts = self._counts
        counts.in_flight += 1
        try:
            response = await self._answer_one(request)
        finally:
            counts.in_flight -= 1
        if self.is_closing:
            response.force_close()
        return response

    async def _answer_one(self, request: web.BaseRequest) -> web.Response:
        if request.method == "OPTIONS":
            self._counts.answers["preflight", 204] += 1
            asked = request.headers.get("Access-Control-Request-Headers")
            headers = {**_PREFLIGHT, **({"Access-Control-Allow-Headers": asked} if asked else {})}
            return web.Response(status=204, headers={**headers, "Server": _SERVER})
        if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        taken_bytes = 0
        try:
            chunks = []
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    while chunk := await request.content.readany():
                        async with asyncio.timeout(_ROOM_SECONDS):
                            await self._budget.take(len(chunk))
                        taken_bytes += len(chunk)
                        chunks.append(chunk)
                        if taken_bytes > MOST_BODY_BYTES:
                            self._counts.refused[RefusalReason.TOO_LARGE] += 1
                            return self._response(request, answers.too_large(), keep=False)
            except TimeoutError:
                return self._response(request, answers.busy_whatever_it_holds(), keep=False)
            answer = await self._intake.answer(self._request(request, b"".join(chunks)))
        finally:
            self._budget.give_back(taken_bytes)
        return self._response(request, answer)

    def _request(self, request: web.BaseRequest, body: bytes) -> Request:
        headers = request.headers
        path, query = _target(request)
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        address = client_address(peer[0] if peer else None, headers.getall("X-Forwarded-For", ()), self._trusted)
        return Request(
            request.method,
            path,
            query,
            body,
            address,
            time.time_ns() // 1_000_000,
            passed_on(headers, address) if self._intake.copier is not None else (),
        )

    def _response(self, request: web.BaseRequest, answer: Answer, *, keep: bool = True) -> web.Response:
        path, _ = _target(request)
        self._counts.answers[path_name(path, self._intake.rules), answer.status] += 1
        response = _response(answer)
        if not keep:
            response.force_close()
        return response


def _target(request: web.BaseRequest) -> tuple[str, str]:
    """Return the path and the query; a proxy may write the whole address (RFC 9112, 3.2.2)."""
    path, _, query = request.raw_path.partition("?")
    if not path.startswith("/"):
        path = f"/{path.partition('://')[2].partition('/')[2]}"
    return path, query


def _response(answer: Answer) -> web.Response:
    return web.Response(
        body=answer.body,
        status=answer.status,
        headers={**_CORS, "Content-Type": answer.content_type, "Server": _SERVER},
    )


class _Connection(web.RequestHandler):
    """A connection whose errors are answered in Amplitude's form as well."""

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("there is nobody to answer, or an answer has begun")
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(exc, web.RequestPayloadError)
        if is_ours and exc is not None:
            # Without the error's own text, which may hold what was sent.
            at = [f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(exc.__traceback__)[-3:]]
            _log.say(logging.ERROR, "a request failed", error=type(exc).__name__, at=at)
        response = _response(answers.busy_whatever_it_holds() if is_ours else answers.no_http())
        response.force_close()
        return response


class _Server(web.Server):
    """Makes such connections."""

    @override
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)
