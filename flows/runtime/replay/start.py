"""Start: from a directory with a plan to a replay that is ready to flow, or a clear refusal (exit 2)."""

from pathlib import Path

from connectors.secrets import SecretError
from connectors.state.lock import StateInUseError, lock_directory
from flows.refusal import Refusal
from flows.runtime.lifecycle import Lifecycle, prepare, refuse_cluster, refuse_unwritable_summary, refusing_directory
from flows.runtime.replay import plan
from flows.runtime.replay.wiring import Replay

_WHAT = ("a replay", "it is one process: leave them out")


def start(place: str) -> Replay:
    """Read the settings and the plan in a directory, and build the replay. Raises Refusal where that cannot be."""
    refuse_cluster(*_WHAT)
    if not place:
        raise Refusal("a replay is started with: python -m flows replay --reason … --sync … --since …")
    settings, path = prepare(*_WHAT)
    refuse_unwritable_summary()
    directory = Path(place)
    with refusing_directory(path, directory):
        the_plan = plan.load(directory)
        if the_plan is None:
            raise Refusal(f"{directory} has no plan of a replay; start it with: python -m flows replay")
        try:
            lock_directory(plan.replay_directory(settings))
            replay = Replay(settings, the_plan, directory)
        except SecretError as problem:
            raise Refusal(str(problem)) from problem
        except StateInUseError:
            raise Refusal(f"another replay is under way in {directory.parent}; wait for its end, or stop it") from None
    lifecycle = Lifecycle(replay, settings.delivery.drain_seconds)
    lifecycle.at_exit(replay.progress.close)
    lifecycle.connect()
    return replay
