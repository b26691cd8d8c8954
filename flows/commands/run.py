"""Start the stream: read the settings, make the recovery store the first time, and become Bytewax.

Each slice is a process of its own: with --slice i/N it owns the Kafka partitions p with p mod N = i, and its own state.
"""

import argparse
import os
from typing import Final

from connectors.state.private import keep_private
from flows.commands.become import become_flow
from flows.commands.slices import add_slice
from flows.operations.recovery_store import store_of_stream
from flows.refusal import ExitCode, Refusal
from flows.runtime.logs import configure_logs
from flows.runtime.obstacles import nothing_to_read, obstacles
from flows.runtime.signals import let_reload_wait
from flows.settings import load

SUMMARY: Final = "start the stream"

FLOW = "flows.stream"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_slice(parser, "own")


def run(args: argparse.Namespace) -> int:
    """Become the stream; raises Refusal if it cannot be started."""
    configure_logs()
    keep_private()
    settings = load(args.settings)
    if problems := obstacles(settings, args.settings, args.slice):
        raise Refusal("\n".join(problems))
    if (nothing := nothing_to_read(settings)) is not None:
        raise Refusal(f"{args.settings}: {nothing}", ExitCode.FAILED)
    directory = store_of_stream(settings, args.settings, args.slice)
    if args.slice is not None:
        os.environ["STREAM_SLICE"] = str(args.slice)
    let_reload_wait()
    become_flow(FLOW, settings, directory)
