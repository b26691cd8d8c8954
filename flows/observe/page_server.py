"""Page server: pages of a process about itself, over plain HTTP in a thread of its own.

It answers from the moment the process starts until it has drained. It never touches the work: every page is made of
what the parts count for themselves.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, Final, NamedTuple, Protocol

import orjson
import structlog
from aiohttp import web

from connectors.local_http import why_refused
from flows.observe.recent import LOOK_SECONDS

log = structlog.get_logger()

_CONNECTION_SECONDS: Final = 60.0
"""A connection is closed after so long, whatever its client does or does not send."""
_FIRST_REQUEST_SECONDS: Final = 5.0
"""… and after so long by default, if it has brought no whole request by then."""
_MOST_CONNECTIONS: Final = 64
"""The oldest makes room for one more: a page is answered at once, so that one which waits is idle or slow."""
_STOP_SECONDS: Final = 1.0
_BACKLOG: Final = 16
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Page(NamedTuple):
    """What is answered."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


PagesByPath = Mapping[str, Callable[[str], Page]]
"""Path → what makes its page; it is given the `Accept` header."""


class Pages(Protocol):
    """What a process tells about itself."""

    by_path: PagesByPath

    def look(self) -> None:
        """Note what only the difference between two looks tells; called every so often."""


def json_page(content: Mapping[str, Any], status: int = 200) -> Page:
    """Return a page of JSON; a key may be a member of an enumeration of texts."""
    return Page(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS) + b"\n", status=status)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 is a free one. Raises OSError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def why_not_listen(host: str, port: int) -> str | None:
    """Return why `listen` would fail, or None. Nobody can connect meanwhile, and others can take the port.

    What is bound and does not listen keeps no port from others that reuse addresses, as `listen` does.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except (OSError, OverflowError) as problem:  # the latter: over 65,535 with the slice added
        return str(getattr(problem, "strerror", None) or problem)
    return None


class PageServer:
    """Serves until it is stopped, or the process ends."""

    def __init__(
        self, pages: Pages, listening: socket.socket, *, first_request_seconds: float = _FIRST_REQUEST_SECONDS
    ) -> None:
        """Take over the socket and serve. A connection without a whole request after so many seconds is closed."""
        self._first_request_seconds = first_request_seconds
        self._host: str = listening.getsockname()[0]
        self._unasked: dict[object, None] = {}
        self._pages = pages
        self._listening = listening
        self.port: int = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; waits for at most a second, for the process must not end later for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(self._serve())
            self._loop.call_later(LOOK_SECONDS, self._look)
            self._loop.run_forever()
            server.close()
        except Exception:
            log.exception("health is off")
        finally:
            self._listening.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _look(self) -> None:
        self._pages.look()
        self._loop.call_later(LOOK_SECONDS, self._look)

    async def _serve(self) -> asyncio.Server:
        answering = web.Server(self._answer, access_log=None)
        taken: dict[web.RequestHandler, None] = {}  # in the order in which they came

        def connected() -> asyncio.Protocol:
            connection = answering()
            for oldest in [each for each in taken if each in answering.connections][: 1 - _MOST_CONNECTIONS]:
                del taken[oldest]
                oldest.force_close()
            taken[connection] = self._unasked[connection] = None
            self._loop.call_later(self._first_request_seconds, give_up, connection)
            self._loop.call_later(_CONNECTION_SECONDS, end, connection)
            return connection

        def give_up(connection: web.RequestHandler) -> None:
            if connection in self._unasked:
                end(connection)

        def end(connection: web.RequestHandler) -> None:
            taken.pop(connection, None)
            self._unasked.pop(connection, None)
            connection.force_close()

        return await self._loop.create_server(connected, sock=self._listening)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self._unasked.pop(request.protocol, None)
        page = self._pages.by_path.get(request.path)
        if (why := why_refused(request.headers, self._host)) is not None:
            response = web.Response(status=403, text=f"{why}\n")
        elif page is None:
            response = web.Response(status=404, text=f"{' '.join(self._pages.by_path)}\n")
        elif request.method != "GET":
            response = web.Response(status=405, headers={"Allow": "GET"}, text="GET only\n")
        else:
            found = page(request.headers.get("Accept", ""))
            response = web.Response(status=found.status, body=found.body, headers={"Content-Type": found.content_type})
        response.headers.update(_HEADERS)
        response.headers["Server"] = "health"  # in place of the versions that aiohttp would tell
        return response
