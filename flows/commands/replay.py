"""Send dead letters again: those that match all the filters, with today's settings, each to its own sync only.

A replay ends at what was there when it began, and marks what it has brought to an end: the same command typed again, or
another one whose filters overlap, sends nothing twice. One that was stopped or killed goes on where it was.
"""

import argparse
import math
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from connectors.dead_letters import LettersUnreadableError
from connectors.ports import SetupError
from connectors.secrets import SecretError
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import make_store
from connectors.state.layout import Layout
from connectors.state.lock import StateInUseError, lock_directory
from connectors.state.private import keep_private
from flows.domain.fate import DeadLetterReason
from flows.operations.replay_preview import Preview
from flows.operators.replay_filters import Filters
from flows.runtime.lifecycle import become, refuse_cluster
from flows.runtime.logs import configure_logs
from flows.runtime.obstacles import obstacles
from flows.runtime.replay import plan
from flows.settings import SettingsError, load
from flows.settings.model import Settings

SUMMARY: Final = "send dead letters again, by reason, sync and time; nothing twice"

FLOW = "flows.replay"
_FAILED = 1
_WRONG_USAGE = 2

log = structlog.get_logger()


def parse_time(text: str) -> int:
    """Read an ISO 8601 date or time, UTC unless it says otherwise, as ms since the epoch. Raises argparse's error."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; expected ISO 8601; write for example 2026-01-31 or 2026-01-31T18:30:00Z"
        ) from None
    return math.floor((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def parse_rate(text: str) -> float:
    """Read `N/s` or `N`, letters per second. Raises argparse's error."""
    match = re.fullmatch(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)(?:/s)?", text)
    if match is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected letters per second; write for example 50/s")
    return float(match[1])


def _parse_names(text: str) -> list[str]:
    return [name for name in (each.strip() for each in text.split(",")) if name]


def _parse_reasons(text: str) -> list[str]:
    reasons = _parse_names(text)
    known = [reason.value for reason in DeadLetterReason]
    for reason in reasons:
        if reason not in known:
            raise argparse.ArgumentTypeError(f"found {reason!r}; expected one or more of {', '.join(known)}")
    return reasons


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--reason",
        type=_parse_reasons,
        action="extend",
        metavar="REASON[,…]",
        help="letters with one of these reasons: " + ", ".join(reason.value for reason in DeadLetterReason),
    )
    parser.add_argument(
        "--sync",
        type=_parse_names,
        action="extend",
        metavar="NAME[,…]",
        help="letters of these syncs; what decode had refused is of none, and goes to these if they want it now; "
        "OLD=NEW sends the letters of a sync that has another name today, or is gone, to an enabled one",
    )
    parser.add_argument("--since", type=parse_time, metavar="TIME", help="dead letters since this time (ISO 8601, UTC)")
    parser.add_argument("--until", type=parse_time, metavar="TIME", help="dead letters from before this time")
    parser.add_argument("--all", action="store_true", help="all letters; otherwise at least one filter is needed")
    parser.add_argument("--rate", type=parse_rate, metavar="N/s", default=0.0, help="letters per second, at the most")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen; sends and marks nothing")
    parser.add_argument(
        "--again", action="store_true", help="replay what was replayed before: AppsFlyer will count it twice"
    )


def run(args: argparse.Namespace) -> int:
    """Preview the replay, or become it; returns only for a preview, or if it cannot be started."""
    configure_logs()
    keep_private()
    refuse_cluster("a replay", "it is one process: leave them out")
    try:
        filters = _filters(args)
        settings = load(args.settings)
        _check(settings, args.settings, filters, is_dry=args.dry_run)
        if args.dry_run:
            return _preview(settings, filters, again=args.again)
        directory = _prepare(settings, filters, again=args.again, letters_per_second=args.rate)
    except (_RefusedError, SettingsError) as problem:
        sys.stderr.write(f"{problem}\n")
        return _WRONG_USAGE
    except (DamagedStateError, SetupError, SecretError, StateInUseError) as problem:
        sys.stderr.write(f"{args.settings}: {problem}\n")
        return _WRONG_USAGE
    except LettersUnreadableError as problem:
        sys.stderr.write(f"{args.settings}: {problem}\n")
        return _FAILED
    except OSError as problem:
        sys.stderr.write(f"{args.settings}: state.directory: {problem.filename}: {problem.strerror}\n")
        return _WRONG_USAGE
    os.environ["STREAM_SETTINGS"] = str(settings.path)
    return become(command(directory, settings.state.epoch_seconds))


class _RefusedError(Exception):
    """The command as it was typed makes no sense; nothing was started."""


def command(directory: Path, epoch_seconds: int) -> list[str]:
    """Return the command line of the replay, with recovery on."""
    recovery = ["-r", str(Layout(directory).recovery), "-s", str(epoch_seconds), "-b", "0"]
    return [sys.executable, "-m", "bytewax.run", f"{FLOW}:flow({str(directory)!r})", *recovery]


def _prepare(settings: Settings, filters: Filters, *, again: bool, letters_per_second: float) -> Path:
    """Plan the replay, or take up the plan of one that was interrupted; return its directory."""
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


def _preview(settings: Settings, filters: Filters, *, again: bool) -> int:
    interrupted = plan.load(plan.run_directory(settings, filters, again=again))
    if interrupted is not None:
        the_plan = plan.take_up(interrupted, settings)
    else:
        the_plan = plan.make(settings, filters, again=again, letters_per_second=0.0)
    preview = Preview(settings, the_plan)
    preview.run()
    preview.print(Console(file=sys.stdout, highlight=False, soft_wrap=True))
    return 0


def _filters(args: argparse.Namespace) -> Filters:
    given = [name.partition("=") for name in _unique(args.sync)]
    syncs = tuple(name for name, is_renamed, _ in given if not is_renamed)
    renamed = tuple((earlier.strip(), today.strip()) for earlier, is_renamed, today in given if is_renamed)
    filters = Filters(_unique(args.reason), syncs, args.since, args.until, renamed)
    if filters == Filters() and not args.all:
        raise _RefusedError("replay: say which letters: --reason, --sync, --since or --until; or --all")
    if filters != Filters() and args.all:
        raise _RefusedError("replay: --all is without filters; leave out --all, or the filters")
    return filters


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
        raise _RefusedError("\n".join(problems))


def _unique(names: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(sorted(set(names or ())))
