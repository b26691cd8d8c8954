"""Start: from the environment to a rekeying that is ready to flow, or a clear refusal (exit 2, nothing started)."""

import atexit
import os
from pathlib import Path

from connectors.kafka.errors import KafkaSetupError
from connectors.secrets import SecretError
from connectors.state.lock import StateInUseError
from connectors.state.private import keep_private
from flows.runtime import summary_file
from flows.runtime.logs import configure_logs
from flows.runtime.progress import interval_seconds
from flows.runtime.rekey.place import FROM_VARIABLE, TO_VARIABLE, PlaceError
from flows.runtime.rekey.place import place as rekey_place
from flows.runtime.rekey.process import Rekeying
from flows.runtime.rekey.progress import RekeyProgress
from flows.runtime.signals import for_the_main_thread, stop_on_signals
from flows.runtime.start import refuse, refuse_cluster, slice_of_environment
from flows.settings import SettingsError, load


def start(from_topic: str, to_topic: str, *, hand_over: bool) -> Rekeying:
    """Read the settings, and build the parts. Exits with 2 where that cannot be.

    A topic that is not given is the one that the environment names, as for `python -m flows rekey`.
    """
    configure_logs()
    keep_private()
    refuse_cluster("rekey", "start independent slices instead: python -m flows rekey --slice i/N")
    unwritable = summary_file.obstacle()
    if unwritable is not None:
        refuse(unwritable)
    path = Path(os.environ.get("STREAM_SETTINGS") or "stream.toml")
    try:
        settings = load(path)
        from_topic = from_topic or os.environ.get(FROM_VARIABLE, "")
        to_topic = to_topic or os.environ.get(TO_VARIABLE, "")
        place = rekey_place(settings, from_topic, to_topic, hand_over=hand_over)
    except SettingsError as problem:
        refuse(str(problem))
    except PlaceError as problem:
        refuse(f"{path}: {problem}")
    part = slice_of_environment()
    directory = place.directory(part)
    try:
        process = Rekeying(place, settings.delivery, part)
    except StateInUseError as problem:
        refuse(f"{path}: state.directory: {problem}")
    except OSError as problem:
        refuse(f"{path}: state.directory: {directory} cannot be used: {problem.strerror}")
    stop_on_signals(process.shutdown)
    progress = RekeyProgress(process, interval_seconds())
    process.before_summary = progress.stop
    with for_the_main_thread():
        progress.start()
    # Registered before anything that closes at exit, and so called after all of it.
    atexit.register(process.restart_if_asked)
    atexit.register(progress.stop)
    atexit.register(process.finish)
    try:
        process.connect()
    except (KafkaSetupError, SecretError) as problem:
        refuse(str(problem))
    return process
