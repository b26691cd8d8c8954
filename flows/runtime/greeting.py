"""Greeting: what a stream says to the person before whose terminal it starts, who would see nothing for a minute."""

import sys

from connectors.kinds import source_of
from flows.domain.printable import printable
from flows.settings.model import Settings


def greet(settings: Settings, health_url: str | None) -> None:
    """Say what is read, where it goes, and how to watch and stop it.

    Nothing where standard error is no terminal, or where the stream soon ends by itself, with its summary.
    """
    if sys.stderr.isatty() and not source_of(settings.source).ends:
        sys.stderr.write("".join(f"{printable(line)}\n" for line in greeting(settings, health_url)))


def greeting(settings: Settings, health_url: str | None) -> list[str]:
    """Return the lines. No secret: of the settings only names and places."""
    syncs = ", ".join(each.name for each in settings.enabled_syncs)
    watch = f"python -m flows top, or {health_url}/status" if health_url else "nothing, for health is off"
    return [
        f"from {source_of(settings.source).title} to AppsFlyer for {syncs}",
        f"watch it with {watch}; Ctrl-C stops it cleanly",
    ]
