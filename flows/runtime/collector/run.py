"""Run: a collector from its start to its end, with the stream as a supervised child beside it."""

import asyncio
import os
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from connectors.kinds import source_of
from connectors.secrets import SecretError
from flows.observe.collector_pages import CollectorPages
from flows.observe.page_server import PageServer
from flows.program import VARIABLE, program
from flows.refusal import ExitCode
from flows.runtime.collector.supervisor import Supervisor
from flows.runtime.collector.wiring import Collector
from flows.runtime.greeting import greet_operator_of
from flows.settings import SettingsError, load
from flows.settings.model import Settings

log = structlog.get_logger()

_LOOK_SECONDS: Final = 2.0
"""How often secrets, certificates and the settings file are looked at."""
_GRACE_SECONDS: Final = 1.0
_BEYOND_DRAIN_SECONDS: Final = 5.0


def run_collector(settings: Settings, path: Path, *, with_stream: bool) -> int:
    """Take events in until a signal asks for a stop; return the exit code. Raises Refusal."""
    return asyncio.run(_Run(settings, path, with_stream=with_stream).until_stopped())


class _Run:
    def __init__(self, settings: Settings, path: Path, *, with_stream: bool) -> None:
        self._started = self._settings = settings
        self._path = path
        self._stream = (
            Supervisor(["-m", "flows", "run", "--settings", str(path)], _environment()) if with_stream else None
        )
        self._supervision: asyncio.Task[None] | None = None
        self._asked_to_stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._stamp = self._stamp_now()
        self._problems: list[str] = []

    async def until_stopped(self) -> int:
        collector = Collector(self._settings, self._path, self._stream)
        self._handle_signals()
        health = None
        if collector.health_listening is not None:
            health = PageServer(CollectorPages(collector), collector.health_listening)
        certificate = collector.certificate
        if collector.tee is not None:
            collector.tee.start()
        await collector.server.start(collector.listening, certificate.context if certificate is not None else None)
        log.info("events are taken in", url=f"{collector.url}/2/httpapi", into=self._settings.source.kind)
        greet_operator_of(collector.url, self._settings)
        self._start_stream()
        watching = asyncio.create_task(self._watch(collector))
        await self._asked_to_stop.wait()
        watching.cancel()
        await self._stop(collector)
        if health is not None:
            health.stop()
        log.info("stopped", events=collector.counts.events.total())
        return ExitCode.DONE

    async def _stop(self, collector: Collector) -> None:
        """Let the stream drain, and only then close the port: some clients lose what they send while it is closed.

        Meanwhile each answer asks its client to connect anew, so that a balancer sends it elsewhere.
        """
        collector.server.is_closing = True
        if self._stream is not None:
            await self._stream.stop(self._settings.delivery.drain_seconds + _BEYOND_DRAIN_SECONDS)
        await collector.server.stop(_GRACE_SECONDS)
        await collector.intake.close()
        if collector.tee is not None:
            await collector.tee.close()
        if self._supervision is not None:
            await self._supervision

    def _start_stream(self) -> None:
        if self._stream is None or self._supervision is not None:
            return
        if self._settings.enabled_syncs:
            self._stream.renew()
            self._supervision = asyncio.create_task(self._stream.run())
        else:
            log.warning("no sync is enabled: events are taken in and wait", do="set enabled = true in a [[sync]]")

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    def _on_stop(self) -> None:
        if self._asked_to_stop.is_set() and self._stream is not None:
            self._stream.kill()  # the second signal
        self._asked_to_stop.set()

    async def _watch(self, collector: Collector) -> None:
        """Take changed secrets, certificates and settings, without a pause of the collector."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._reload.wait()
            except TimeoutError:
                pass
            try:
                await self._look(collector)
            except Exception as problem:
                # What nobody has thought of must not end the looking, of which nothing else would tell.
                log.exception("what changed could not be taken", error=type(problem).__name__)

    async def _look(self, collector: Collector) -> None:
        self._read_again(collector)
        if self._stamp_now() != self._stamp or self._reload.is_set():
            self._reload.clear()
            self._stamp = self._stamp_now()
            await self._take_settings()

    def _read_again(self, collector: Collector) -> None:
        """Take changed secrets, and a changed certificate; neither holds up the other."""
        problems = []
        try:
            collector.intake.rules = collector.rules.read()
        except SecretError as problem:
            problems.append(str(problem))
        try:
            if collector.certificate is not None and collector.certificate.reread():
                log.info("the certificate was read again")
        except (OSError, ssl.SSLError) as problem:
            problems.append(f"collector.certificate_file: {problem.strerror}")
        if problems and problems != self._problems:  # once, and not at each look
            log.error("what changed cannot be read; the collector goes on with what it has", why="; ".join(problems))
        self._problems = problems

    async def _take_settings(self) -> None:
        try:
            settings = load(self._path)
        except SettingsError as problem:
            log.error("the settings have mistakes; everything goes on as it was", problems=str(problem).split("\n"))
            return
        if source_of(settings.source).title != source_of(self._started.source).title:
            log.error(
                "[source] is another than events are taken into; everything goes on as it was",
                do="restart this process when nothing waits in the earlier one",
            )
            return
        if settings.collector != self._started.collector or settings.source != self._started.source:
            log.warning("[collector] or [source] changed: restart this process to take it")
        self._settings = settings
        if not settings.enabled_syncs:
            await self._stop_stream()
        elif self._stream is not None and self._supervision is not None:
            self._stream.reload()
        self._start_stream()

    async def _stop_stream(self) -> None:
        """Let the stream end, until a sync is enabled again: without one it would not come up."""
        if self._stream is None or self._supervision is None:
            return
        await self._stream.stop(self._settings.delivery.drain_seconds + _BEYOND_DRAIN_SECONDS)
        await asyncio.wait([self._supervision])
        self._supervision = None

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def _environment() -> Mapping[str, str]:
    """Return the child's: its lines look as ours do, though they come through a pipe, and name commands as ours do."""
    is_terminal = os.isatty(2)
    return {"STREAM_LOG": "console" if is_terminal else "json", **os.environ, VARIABLE: program()}
