"""Send one real event of a sync to AppsFlyer, and say what the answer means.

    python -m flows send-test --appsflyer-id 1700000000000-1234567 --customer-user-id user-1

The event goes the stream's own way: decoded, selected by the sync, translated, sent over verified TLS. AppsFlyer counts
it as a real one, so take the ids of a device of your own; a stand-in on this machine, such as the sandbox, needs none.
A sync that is not enabled yet can be tried, too. Nothing is remembered, and Kafka is not needed. Exit code 0 where
AppsFlyer takes it, 1 where it does not, 2 where nothing was sent for the settings or flags are wrong.
"""

import argparse
import sys
from typing import Any, Final

import orjson
from rich.console import Console
from rich.text import Text

from flows.domain.event import PLATFORMS
from flows.domain.printable import printable
from flows.operations.send_test import Ready, Reply, Wanted, prepare, send
from flows.refusal import ExitCode, Refusal
from flows.settings import load

SUMMARY: Final = "send one real event to AppsFlyer, and say what the answer means"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--sync", metavar="NAME", help="the sync (default: the only one, or the only one enabled)")
    parser.add_argument("--platform", choices=PLATFORMS, help="the platform (default: the only one of the sync's apps)")
    parser.add_argument("--appsflyer-id", metavar="ID", help="the AppsFlyer id of a device of yours; AppsFlyer asks it")
    parser.add_argument("--customer-user-id", metavar="ID", help="the user whom the app gives setCustomerUserId")
    parser.add_argument("--event", metavar="NAME", help="Amplitude's name of the event (default: the sync's first)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        type=_assignment,
        help="one more value in the event, such as event_properties.plan=pro; JSON, else text; again for more",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, though it counts as a real event in the app")


def _assignment(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not path or not equals:
        raise argparse.ArgumentTypeError(f"found {text!r}; write PATH=VALUE, such as event_properties.plan=pro")
    try:
        return path, orjson.loads(value)
    except orjson.JSONDecodeError:
        return path, value


def run(args: argparse.Namespace) -> int:
    """Make the event, show it, send it, and explain the answer."""
    console = Console(highlight=False, soft_wrap=True)
    settings = load(args.settings)
    ready = prepare(
        settings,
        args.settings,
        Wanted(args.sync, args.platform, args.appsflyer_id, args.customer_user_id, args.event, dict(args.set)),
    )
    _show_request(console, ready)
    if ready.is_real and not args.yes and not _is_confirmed(console, ready.host):
        raise Refusal("nothing was sent")
    reply = send(settings, ready)
    _show_reply(console, reply)
    return ExitCode.DONE if reply.is_delivered else ExitCode.FAILED


def _show_request(console: Console, ready: Ready) -> None:
    request = ready.request
    if not ready.sync.enabled:
        console.print(Text(f"the sync {printable(ready.sync.name)} is not enabled; it is only tried", "yellow"))
    console.print(Text(f"POST {printable(request['url'])}", "bold"))
    for name, value in request["headers"].items():
        console.print(Text(f"{name}: {printable(value)}"))
    console.print(Text(_as_ascii(orjson.dumps(request["body"], option=orjson.OPT_INDENT_2).decode())))
    for note in ready.explained.notes:
        console.print(Text(f"warning: {printable(str(note))}", "yellow"))


def _as_ascii(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def _is_confirmed(console: Console, host: str) -> bool:
    console.print(Text(f"This goes to {printable(host)} and counts as a real event in the app."))
    if not sys.stdin.isatty():
        console.print(Text("Nobody can be asked here: add --yes to send it."))
        return False
    return console.input("Send it? [y/N] ").strip().lower() in ("y", "yes")


def _show_reply(console: Console, reply: Reply) -> None:
    said = printable(reply.text) or "nothing"
    status = str(reply.status) if reply.status else "none"
    style = "bold green" if reply.is_delivered else "bold red"
    console.print()
    console.print(Text(f"answer: {status} after {reply.seconds:.2f} s: {said}", style))
    for line in reply.advice:
        console.print(Text(f"  {line}"))
