"""Say what a running stream is at: what it has delivered, what waits, and what holds it up.

    python -m flows status                    the slice that the settings' [health] names; --slice 2 for another
    python -m flows status --url http://stream-0:9464

With [collector] in the settings, some lines follow about what the collector takes in.
Exit code 1 where none answers, or one is not alive. A settings file with mistakes is said and does not hinder it.
"""

import argparse
import sys
from typing import Any, Final

from rich.console import Console

from flows.commands.monitor.asked import add_address_arguments, asked, asked_collector
from flows.commands.monitor.collector import collector_lines
from flows.commands.monitor.file_words import mistakes
from flows.commands.monitor.page import page
from flows.operations.monitor import SliceAnswer, fetch, fetch_collector
from flows.refusal import ExitCode

SUMMARY: Final = "what a running stream is at, and what holds it up"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_address_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print /status as it is, one line for each slice")


def run(args: argparse.Namespace) -> int:
    """Ask, and print."""
    urls = asked(args)
    wrong = mistakes(None if args.url else args.settings)
    answers = fetch(urls)
    if args.json or all(each.status is None for each in answers):
        sys.stderr.writelines(f"{each}\n" for each in wrong)
    console = Console(file=sys.stdout, highlight=False)
    for answer in answers:
        if answer.status is None:
            sys.stderr.write(f"{answer.url}: {answer.why}\n")
        elif args.json:
            sys.stdout.write(answer.text + "\n")
        else:
            console.print(page(answer.url, answer.status, wrong), crop=False)
    collector = None if args.json else fetch_collector(asked_collector(args))
    if collector is not None:
        console.print(collector_lines(collector), crop=False)
    return ExitCode.DONE if all(_is_alive(each) for each in answers) else ExitCode.FAILED


def _is_alive(answer: SliceAnswer) -> bool:
    status: dict[str, Any] | None = answer.status
    return status is not None and bool(status.get("alive"))
