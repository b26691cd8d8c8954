"""Take events in from Amplitude's clients and send them on, in one command.

The console's pages show what becomes of them.

The collector stays up while the stream beside it restarts after a change of the settings, or after a failure. Without
an enabled sync, events are taken in and wait.
"""

import argparse
from typing import Final

from connectors.state.private import keep_private
from flows.console.start import serving_beside
from flows.observe.addresses import collector_address, of_health
from flows.runtime.collector.run import run_collector
from flows.runtime.logs import configure_logs
from flows.settings import load

SUMMARY: Final = "take events in and send them on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no flags beyond the settings."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Serve until a signal asks for a stop; raises Refusal."""
    configure_logs()
    keep_private()
    settings = load(args.settings)
    urls = of_health(settings.health, 1) if settings.health.port else []
    with serving_beside(settings.console, args.settings, urls, collector_address(args.settings)):
        return run_collector(settings, args.settings, with_stream=True)
