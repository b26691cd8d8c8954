"""Start: from the environment to a replay that is ready to flow, or a clear refusal (exit 2, nothing started)."""

import atexit
import os
from pathlib import Path

import structlog

from connectors.kafka.errors import KafkaSetupError
from connectors.secrets import SecretError
from connectors.state.damage import DamagedStateError, unusable
from connectors.state.engine_store import check_store, stored_snapshot
from connectors.state.layout import Layout
from connectors.state.lock import StateInUseError, lock_directory
from flows.runtime import summary_file
from flows.runtime.logs import configure_logs
from flows.runtime.replay import plan
from flows.runtime.replay.process import Replay
from flows.runtime.start import refuse, refuse_cluster
from flows.settings import SettingsError, load

log = structlog.get_logger()


def start(place: str) -> Replay:
    """Read the settings and the plan in a directory, and build the replay. Exits with 2 where that cannot be."""
    configure_logs()
    refuse_cluster("a replay", "it is one process: leave them out")
    if not place:
        refuse("a replay is started with: python -m flows replay --reason … --sync … --since …")
    unwritable = summary_file.obstacle()
    if unwritable is not None:
        refuse(unwritable)
    directory = Path(place)
    path = Path(os.environ.get("STREAM_SETTINGS", "stream.toml"))
    try:
        settings = load(path)
        the_plan = plan.load(directory)
        if the_plan is None:
            refuse(f"{directory} has no plan of a replay; start it with: python -m flows replay")
        lock_directory(plan.replay_directory(settings))
        check_store(Layout(directory).recovery)
        process = Replay(settings, the_plan, directory, stored_snapshot(Layout(directory).recovery))
    except (SettingsError, SecretError) as problem:
        refuse(str(problem))
    except DamagedStateError as problem:
        refuse(f"{path}: state.directory: {problem}")
    except StateInUseError:
        refuse(f"another replay is under way in {directory.parent}; wait for its end, or stop it")
    except OSError as problem:
        refuse(f"{path}: state.directory: {unusable(problem, directory)}")
    process.stop_on_signals()
    atexit.register(process.exit_if_paused)  # before the others, and so called after them
    atexit.register(process.clean_up)
    try:
        process.connect()
    except KafkaSetupError as problem:
        refuse(str(problem))
    return process
