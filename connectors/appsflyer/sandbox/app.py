"""The sandbox's server: takes events as AppsFlyer does, breaks as it is told, and shows what arrived.

It runs in the caller's event loop (`async with SandboxServer()`) or in a thread (`with SandboxServer.in_thread()`).
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypedDict, TypeVar, Unpack

import orjson
from aiohttp import web

from connectors.appsflyer.sandbox.checks import EVENTS_PATH, KnownToSandbox
from connectors.appsflyer.sandbox.control import Control
from connectors.appsflyer.sandbox.fault_plan import FaultPlan
from connectors.appsflyer.sandbox.intake import EventsHandler
from connectors.appsflyer.sandbox.opendsr import OPENDSR_PATH, OpenDsrHandler
from connectors.appsflyer.sandbox.recorder import Recorder
from connectors.local_http import why_refused

_FLUSH_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 2.0
_KEEP_REQUESTS: Final = 10_000

_Result = TypeVar("_Result")

Others = Mapping[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]
"""A path → who answers there: stand-ins of other services. Nothing is recorded of what they are asked."""


class Options(TypedDict, total=False):
    """What a sandbox can be told; everything has a default."""

    host: str
    """127.0.0.1 by default."""
    port: int
    """0, the default, is a free one."""
    keys: tuple[str, ...]
    """The keys, and the API tokens, that are right; by default every one is."""
    app_ids: tuple[str, ...]
    """The apps that are known; by default every app is."""
    record: Path | None
    """Where to append one JSON line per request."""
    tls: Path | None
    """The directory of the certificates; made if it is not there. By default the sandbox speaks plain HTTP."""
    faults: FaultPlan | Mapping[str, Any]
    drop_bodies: bool
    """Only count; keep no request in memory."""
    max_body_bytes: int
    """1024 by default; 0 is no limit."""
    now: Callable[[], float]
    """The time in seconds since the epoch; by default the system's."""
    others: Others


class SandboxServer:
    """A stand-in AppsFlyer. Its methods may be called from any thread while it runs, and in its own loop's thread."""

    def __init__(self, **options: Unpack[Options]) -> None:
        """Check the options and open the record. Raises OSError for its file, FaultPlanError for the plan."""
        self.host = options.get("host", "127.0.0.1")
        self.port = options.get("port", 0)
        """The port; the real one once the server has started."""
        self._tls = options.get("tls")
        self.ca_file: Path | None = None
        """What clients verify it with, once it has started; None where it speaks plain HTTP."""
        plan = options.get("faults", FaultPlan())
        keep_requests = 0 if options.get("drop_bodies", False) else _KEEP_REQUESTS
        self.failed = asyncio.Event()
        """Set when the record cannot be written any more; `failure` says why."""
        self._recorder = Recorder(options.get("record"), keep_requests, self._soon)
        rules = KnownToSandbox(
            keys=frozenset(options.get("keys", ())),
            app_ids=frozenset(options.get("app_ids", ())),
            max_body_bytes=options.get("max_body_bytes", 1024),
        )
        self._intake = EventsHandler(
            rules,
            plan if isinstance(plan, FaultPlan) else FaultPlan.of(plan),
            self._recorder,
            options.get("now", time.time),
        )
        self._others = options.get("others", {})
        self._opendsr = OpenDsrHandler(rules, self._intake, options.get("now", time.time))
        self._control = Control(self._intake, self._opendsr, self._recorder, keeps_requests=bool(keep_requests))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """The address without a path, such as `http://127.0.0.1:8080`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    @property
    def failure(self) -> OSError | None:
        """Why the record cannot be written, if that is so."""
        return self._recorder.failure

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The latest 10,000 requests, oldest first, as the record has them: body, event_value, status, notes, …."""
        requests: list[dict[str, Any]] = orjson.loads(self._call(self._recorder.requests))
        return requests

    @property
    def not_recorded(self) -> list[dict[str, Any]]:
        """Those of the latest requests that were answered with 200 though AppsFlyer would not record them."""
        requests: list[dict[str, Any]] = orjson.loads(self._call(self._recorder.not_recorded))
        return requests

    @property
    def erasures(self) -> list[dict[str, Any]]:
        """The requests of data subjects that were taken, oldest first: id, type, app_id, identities, status, …."""
        return self._call(self._opendsr.requests)

    def summary(self) -> dict[str, Any]:
        """Return the counts since the start or the last reset."""
        return self._call(self._recorder.summary)

    def set_faults(self, plan: FaultPlan | Mapping[str, Any]) -> None:
        """Replace the fault plan; `{}` ends all faults. Raises FaultPlanError."""
        checked = plan if isinstance(plan, FaultPlan) else FaultPlan.of(plan)
        self._call(lambda: self._intake.set_faults(checked))

    def reset(self) -> None:
        """Forget what arrived (not the record's file), and begin the fault plan anew."""
        self._call(self._control.reset)

    def wait_until(self, holds: Callable[[dict[str, Any]], bool], timeout_seconds: float = 30.0) -> dict[str, Any]:
        """Wait, outside the server's thread, until something holds of the summary; return it. Raises TimeoutError."""
        until = time.monotonic() + timeout_seconds
        while not holds(summary := self.summary()):
            if time.monotonic() > until:
                raise TimeoutError(f"the sandbox did not get what was waited for: {summary}")
            time.sleep(0.01)
        return summary

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken or the certificates cannot be written."""
        self._loop = asyncio.get_running_loop()
        context = None
        if self._tls is not None:
            # Only here: it needs a package of the extra `tls`, and nothing else does.
            from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context  # noqa: PLC0415

            context = server_context(self._tls, self.host)
            self.ca_file = self._tls / CA_FILE
        server = web.Server(
            self._handle, handler_cancellation=True, access_log=None, auto_decompress=False, keepalive_timeout=3600
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, ssl_context=context, backlog=1024).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, end all connections and write down what waits; `failure` says if that did not succeed."""
        self._intake.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._recorder.close()
        self._loop = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    @classmethod
    @contextmanager
    def in_thread(cls, **options: Unpack[Options]) -> Generator[Self, None, None]:
        """Run a server in a thread of its own while the context lasts. Raises OSError if its record is incomplete."""
        server = cls(**options)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="appsflyer-sandbox", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result()
            yield server
        finally:
            try:
                asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()
            if server.failure is not None:
                raise server.failure

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if (why := why_refused(request.headers, self.host)) is not None:
            return web.Response(status=403, text=f"{why}\n")
        if (other := self._others.get(request.path)) is not None:
            return await other(request)
        path = request.raw_path
        if path.startswith(OPENDSR_PATH):
            return await self._opendsr.take(request)
        if path.startswith(EVENTS_PATH) or (request.method != "GET" and not path.startswith("/control/")):
            return await self._intake.take(request)
        return await self._control.answer(request)

    def _soon(self, flush: Callable[[], None]) -> None:
        def flush_and_look() -> None:
            flush()
            if self._recorder.failure is not None:
                self.failed.set()

        if self._loop is not None:
            self._loop.call_later(_FLUSH_SECONDS, flush_and_look)

    def _call(self, function: Callable[[], _Result]) -> _Result:
        loop = self._loop
        if loop is None or not loop.is_running() or _is_running_here(loop):
            return function()

        async def call() -> _Result:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), loop).result()


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
