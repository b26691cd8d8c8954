"""Start: from the environment to a process that is ready to flow, or a clear refusal (exit 2, nothing started)."""

import atexit
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import structlog

from connectors.kafka.errors import KafkaSetupError
from connectors.state.damage import DamagedStateError, unusable
from connectors.state.engine_store import StoreError, check_store, guard_store, stored_keys, stored_snapshot
from connectors.state.layout import obstacle
from connectors.state.lock import StateInUseError
from connectors.state.manifest import Snapshot
from connectors.state.private import keep_private, take_from_others
from connectors.state.step_states import SOURCE
from flows.domain.slice import ALL, Slice, read_slice
from flows.observe.addresses import of_health
from flows.observe.server import HealthServer, listen
from flows.runtime import summary_file
from flows.runtime.engine import cluster, recovery_directory
from flows.runtime.greeting import greet
from flows.runtime.logs import configure_logs
from flows.runtime.obstacles import NOTHING_READ, nothing_to_read, too_few_requests, unready_syncs
from flows.runtime.process import Process
from flows.runtime.progress import Progress, interval_seconds
from flows.runtime.reload import Reloader
from flows.runtime.restart import cannot_listen
from flows.runtime.settings_file import SettingsFile
from flows.runtime.signals import for_the_main_thread, on_reload
from flows.settings import SettingsError, load
from flows.settings.model import Settings

log = structlog.get_logger()


def start() -> Process:
    """Read the settings that the environment names, and build the process. Exits with 2 where that cannot be."""
    configure_logs()
    keep_private()
    refuse_cluster("the stream", "start independent slices instead: python -m flows run --slice i/N")
    path = Path(os.environ.get("STREAM_SETTINGS", "stream.toml"))
    try:
        settings = load(path)
    except SettingsError as problem:
        refuse(str(problem))
    _refuse_incomplete(settings, path)
    recovery = recovery_directory()
    has_recovery = recovery is not None
    earlier_parts, stored = _stored(recovery, path)
    part = slice_of_environment()
    in_the_way = obstacle(settings.state.directory, part.count)
    if in_the_way is not None:
        refuse(f"{path}: state.directory: {in_the_way}")
    if (too_few := too_few_requests(settings, part.count)) is not None:
        refuse(f"{path}: {too_few}")
    try:
        process = Process(settings, part, has_recovery=has_recovery, earlier_parts=earlier_parts, stored=stored)
    except (StateInUseError, DamagedStateError) as problem:
        refuse(f"{path}: state.directory: {problem}")
    except OSError as problem:
        refuse(f"{path}: state.directory: {unusable(problem, settings.state.directory)}")
    _guard(recovery)
    process.stop_on_signals()
    take_from_others(settings.state.slice_directory(process.part))
    reloader = _reloader(process, has_recovery=has_recovery)
    progress = Progress(process.parts, interval_seconds())
    process.before_summary = progress.stop
    with for_the_main_thread():
        reloader.start()
        progress.start()
    on_reload(reloader.ask)
    _collect_garbage_rarely()
    # Registered before anything that closes at exit, and so called after all of it.
    atexit.register(process.restart_if_asked)
    atexit.register(progress.stop)
    greet(settings, _serve_health(path, process))
    atexit.register(process.finish)
    try:
        process.connect()
    except KafkaSetupError as problem:
        refuse(str(problem))
    return process


def _refuse_incomplete(settings: Settings, path: Path) -> None:
    """Exit where something is missing that is not in the settings: files, a place for the summary, a sync, a key."""
    if (nothing := nothing_to_read(settings)) is not None:
        refuse(f"{path}: {nothing}", NOTHING_READ)
    unwritable = summary_file.obstacle()
    if unwritable is not None:
        refuse(unwritable)
    unready = unready_syncs(settings, path)
    if unready:
        refuse("\n".join(unready))


def _reloader(process: Process, *, has_recovery: bool) -> Reloader:
    """Return what reads the settings again, and let /status look at their file."""
    parts, path = process.parts, process.settings.path
    reloader = Reloader(parts, process.compiled, path, has_recovery=has_recovery)
    parts.settings_file = SettingsFile(path, lambda: parts.settings, reloader.left_behind, reloader.obstacles).look
    return reloader


def _serve_health(path: Path, process: Process) -> str | None:
    """Serve /livez, /readyz, /status and /metrics, from before the wait for Kafka until the flow has drained.

    Returns the address; None where none is served.
    """
    health = process.settings.health
    port = health.port_of(process.part.index)
    if not port:
        return None
    try:
        listening = listen(health.host, port)
    except (OSError, OverflowError) as problem:  # the latter: over 65,535 with the slice added
        if health.is_given:
            why = getattr(problem, "strerror", None) or problem
            refuse(f"{path}: health.port: {cannot_listen(health.host, port, str(why))}")
        log.warning("health is off: its port is taken", port=port, do="set health.port in the settings; 0 is off")
        return None
    process.parts.health_port = port
    atexit.register(HealthServer(process.parts, listening).stop)
    return of_health(health, process.part.index + 1)[-1]


def _collect_garbage_rarely() -> None:
    """Keep the collector from walking over everything that is remembered again and again: it holds no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def slice_of_environment() -> Slice:
    """Return the slice that STREAM_SLICE names. Exits with 2 where it names none."""
    try:
        return read_slice(os.environ.get("STREAM_SLICE", str(ALL)))
    except ValueError as problem:
        refuse(f"STREAM_SLICE: {problem}, such as 0/4")


def _stored(recovery: Path | None, path: Path) -> tuple[list[str], Snapshot | None]:
    """Return the keys of the source's parts that the store knows, and the snapshot that it goes on at.

    To be asked before Bytewax opens it.
    """
    if recovery is None:
        log.warning(
            "no recovery store: identities and held events are forgotten at a restart, which begins at the group's "
            "committed offsets and loses nothing",
            do="start with `python -m flows run`, or give -r DIRECTORY -s SECONDS -b 0",
        )
        return [], None
    try:
        check_store(recovery)
        return stored_keys(recovery, SOURCE), stored_snapshot(recovery)
    except DamagedStateError as problem:
        refuse(f"{path}: state.directory: {problem}")
    except StoreError as problem:
        refuse(f"{path}: state.directory: the recovery store in {recovery} cannot be read ({problem})")


def _guard(recovery: Path | None) -> None:
    """Let the store keep its numbers twice; to be asked once the state is locked, and before Bytewax opens it."""
    if recovery is not None:
        with suppress(StoreError):  # a full disk: then at the next start
            guard_store(recovery)


def refuse_cluster(what: str, instead: str) -> None:
    """Exit with 2 where Bytewax is to run as a cluster; say what to do instead."""
    given = cluster()
    if given:
        refuse(
            f"{', '.join(given)}: {what} does not run as a Bytewax cluster, for one slow process "
            f"stalls all others in Bytewax 0.21; {instead}"
        )


def refuse(text: str, code: int = 2) -> NoReturn:
    """Say what is wrong and exit, by default with 2: nothing was started."""
    sys.stderr.write(text + "\n")
    raise SystemExit(code)
