"""Watch running slices: what each delivers per second, its lag, what waits, circuits, and where events went.

    python -m flows top                       the slice that the settings' [health] names
    python -m flows top --slices 4            slices 0 to 3 of this machine
    python -m flows top --url http://stream-0:9464 --url http://stream-1:9464

q ends it. Where the output is no terminal it prints once, after one interval, and exits with 1 if a slice does not
answer.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.live import Live

from flows.commands.monitor.asked import add_address_arguments, asked, asked_collector
from flows.commands.monitor.file_words import mistakes
from flows.commands.monitor.keys import Keys
from flows.commands.monitor.overview import overview
from flows.commands.monitor.screen import Screen, title_of
from flows.operations.monitor import SliceAnswer, fetch, fetch_collector
from flows.refusal import ExitCode

SUMMARY: Final = "watch running slices: rates, lag, circuits, outcomes"

_STDIN: Final = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_address_arguments(parser)
    parser.add_argument(
        "--interval-seconds",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="how often to ask, and what rates are taken over (default: 2)",
    )
    parser.add_argument("--once", action="store_true", help="print once, as where the output is no terminal")


def run(args: argparse.Namespace) -> int:
    """Show until interrupted, or print once."""
    urls, of_collector = asked(args), asked_collector(args)
    console = Console(file=sys.stdout, highlight=False)
    file = None if args.url else args.settings
    answers = fetch(urls)
    if args.once or not console.is_terminal:
        if any(each.status is not None for each in answers):
            before = _by_url(answers)
            time.sleep(args.interval_seconds)
            answers = fetch(urls)
        else:
            before = {}
        console.print(overview(answers, before, mistakes(file), fetch_collector(of_collector)), crop=False)
        return ExitCode.DONE if all(each.status is not None for each in answers) else ExitCode.FAILED
    title = title_of(len(urls), args.interval_seconds)

    def screen(before: Mapping[str, SliceAnswer]) -> Screen:
        body = overview(answers, before, mistakes(file), fetch_collector(of_collector))
        return Screen(title, datetime.now(UTC), body)

    try:
        with Keys(_STDIN) as keys, Live(screen({}), console=console, auto_refresh=False, screen=True) as live:
            while not keys.is_quit_within(args.interval_seconds):
                before = _by_url(answers)
                answers = fetch(urls)
                live.update(screen(before), refresh=True)
    except KeyboardInterrupt:  # another way out
        pass
    return ExitCode.DONE


def _by_url(answers: list[SliceAnswer]) -> dict[str, SliceAnswer]:
    return {each.url: each for each in answers}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:  # noqa: PLR2004 - below, the asking itself would be the load; above, nobody watches
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number from 0.1 to 3,600")
    return seconds
