"""The questions that `init` asks on a terminal."""

import sys
from typing import Any, cast, get_args

from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.prompt import Confirm, InvalidResponse, Prompt

from connectors.kafka.settings import Servers, Topic
from connectors.values import Keys, Name
from flows.commands.new_settings.answers import Answers, Default, Kind
from flows.settings.values import AndroidAppId, IosAppId


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
        "Where the S2S key will be found, never the key itself: env:NAME or file:PATH", Keys, default=Default.KEY
    )
    if not answers.events and not answers.all_events:
        answers.all_events = Confirm.ask("Send all events? The most important ones alone are advised", default=False)
    while not answers.events and not answers.all_events:
        names = _ask("Events to send, with commas between them", Name)
        answers.events = [name.strip() for name in names.split(",") if name.strip()]
    answers.source = answers.source or _ask_source()
    if answers.source == "inbox":
        answers.api_key = answers.api_key or _ask(
            "Where the API key of the Amplitude project will be found: env:NAME or file:PATH",
            Keys,
            default=Default.API_KEY,
        )
    elif answers.source == "kafka":
        answers.bootstrap_servers = answers.bootstrap_servers or _ask("Kafka", Servers, default=Default.SERVERS)
        answers.topic = answers.topic or _ask("Topic", Topic, default=Default.TOPIC)
    elif not answers.paths:
        answers.paths = [_ask("Archives of Amplitude's Export", Name, default=Default.ARCHIVES)]
    sys.stdout.write("\n")


def _ask_source() -> Kind:
    sys.stdout.write(
        "Events come from: inbox, if Amplitude's clients send them here, and nothing else is needed; kafka, a topic; "
        "files, archives of Amplitude's Export\n"
    )
    return cast("Kind", Prompt.ask("Source", choices=list(get_args(Kind)), default="inbox"))
