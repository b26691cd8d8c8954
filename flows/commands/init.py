"""Write a commented stream.toml: asks for what it needs on a terminal, or takes it as flags.

    python -m flows init --name production --ios-app-id id1234567890 --key env:APPSFLYER_S2S_KEY --event purchase

The sync is written with enabled = false; nothing is sent until you change that.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.prompt import Confirm, InvalidResponse, Prompt

from connectors.kafka.settings import Servers, Topic
from connectors.values import Keys, Name
from flows.commands.program import as_called, program
from flows.domain.exclude import fold
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.paths import split_path
from flows.domain.personal import PERSONAL_NAMES
from flows.refusal import ExitCode, Refusal
from flows.settings import SettingsError
from flows.settings.file import parse
from flows.settings.values import AndroidAppId, IosAppId

SUMMARY: Final = "write a commented stream.toml"
TAKES_SETTINGS: Final = False

_DEFAULT_KEY: Final = "env:APPSFLYER_S2S_KEY"
_DEFAULT_SERVERS: Final = "localhost:9092"
_DEFAULT_TOPIC: Final = "amplitude-events"
_DEFAULT_PATHS: Final = ("exports/*.zip",)
_GLUE: Final = "\x00"
"""Stands for a blank within a name while lines are broken at the others."""


@dataclass(slots=True)
class Answers:
    """What a new settings file needs to know; None and empty is what is not known."""

    name: str | None
    ios_app_id: str | None
    android_app_id: str | None
    key: str | None
    events: Sequence[str]
    all_events: bool
    source: str | None
    bootstrap_servers: str | None
    topic: str | None
    paths: Sequence[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--name", help="the sync's name, such as production")
    parser.add_argument("--ios-app-id", metavar="ID", help="the iOS app: id and digits, as in the App Store's address")
    parser.add_argument("--android-app-id", metavar="ID", help="the Android app: its package name")
    parser.add_argument(
        "--key", metavar="env:NAME", help=f"where the S2S key is, or file:PATH (default: {_DEFAULT_KEY})"
    )
    parser.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="an event to send, as advised; give it again for each",
    )
    parser.add_argument("--all-events", action="store_true", help="send all events instead")
    parser.add_argument("--source", choices=("kafka", "files"), help="where events come from (default: kafka)")
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help=f"Kafka (default: {_DEFAULT_SERVERS})")
    parser.add_argument("--topic", help=f"the topic with Amplitude's events (default: {_DEFAULT_TOPIC})")
    parser.add_argument(
        "--path",
        action="append",
        default=[],
        metavar="GLOB",
        help=f"an archive of Amplitude's Export, or a glob; give it again for each (default: {_DEFAULT_PATHS[0]})",
    )
    parser.add_argument("--output", type=Path, default=Path("stream.toml"), metavar="FILE", help="default: stream.toml")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it is there")


def run(args: argparse.Namespace) -> int:
    """Write the file, or say why not; an existing one is only overwritten with --force."""
    output: Path = args.output
    if output.exists() and not args.force:
        raise Refusal(f"{output}: is already there; add --force to overwrite it, or name another with --output")
    answers = Answers(
        args.name,
        args.ios_app_id,
        args.android_app_id,
        args.key,
        args.event,
        args.all_events,
        args.source,
        args.bootstrap_servers,
        args.topic,
        args.path,
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
    _say_what_is_next(output)
    return ExitCode.DONE


def _missing(answers: Answers) -> list[str]:
    missing = [] if answers.name else ["--name is missing"]
    if not answers.ios_app_id and not answers.android_app_id:
        missing.append("--ios-app-id, --android-app-id or both are missing")
    if not answers.events and not answers.all_events:
        missing.append("--event NAME is missing, for each event to send (--all-events sends all)")
    return missing


def _say_what_is_next(output: Path) -> None:
    flag = "" if output == Path("stream.toml") else f" --settings {output}"
    again = program()
    sys.stdout.write(
        f"wrote {output}\nnext: {again} check{flag}, then set enabled = true in it, then {again} run{flag}\n"
    )


class _Question(Prompt):
    """A question whose answer must be of a settings' kind."""

    kind: TypeAdapter[Any]
    optional: bool

    def process_response(self, value: str) -> str:
        answer = value.strip()
        if answer or not self.optional:
            try:
                self.kind.validate_python(answer)
            except ValidationError as error:
                # What the file wants in quotes is typed without them.
                what = error.errors()[0]["msg"].replace(" in quotes", "").replace('"', "")
                raise InvalidResponse(f"[red]expected {escape(what)}") from None
        return answer


def _ask(question: str, kind: Any, *, default: str | None = None, optional: bool = False) -> str:
    prompt = _Question(question, show_default=not optional)
    prompt.kind, prompt.optional = TypeAdapter(kind), optional
    return str(prompt(default="" if optional else default if default is not None else ...))


def ask(answers: Answers) -> None:
    """Ask on the terminal for what no flag has said."""
    sys.stdout.write("A new settings file. Enter takes what stands in brackets; everything can be changed later.\n\n")
    answers.name = answers.name or _ask("Name of the sync", Name, default="production")
    while not answers.ios_app_id and not answers.android_app_id:
        answers.ios_app_id = _ask(
            "iOS app id in AppsFlyer, such as id1234567890; empty if there is none", IosAppId, optional=True
        )
        answers.android_app_id = _ask(
            "Android app id, such as com.example.app; empty if there is none", AndroidAppId, optional=True
        )
        if not answers.ios_app_id and not answers.android_app_id:
            sys.stdout.write("at least one of the two is needed\n")
    answers.key = answers.key or _ask(
        "Where the S2S key will be found, never the key itself: env:NAME or file:PATH", Keys, default=_DEFAULT_KEY
    )
    if not answers.events and not answers.all_events:
        answers.all_events = Confirm.ask("Send all events? The most important ones alone are advised", default=False)
    while not answers.events and not answers.all_events:
        names = _ask("Events to send, with commas between them", Name)
        answers.events = [name.strip() for name in names.split(",") if name.strip()]
    answers.source = answers.source or Prompt.ask("Events come from", choices=["kafka", "files"], default="kafka")
    if answers.source == "kafka":
        answers.bootstrap_servers = answers.bootstrap_servers or _ask("Kafka", Servers, default=_DEFAULT_SERVERS)
        answers.topic = answers.topic or _ask("Topic", Topic, default=_DEFAULT_TOPIC)
    elif not answers.paths:
        answers.paths = [_ask("Archives of Amplitude's Export", Name, default=_DEFAULT_PATHS[0])]
    sys.stdout.write("\n")


def _toml(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts as TOML, whose basic strings are JSON's apart from DEL."""
    text = json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def _source(answers: Answers) -> str:
    if answers.source == "files":
        return f"""\
[source]
kind = "files"                       # Amplitude Export archives: .zip, .json.gz, .json
paths = {_toml(answers.paths or _DEFAULT_PATHS)}
follow = false                       # true: keep watching for new files

# [pull]                             # `python -m flows pull` fetches archives from Amplitude's Export API
# api_key = "env:AMPLITUDE_API_KEY"
# secret_key = "env:AMPLITUDE_SECRET_KEY"
# region = "us"                      # "eu" for a project in Amplitude's EU data center
"""
    return f"""\
[source]
kind = "kafka"                       # or "files", with paths = ["exports/*.zip"]
bootstrap_servers = {_toml(answers.bootstrap_servers or _DEFAULT_SERVERS)}
topic = {_toml(answers.topic or _DEFAULT_TOPIC)}           # messages keyed by user_id, else device_id
group_id = "amplitude-appsflyer-stream"
start = "latest"                     # the first time, begin with what arrives from now on: what the topic holds would
                                     # go out at once, events weeks old among it, which AppsFlyer dates by their
                                     # arrival; "earliest" sends it all the same. `check` says how many events it is

# [source.properties]                # any librdkafka property; passwords only as env:NAME or file:PATH
# "security.protocol" = "SASL_SSL"
# "sasl.password" = "env:KAFKA_PASSWORD"
"""


def _app_ids(answers: Answers) -> str:
    ios = _toml(_with_prefix(answers.ios_app_id)) if answers.ios_app_id else None
    android = _toml(answers.android_app_id) if answers.android_app_id else None
    return "\n".join(
        [
            f"ios_app_id = {ios}" if ios else '# ios_app_id = "id1234567890"',
            f"android_app_id = {android}" if android else '# android_app_id = "com.example.app"',
            '# ios_bundle_id = "com.example.app"  # of the iOS app: many ad networks ask for it',
        ]
    )


def _with_prefix(ios_app_id: str) -> str:
    return f"id{ios_app_id}" if ios_app_id.isdecimal() else ios_app_id


def _events(answers: Answers) -> str:
    if not answers.events:
        return """\
# Which events are sent. All are, as you chose; the most important ones are advised: instead of this line, list them as
#   [[sync.event]]
#   name = "purchase"
events = "all"
"""
    rows = "\n".join(f"[[sync.event]]\nname = {_toml(name)}\n" for name in answers.events)
    return f"""\
# Which events are sent. All are possible (events = "all"); the most important ones are advised. Per event, if you like:
#   send_as = "af_purchase"
#   where = [{{ property = "event.plan", is = ["pro"] }}]

{rows}"""


def _exclude() -> str:
    """Return the names that are advised: what says who a person is, and what is sent as a field of its own anyway."""
    own = [split_path(path)[1] for paths in DEFAULT_PATHS.values() for path in paths]
    identifiers = list({fold(name): name for name in reversed(own)}.values())[::-1]  # the first spelling of each
    lines = []
    for comment, names in (
        ('who a person is; a product\'s `name`? write "user.name" instead', PERSONAL_NAMES),
        ("identifiers, which are sent as fields of their own", identifiers),
    ):
        lines.append(f"    # {comment}")
        lines += textwrap.wrap(
            " ".join(f"{_toml(name).replace(' ', _GLUE)}," for name in names), 116,
            initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(["exclude = [", *lines, "]"]).replace(_GLUE, " ")


def render(answers: Answers) -> str:
    """Return the settings file: a sync that is off, and every section explained."""
    return f"""\
# The event stream from Amplitude to AppsFlyer.
# `python -m flows check` says what is wrong here; `python -m flows explain` what would happen to an event.
# Relative paths start at this file.

# Where events come from.
{_source(answers)}
# What is remembered of each user: device identifiers, the OS version, recent events to recognise duplicates.
[identity]
remember_days = 90                   # users who send nothing for so long are forgotten
hold_seconds = 300                   # how long an event waits for its user's AppsFlyer ID
# [identity.paths]                   # where identifiers are read from, if not from the usual places
# appsflyer_id = ["user_properties.appsflyer_id"]

# Events are handed to delivery in small batches: at so many, or so long after the first.
[window]
max_events = 100
max_wait_ms = 50

# How AppsFlyer is called. Without an endpoint it is https://api3.appsflyer.com.
[delivery]
# endpoint = "http://127.0.0.1:8080" # the sandbox: python -m flows sandbox --port 8080
max_in_flight = 256                  # requests at the same time
retry_minutes = 240                  # after which an event becomes a dead letter
on_rejected_credentials = "pause"    # "park": make dead letters instead, to be replayed

# Where events go that cannot be delivered, with the reason and their original bytes.
[dead_letters]
kind = "files"                       # or "kafka", with topic = "…"
directory = "dead-letters"

# Where progress and what is known of users are kept. It must survive restarts.
[state]
directory = "state"
epoch_seconds = 10                   # between two snapshots

# A sync: which events go to which AppsFlyer apps. There may be several.
[[sync]]
name = {_toml(answers.name or "")}
enabled = false                      # true: send
{_app_ids(answers)}
s2s_key = {_toml(answers.key or _DEFAULT_KEY)}  # where AppsFlyer's S2S key is, never the key itself
# default_currency = "EUR"           # for revenue whose event names none
# consent_where = [{{ property = "user.consent", is = [true] }}]
properties = "all"                   # event, user and group properties; or {{ event = ["plan"], user = "all" }}
# Names that are never sent, however they are written: without case, "_", "-" and blanks. Add yours.
{_exclude()}

{_events(answers)}"""
