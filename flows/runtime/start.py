"""Start: from the environment to a process that is ready to flow, or a clear refusal (exit 2, nothing started)."""

import gc
from pathlib import Path

import structlog

from connectors.state.layout import obstacle
from connectors.state.private import take_from_others
from flows.observe.addresses import of_health
from flows.observe.page_server import PageServer, listen
from flows.observe.pages import FlowPages
from flows.refusal import ExitCode, Refusal
from flows.runtime.engine import recovery_directory
from flows.runtime.greeting import greet
from flows.runtime.lifecycle import (
    Lifecycle,
    prepare,
    refuse_unwritable_summary,
    refusing_directory,
    slice_of_environment,
)
from flows.runtime.obstacles import nothing_to_read, too_few_requests, unready_syncs
from flows.runtime.progress import Progress, interval_seconds
from flows.runtime.reload import Reloader
from flows.runtime.restart import cannot_listen
from flows.runtime.settings_file import SettingsFile
from flows.runtime.signals import on_reload
from flows.runtime.stream import Stream
from flows.runtime.wiring import StateDirectory
from flows.settings.model import Settings

log = structlog.get_logger()


def start() -> Stream:
    """Read the settings that the environment names, and build the stream. Raises Refusal where that cannot be."""
    settings, path = prepare("the stream", "start independent slices instead: python -m flows run --slice i/N")
    _refuse_incomplete(settings, path)
    part = slice_of_environment()
    in_the_way = obstacle(settings.state.directory, part.count)
    if in_the_way is not None:
        raise Refusal(f"{path}: state.directory: {in_the_way}")
    if (too_few := too_few_requests(settings, part.count)) is not None:
        raise Refusal(f"{path}: {too_few}")
    directory = settings.state.slice_directory(part)
    with refusing_directory(path, settings.state.directory):
        stream = Stream(settings, part, StateDirectory(directory, _recovery()))
    lifecycle = Lifecycle(stream, settings.delivery.drain_seconds)
    take_from_others(directory)
    reloader = _reloader(stream)
    progress = Progress(stream.parts, interval_seconds())
    stream.before_summary = progress.stop
    lifecycle.start_threads([reloader, progress])
    on_reload(reloader.ask)
    _collect_garbage_rarely()
    lifecycle.at_exit(progress.stop)
    greet(settings, _serve_health(path, stream, reloader, lifecycle))
    lifecycle.connect()
    return stream


def _refuse_incomplete(settings: Settings, path: Path) -> None:
    """Raise Refusal where something is missing beside the settings: files, a place for the summary, a sync, a key."""
    if (nothing := nothing_to_read(settings)) is not None:
        raise Refusal(f"{path}: {nothing}", ExitCode.FAILED)
    refuse_unwritable_summary()
    unready = unready_syncs(settings, path)
    if unready:
        raise Refusal("\n".join(unready))


def _reloader(stream: Stream) -> Reloader:
    """Return what reads the settings again, and let /status look at their file."""
    parts, path = stream.parts, stream.settings.path
    reloader = Reloader(parts, stream.compiled, path, has_recovery=stream.state.has_recovery)
    file = SettingsFile(path, lambda: parts.settings, reloader.left_behind, reloader.obstacles)
    parts.in_force.look_at_file = file.look
    return reloader


def _serve_health(path: Path, stream: Stream, reloader: Reloader, lifecycle: Lifecycle) -> str | None:
    """Serve /livez, /readyz, /status and /metrics, from before the wait for Kafka until the flow has drained.

    Returns the address; None where none is served.
    """
    health, part = stream.settings.health, stream.parts.part
    port = health.port_of(part.index)
    if not port:
        return None
    try:
        listening = listen(health.host, port)
    except (OSError, OverflowError) as problem:  # the latter: over 65,535 with the slice added
        if health.is_given:
            why = getattr(problem, "strerror", None) or problem
            raise Refusal(f"{path}: health.port: {cannot_listen(health.host, port, str(why))}") from problem
        log.warning("health is off: its port is taken", port=port, do="set health.port in the settings; 0 is off")
        return None
    reloader.health_port = port
    lifecycle.at_exit(PageServer(FlowPages(stream.parts), listening).stop)
    return of_health(health, part.index + 1)[-1]


def _collect_garbage_rarely() -> None:
    """Keep the collector from walking over everything that is remembered again and again: it holds no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _recovery() -> Path | None:
    """Return where the engine's recovery store is; None without one."""
    recovery = recovery_directory()
    if recovery is None:
        log.warning(
            "no recovery store: identities and held events are forgotten at a restart, which begins at the group's "
            "committed offsets and loses nothing",
            do="start with `python -m flows run`, or give -r DIRECTORY -s SECONDS -b 0",
        )
    return recovery
