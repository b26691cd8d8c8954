"""Start: from the settings and two topics to a rekeying that is ready to flow, or a clear refusal (exit 2)."""

import os

from connectors.state.lock import StateInUseError
from flows.refusal import Refusal, refusing
from flows.runtime.lifecycle import Lifecycle, prepare, refuse_unwritable_summary, slice_of_environment
from flows.runtime.progress import interval_seconds
from flows.runtime.rekey.place import FROM_VARIABLE, TO_VARIABLE, PlaceError, place
from flows.runtime.rekey.progress import RekeyProgress
from flows.runtime.rekey.wiring import Rekeying


def start(from_topic: str, to_topic: str, *, hand_over: bool) -> Rekeying:
    """Read the settings, and build the parts. Raises Refusal where that cannot be.

    A topic that is not given is the one that the environment names, as for `python -m flows rekey`.
    """
    settings, path = prepare("rekey", "start independent slices instead: python -m flows rekey --slice i/N")
    refuse_unwritable_summary()
    read, written = from_topic or os.environ.get(FROM_VARIABLE), to_topic or os.environ.get(TO_VARIABLE)
    with refusing(str(path), PlaceError):
        where = place(settings, read, written, hand_over=hand_over)
    part = slice_of_environment()
    try:
        rekeying = Rekeying(where, settings.delivery, part)
    except StateInUseError as problem:
        raise Refusal(f"{path}: state.directory: {problem}") from problem
    except OSError as problem:
        raise Refusal(
            f"{path}: state.directory: {where.directory(part)} cannot be used: {problem.strerror}"
        ) from problem
    lifecycle = Lifecycle(rekeying)
    progress = RekeyProgress(rekeying, interval_seconds())
    rekeying.before_summary = progress.stop
    lifecycle.start_threads([progress])
    lifecycle.at_exit(progress.stop)
    lifecycle.connect()
    return rekeying
