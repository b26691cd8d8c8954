"""Take events in from Amplitude's clients and send them on, in one command.

The collector stays up while the stream beside it restarts after a change of the settings, or after a failure. Without
an enabled sync, events are taken in and wait.
"""

import argparse
from typing import Final

from connectors.state.private import keep_private
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
    return run_collector(load(args.settings), args.settings, with_stream=True)
