"""Take events in from Amplitude's clients, and store them where [source] says: an inbox, or a Kafka topic.

The stream is another process: `run`, or `serve` for both at once. Several collectors may write to one topic.
"""

import argparse
from typing import Final

from connectors.state.private import keep_private
from flows.runtime.collector.run import run_collector
from flows.runtime.logs import configure_logs
from flows.settings import load

SUMMARY: Final = "take events in, for many machines"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no flags beyond the settings."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Take events in until a signal asks for a stop; raises Refusal."""
    configure_logs()
    keep_private()
    return run_collector(load(args.settings), args.settings, with_stream=False)
