"""The console's server: its pages in a thread of their own, so that nothing that else runs waits for a page."""

import asyncio
import socket
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

import structlog
from aiohttp import web

log = structlog.get_logger()

_KEEP_ALIVE_SECONDS: Final = 30.0
_LAST_ANSWERS_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 3.0


class ConsoleServer:
    """Serves until it is stopped, or the process ends."""

    def __init__(self, make: Callable[[], web.Application], listening: socket.socket) -> None:
        """Take over the socket, and serve what `make` returns, which is called in the server's own event loop."""
        self._make = make
        self._listening = listening
        self._loop = asyncio.new_event_loop()
        self._asked_to_stop = asyncio.Event()
        self._began = Event()
        self._thread = Thread(target=self._run, name="console", daemon=True)
        self._thread.start()
        self._began.wait()

    def stop(self) -> None:
        """Stop serving; waits for at most some seconds, for the process must not end later for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._asked_to_stop.set)
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except Exception:
            log.exception("the console is off")
        finally:
            self._began.set()
            self._listening.close()

    async def _serve(self) -> None:
        runner = web.AppRunner(
            self._make(),
            handle_signals=False,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            shutdown_timeout=_LAST_ANSWERS_SECONDS,
        )
        await runner.setup()
        await web.SockSite(runner, self._listening).start()
        self._began.set()
        await self._asked_to_stop.wait()
        await runner.cleanup()
