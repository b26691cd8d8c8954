"""Greeting: what a stream says to the person before whose terminal it starts, who would see nothing for a minute."""

import sys
from collections.abc import Sequence

from connectors.kinds import source_of
from flows.domain.printable import printable
from flows.program import as_called
from flows.settings.model import Settings


def greet(settings: Settings, health_url: str | None) -> None:
    """Say what is read, where it goes, and how to watch and stop it.

    Nothing where standard error is no terminal, or where the stream soon ends by itself, with its summary.
    """
    if not source_of(settings.source).ends:
        _say(greeting(settings, health_url))


def greet_operator_of(url: str, settings: Settings) -> None:
    """Say where clients send their events to; nothing where standard error is no terminal."""
    _say(collector_greeting(url, settings))


def collector_greeting(url: str, settings: Settings) -> list[str]:
    """Return the lines, as `greeting` does."""
    syncs = ", ".join(each.name for each in settings.enabled_syncs)
    return [
        f"clients send to {url}/2/httpapi; docs/send-events.md says what changes in each",
        f"their events go to {source_of(settings.source).title}, and on to AppsFlyer for {syncs or 'no sync yet'}",
        "Ctrl-C stops it cleanly",
    ]


def _say(lines: Sequence[str]) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("".join(f"{printable(as_called(line))}\n" for line in lines))


def greeting(settings: Settings, health_url: str | None) -> list[str]:
    """Return the lines. No secret: of the settings only names and places."""
    syncs = ", ".join(each.name for each in settings.enabled_syncs)
    watch = f"python -m flows top, or {health_url}/status" if health_url else "nothing, for health is off"
    return [
        f"from {source_of(settings.source).title} to AppsFlyer for {syncs}",
        f"watch it with {watch}; Ctrl-C stops it cleanly",
    ]
