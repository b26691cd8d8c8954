"""Write a commented stream.toml: asks for what it needs on a terminal, or takes it as flags.

    python -m flows init --name production --ios-app-id id1234567890 --key env:APPSFLYER_S2S_KEY --event purchase

Events come from a Kafka topic, from archives (--source files), or Amplitude's clients send them here (--source inbox).
The sync is written with enabled = false; nothing is sent until you change that.
"""

import argparse
import sys
from pathlib import Path
from typing import Final, get_args

from flows.commands.new_settings.answers import Answers, Default, Kind
from flows.commands.new_settings.questions import ask
from flows.commands.new_settings.template import render
from flows.program import as_called, program
from flows.refusal import ExitCode, Refusal
from flows.settings import SettingsError
from flows.settings.file import parse

SUMMARY: Final = "write a commented stream.toml"
TAKES_SETTINGS: Final = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--name", help="the sync's name, such as production")
    parser.add_argument("--ios-app-id", metavar="ID", help="the iOS app: id and digits, as in the App Store's address")
    parser.add_argument("--android-app-id", metavar="ID", help="the Android app: its package name")
    parser.add_argument(
        "--key", metavar="env:NAME", help=f"where the S2S key is, or file:PATH (default: {Default.KEY})"
    )
    parser.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="an event to send, as advised; give it again for each",
    )
    parser.add_argument("--all-events", action="store_true", help="send all events instead")
    parser.add_argument(
        "--source",
        choices=get_args(Kind),
        help="inbox: Amplitude's clients send events here, without Kafka; kafka: a topic; files: archives of "
        "Amplitude's Export (default: kafka)",
    )
    parser.add_argument(
        "--api-key",
        metavar="env:NAME",
        help=f"inbox: where the API key of the Amplitude project is, or file:PATH (default: {Default.API_KEY})",
    )
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help=f"kafka (default: {Default.SERVERS})")
    parser.add_argument("--topic", help=f"kafka: the topic with Amplitude's events (default: {Default.TOPIC})")
    parser.add_argument(
        "--path",
        action="append",
        default=[],
        metavar="GLOB",
        help=f"files: an archive, or a glob; give it again for each (default: {Default.ARCHIVES})",
    )
    parser.add_argument("--output", type=Path, default=Path("stream.toml"), metavar="FILE", help="default: stream.toml")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it is there")


def run(args: argparse.Namespace) -> int:
    """Write the file, or say why not; an existing one is only overwritten with --force."""
    output: Path = args.output
    if output.exists() and not args.force:
        raise Refusal(f"{output}: is already there; add --force to overwrite it, or name another with --output")
    answers = Answers(
        name=args.name,
        ios_app_id=args.ios_app_id,
        android_app_id=args.android_app_id,
        key=args.key,
        events=args.event,
        all_events=args.all_events,
        source=args.source,
        api_key=args.api_key,
        bootstrap_servers=args.bootstrap_servers,
        topic=args.topic,
        paths=args.path,
    )
    if args.event and args.all_events:
        raise Refusal("init: --event names the events to send, --all-events sends all; give one of the two")
    if sys.stdin.isatty():
        ask(answers)
    missing = _missing(answers)
    if missing:
        raise Refusal(f"init: {'; '.join(missing)}; give them as flags, or start it on a terminal to be asked")
    text = as_called(render(answers))
    try:
        parse(text, output)
    except SettingsError as error:
        raise Refusal(f"{error}\nnothing was written") from error
    try:
        with output.open("w" if args.force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Refusal(f"{output}: cannot be written ({error.strerror}); name another place with --output") from error
    _say_what_is_next(output, "serve" if answers.source == "inbox" else "run")
    return ExitCode.DONE


def _missing(answers: Answers) -> list[str]:
    missing = [] if answers.name else ["--name is missing"]
    if not answers.ios_app_id and not answers.android_app_id:
        missing.append("--ios-app-id, --android-app-id or both are missing")
    if not answers.events and not answers.all_events:
        missing.append("--event NAME is missing, for each event to send (--all-events sends all)")
    return missing


def _say_what_is_next(output: Path, start: str) -> None:
    flag = "" if output == Path("stream.toml") else f" --settings {output}"
    again = program()
    sys.stdout.write(
        f"wrote {output}\nnext: {again} check{flag}, then set enabled = true in it, then {again} {start}{flag}\n"
    )
