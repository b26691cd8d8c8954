"""Send dead letters again: those that match all the filters, with today's settings, each to its own sync only.

A replay ends at what was there when it began, and marks what it has brought to an end: the same command typed again, or
another one whose filters overlap, sends nothing twice. One that was stopped or killed goes on where it was.
"""

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.state.layout import Layout
from connectors.state.private import keep_private
from flows.commands.become import become_flow
from flows.domain.fate import DeadLetterReason
from flows.domain.printable import printable
from flows.operations.replay import prepare, preview
from flows.operations.replay_preview import OnProgress, Preview
from flows.operators.replay_filters import Filters
from flows.refusal import ExitCode, Refusal
from flows.runtime.lifecycle import refuse_cluster
from flows.runtime.logs import configure_logs
from flows.runtime.replay.progress import ReplayProgress
from flows.settings import load

SUMMARY: Final = "send dead letters again, by reason, sync and time; nothing twice"

FLOW = "flows.replay"


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
    """Preview the replay, or become it; returns only for a preview, and raises Refusal if it cannot be started."""
    configure_logs()
    keep_private()
    refuse_cluster("a replay", "it is one process: leave them out")
    filters = _filters(args)
    settings = load(args.settings)
    if not args.dry_run:
        directory = prepare(settings, args.settings, filters, again=args.again, letters_per_second=args.rate)
        become_flow(f"{FLOW}:flow({str(directory)!r})", settings, Layout(directory).recovery)
    with _bar() as on_progress:
        found = preview(settings, args.settings, filters, on_progress, again=args.again)
    _show(found)
    return ExitCode.DONE


@contextmanager
def _bar() -> Iterator[OnProgress]:
    """Show how far the preview is, on a terminal."""
    shown: list[ReplayProgress] = []

    def show(total: int, seen: int, taken: int) -> None:
        if not shown:
            shown.append(ReplayProgress(total))
        shown[0].show(seen, taken)

    try:
        yield show
    finally:
        for each in shown:
            each.close()


def _show(found: Preview) -> None:
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    table = Table("reason", "sync", "day", box=None, pad_edge=False, header_style="bold")
    table.add_column("letters", justify="right")
    table.add_column("what would happen")
    for group in sorted(found.letters):
        fates = {fate: count for (each, fate), count in found.fates.items() if each == group}
        told = "\n".join(f"{count:,} {fate}" for fate, count in sorted(fates.items(), key=lambda item: -item[1]))
        # What a letter says of itself may have been written by somebody else.
        table.add_row(*(Text(printable(each)) for each in group), f"{found.letters[group]:,}", Text(told))
    if found.letters:
        console.print(table)
    console.print(f"{found.letters.total():,} of {found.total:,} dead letters match. Nothing was sent.")


def _filters(args: argparse.Namespace) -> Filters:
    given = [name.partition("=") for name in _unique(args.sync)]
    syncs = tuple(name for name, is_renamed, _ in given if not is_renamed)
    renamed = tuple((earlier.strip(), today.strip()) for earlier, is_renamed, today in given if is_renamed)
    filters = Filters(_unique(args.reason), syncs, args.since, args.until, renamed)
    if filters == Filters() and not args.all:
        raise Refusal("replay: say which letters: --reason, --sync, --since or --until; or --all")
    if filters != Filters() and args.all:
        raise Refusal("replay: --all is without filters; leave out --all, or the filters")
    return filters


def _unique(names: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(sorted(set(names or ())))
