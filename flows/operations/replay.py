"""Replay: what a replay would do, and the plan of one that is to be done."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from connectors.dead_letters import LettersUnreadableError
from connectors.ports import SetupError
from connectors.secrets import SecretError
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import make_store
from connectors.state.layout import Layout
from connectors.state.lock import StateInUseError, lock_directory
from flows.operations.replay_preview import OnProgress, Preview, look
from flows.operators.replay_filters import Filters
from flows.refusal import ExitCode, Refusal, refusing
from flows.runtime.obstacles import obstacles
from flows.runtime.replay import plan
from flows.settings.model import Settings

log = structlog.get_logger()


def preview(settings: Settings, path: Path, filters: Filters, on_progress: OnProgress, *, again: bool) -> Preview:
    """Return what would happen to the letters today; sends, writes and marks nothing. Raises Refusal."""
    _check(settings, path, filters, is_dry=True)
    with _refusing(path):
        interrupted = plan.load(plan.run_directory(settings, filters, again=again))
        if interrupted is not None:
            the_plan = plan.take_up(interrupted, settings)
        else:
            the_plan = plan.make(settings, filters, again=again, letters_per_second=0.0)
        return look(settings, the_plan, on_progress)


def prepare(settings: Settings, path: Path, filters: Filters, *, again: bool, letters_per_second: float) -> Path:
    """Plan the replay, or take up the plan of one that was interrupted; return its directory. Raises Refusal."""
    _check(settings, path, filters, is_dry=False)
    with _refusing(path):
        return _prepare(settings, filters, again=again, letters_per_second=letters_per_second)


def _prepare(settings: Settings, filters: Filters, *, again: bool, letters_per_second: float) -> Path:
    try:
        lock = lock_directory(plan.replay_directory(settings))
    except StateInUseError:
        raise StateInUseError(
            f"another replay is under way in {plan.replay_directory(settings)}; wait for its end, or stop it"
        ) from None
    try:
        directory = plan.run_directory(settings, filters, again=again)
        interrupted = plan.load(directory)
        if interrupted is None:
            shutil.rmtree(directory, ignore_errors=True)
            the_plan = plan.make(settings, filters, again=again, letters_per_second=letters_per_second)
        else:
            log.info("going on with the replay that was interrupted; letters that came since then are not part of it")
            the_plan = replace(plan.take_up(interrupted, settings), letters_per_second=letters_per_second)
        make_store(Layout(directory).recovery)
        plan.save(the_plan, directory)
    finally:
        os.close(lock)
    return directory


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    kinds = (DamagedStateError, SetupError, SecretError, StateInUseError)
    with refusing(str(path), *kinds), refusing(str(path), LettersUnreadableError, code=ExitCode.FAILED):
        try:
            yield
        except OSError as problem:
            raise Refusal(f"{path}: state.directory: {problem.filename}: {problem.strerror}") from problem


def _check(settings: Settings, path: Path, filters: Filters, *, is_dry: bool) -> None:
    enabled = [sync.name for sync in settings.enabled_syncs]
    known = {each.name for each in settings.syncs}
    problems = []
    wanted = [*filters.syncs, *(today for _, today in filters.renamed)]
    for name in wanted:
        if name not in enabled:
            what = "is not enabled" if name in known else "is not there"
            problems.append(f"{path}: sync[{name}] {what}; the enabled ones: {', '.join(enabled) or 'none'}")
    for earlier, today in filters.renamed:
        if earlier in enabled:
            problems.append(f"--sync {earlier}={today}: sync[{earlier}] is enabled and gets its own; write {earlier}")
    if len(dict(filters.renamed)) < len(filters.renamed):
        problems.append("--sync: the letters of one sync go to one sync; leave out the others, and replay again")
    paused = settings.paused_syncs
    if not is_dry and paused and paused.issuperset(wanted or enabled):
        problems.append(
            f"{path}: {', '.join(sorted(paused.intersection(wanted or enabled)))}: paused, so that nothing would be "
            "sent; take paused = true out of the sync first"
        )
    if not is_dry:
        problems += obstacles(settings, path, None)
    if problems:
        raise Refusal("\n".join(problems))
