"""The settings file that `init` writes: a sync that is off, and every section explained."""

import json
import textwrap
from collections.abc import Sequence
from typing import Final

from flows.commands.new_settings.answers import Answers, Default
from flows.domain.exclude import fold
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.paths import split_path
from flows.domain.personal import PERSONAL_NAMES

_GLUE: Final = "\x00"
"""Stands for a blank within a name while lines are broken at the others."""


def _toml(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts as TOML, whose basic strings are JSON's apart from DEL."""
    text = json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def _source(answers: Answers) -> str:
    if answers.source == "inbox":
        return f"""\
[source]
kind = "inbox"                       # events that are taken in wait on this disk until they are delivered
# keep_hours = 24                    # how long they stay to be read again

# Where Amplitude's clients send their events to: `python -m flows serve` takes them in, at /2/httpapi of this port.
[collector]
# host = "0.0.0.0"                   # if clients are on other machines; without certificate_file, a proxy speaks TLS
port = 8090
api_keys = [{_toml(answers.api_key or Default.API_KEY)}]  # of the Amplitude projects whose events are taken
"""
    if answers.source == "files":
        return f"""\
[source]
kind = "files"                       # Amplitude Export archives: .zip, .json.gz, .json
paths = {_toml(answers.paths or [Default.ARCHIVES])}
follow = false                       # true: keep watching for new files

# [pull]                             # `python -m flows pull` fetches archives from Amplitude's Export API
# api_key = "env:AMPLITUDE_API_KEY"
# secret_key = "env:AMPLITUDE_SECRET_KEY"
# region = "us"                      # "eu" for a project in Amplitude's EU data center
"""
    return f"""\
[source]
kind = "kafka"                       # or "files", or "inbox" if clients send events here
bootstrap_servers = {_toml(answers.bootstrap_servers or Default.SERVERS)}
topic = {_toml(answers.topic or Default.TOPIC)}           # messages keyed by user_id, else device_id
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
s2s_key = {_toml(answers.key or Default.KEY)}  # where AppsFlyer's S2S key is, never the key itself
# default_currency = "EUR"           # for revenue whose event names none
# consent_where = [{{ property = "user.consent", is = [true] }}]
properties = "all"                   # event, user and group properties; or {{ event = ["plan"], user = "all" }}
# Names that are never sent, however they are written: without case, "_", "-" and blanks. Add yours.
{_exclude()}

{_events(answers)}"""
