"""Python as the endpoint: one of several processes on the same port.

python -m tests.tools.load.endpoint_python PORT TLS_DIRECTORY LOG ANSWER_MS
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from connectors.appsflyer.sandbox.certificate import server_context
from tests.tools.load.traffic import MARK

_EVENT: Final = re.compile(rb"%s[^0-9]+([0-9]+)" % MARK.encode())
_FLUSH_SECONDS: Final = 0.1
_HOST: Final = "127.0.0.1"


class Answering:
    """Answers, and notes it."""

    def __init__(self, log: Path, answer_ms: int) -> None:
        self._log = log.open("ab", buffering=0)
        self._answer_s = answer_ms / 1000
        self._lines: list[bytes] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        if self._answer_s:
            await asyncio.sleep(self._answer_s)
        found = _EVENT.search(body)
        self._lines.append(b"%.3f %s 200\n" % (time.time(), found[1] if found else b"-"))
        return web.Response(text="ok")

    def flush(self) -> None:
        """Write the notes down."""
        lines, self._lines = self._lines, []
        if lines:
            self._log.write(b"".join(lines))


async def serve(port: int, tls: Path, log: Path, answer_ms: int) -> None:
    """Serve until asked to stop, or until the parent is gone."""
    answering = Answering(log, answer_ms)
    runner = web.ServerRunner(web.Server(answering.answer, access_log=None, keepalive_timeout=3600))
    await runner.setup()
    context = server_context(tls, _HOST)
    await web.TCPSite(runner, _HOST, port, ssl_context=context, backlog=1024, reuse_port=True).start()
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        await asyncio.sleep(_FLUSH_SECONDS)
        answering.flush()
    await runner.cleanup()
    answering.flush()


def main(arguments: Sequence[str]) -> None:
    """Serve as the arguments say."""
    port, tls, log, answer_ms = arguments
    asyncio.run(serve(int(port), Path(tls), Path(log), int(answer_ms)))


if __name__ == "__main__":
    main(sys.argv[1:])
