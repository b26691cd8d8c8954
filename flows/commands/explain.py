"""Events on stdin or in files → their fate and the exact request, a line per event and sync. Sends nothing.

    python -m flows explain < events.ndjson
    python -m flows explain --pretty event.json exports/*.zip dead-letters/*.ndjson

Exit code 1 where something could not be read.
"""

import argparse
import sys
from dataclasses import replace
from typing import Final

import orjson
from rich.console import Console
from rich.markup import escape as escape_markup

from connectors.clock import now_ms
from connectors.files.counted import Amount
from connectors.files.damage import Damage
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import StoreError
from flows.domain.identifiers import APPSFLYER_ID, CANONICAL
from flows.domain.printable import printable, printable_json
from flows.operations.explain import Explained, Explainer, personal_warning
from flows.operations.explain_input import STDIN_PATH, read_all
from flows.operations.remembered import NothingRememberedError, Remembered
from flows.refusal import ExitCode, refusing
from flows.runtime.bar import bar_of_bytes, shown
from flows.settings import load

SUMMARY: Final = "say what would happen to the events on stdin or in files; sends nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="JSON, one event a line or over several lines; .gz, .zip; dead letters (default: stdin, which is -)",
    )
    parser.add_argument("--pretty", action="store_true", help="tell each event's journey in words")
    parser.add_argument(
        "--state", action="store_true", help="begin with the users that the stream remembers in its recovery store"
    )


def run(args: argparse.Namespace) -> int:
    """Explain every event of the files, else of stdin; nothing is sent. 1 where something could not be read."""
    settings = load(args.settings)
    if not settings.enabled_syncs:
        sys.stderr.write(f"{args.settings}: sync: no sync is enabled yet; this is what would happen if all were\n")
        settings = replace(settings, syncs=tuple(replace(each, enabled=True) for each in settings.syncs))
    remembered = None
    if args.state:
        unreadable = (NothingRememberedError, StoreError, DamagedStateError)
        with refusing(f"{args.settings}: state.directory", *unreadable):
            remembered = Remembered(settings.state.directory)
    if STDIN_PATH in (args.files or [STDIN_PATH]) and sys.stdin.buffer.isatty():
        sys.stderr.write("type or paste an event, as JSON, and Enter; Ctrl-D ends it\n")
    explainer = Explainer(settings, remembered.user if remembered is not None else None)
    if remembered is not None:
        remembered.tell(explainer.logins)
    console = Console(highlight=False, soft_wrap=True)
    output = sys.stdout.buffer
    unread = 0

    def on_damage(damage: Damage) -> None:
        nonlocal unread
        unread += 1
        sys.stderr.write(f"{printable(str(damage))}\n")

    amount = Amount()
    bar = bar_of_bytes("explaining", is_shown=bool(args.files) and not sys.stdout.isatty())
    for given in shown(bar, read_all(args.files, sys.stdin.buffer, on_damage, amount), amount):
        for explained in explainer.explain(given.line, given.value, now_ms(), given.file):
            unread += explained.sync is None
            if args.pretty:
                print_journey(console, explained)
            else:
                output.write(printable_json(orjson.dumps(explained.as_json())) + b"\n")
        output.flush()
    return ExitCode.FAILED if unread else ExitCode.DONE


_WAITS_FOR = {
    "no_appsflyer_id": "no event has taught its AppsFlyer id yet; after identity.hold_seconds it is a dead letter",
    "no_platform": "no event has taught its platform yet; after identity.hold_seconds it is a dead letter",
    "settle_seconds": "its install is younger than identity.settle_seconds",
}
_NO_DEVICE = (APPSFLYER_ID, "att")
"""What is read like an identifier, and names no device: the install, and the user's answer."""
_STYLES = {"would_deliver": "green", "held": "yellow", "filtered": "dim", "duplicate": "dim", "dead_lettered": "red"}


def print_journey(console: Console, explained: Explained) -> None:
    """Print one event's journey as a person would want to read it."""
    event = explained.event
    title = f"line {explained.line}"
    if explained.file is not None:
        title += f" of {explained.file}"
    if event is not None:
        title += f"  {event.name}"
    if explained.sync is not None:
        title += f"  → {explained.sync}"
    console.rule(escape(title), align="left", style="dim")
    if event is None:
        console.print(f"  decode     [red]{explained.reason}[/]: {escape(explained.error or '')}")
        return
    who = "user" if event.user_id is not None else "device"
    console.print(
        f"  decode     an event of a {who}, on {escape(event.platform or event.os_name or 'no stated platform')}"
    )
    for step, said in _steps(explained):
        console.print(f"  {step:<10} {said}")
    for note in explained.notes:
        console.print(f"  [yellow]warning[/]    {escape(str(note))}")
    if explained.personal:
        console.print(f"  [yellow]warning[/]    {escape(personal_warning(explained.personal))}")
    if explained.request is not None:
        console.print(f"  request    POST {escape(explained.request['url'])}")
        console.print_json(orjson.dumps(explained.request["body"]).decode(), indent=2, ensure_ascii=True)
    outcome = explained.outcome.replace("_", " ")
    reason = f" ({explained.reason})" if explained.reason else ""
    console.print(f"  [bold {_STYLES[explained.outcome]}]{outcome}{reason}[/]")


def _steps(explained: Explained) -> list[tuple[str, str]]:
    steps: list[tuple[str, str]] = []
    if explained.outcome == "filtered" and explained.reason != "platform":
        return [("select", f"the sync does not want it: {explained.reason}")]
    steps.append(("select", "the sync wants it"))
    match explained.outcome:
        case "filtered":
            steps.append(("identify", "the sync has no app for its platform, or the platform is not known"))
        case "duplicate":
            steps.append(("identify", "an event with the same insert_id was taken before"))
        case "held":
            steps.append(("identify", f"waits: {_WAITS_FOR[explained.reason or '']}"))
        case "dead_lettered":
            steps.append(("give up", escape(explained.error or "")))
        case _:
            if explained.released_by is not None:
                steps.append(("identify", f"waited until line {explained.released_by} taught its AppsFlyer id"))
            body = explained.request["body"] if explained.request else {}
            known = [name for name in CANONICAL if name in body and name not in _NO_DEVICE]
            steps.append(("identify", f"AppsFlyer id known; device identifiers: {', '.join(known) or 'none'}"))
            steps.append(("translate", f"{len(orjson.dumps(body)):,} bytes as {escape(body.get('eventName', ''))}"))
    return steps


def escape(text: str) -> str:
    """Return text of an event so that neither the terminal nor the markup takes it for a command."""
    return escape_markup(printable(text))
