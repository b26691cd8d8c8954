"""Let the running stream read its settings again, as SIGHUP does; with slices, each that runs on this host.

The settings are read here first: with mistakes nothing is asked for, and they are listed. What came of it is in the
stream's log and in `python -m flows status`.
"""

import argparse
import os
import signal
import sys
from typing import Final

from connectors.state.layout import layouts_of_slices
from connectors.state.lock import holder
from flows.program import program
from flows.refusal import ExitCode, Refusal
from flows.settings import SettingsError, load

SUMMARY: Final = "let the running stream read its settings again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: there are none."""


def run(args: argparse.Namespace) -> int:
    """Ask each process that works on the state directory."""
    try:
        settings = load(args.settings)
    except SettingsError as error:
        raise Refusal(f"{error}\nnothing was changed") from error
    root = settings.state.directory
    asked = 0
    for directory in (each.path for each in layouts_of_slices(root)):
        pid = holder(directory)
        if pid is not None:
            os.kill(pid, signal.SIGHUP)
            sys.stdout.write(f"asked process {pid} ({directory}) to read {args.settings} again\n")
            asked += 1
    if not asked:
        raise Refusal(
            f"no stream runs on {root}, as seen from here; one in another container is asked with SIGHUP there, or "
            "with `python -m flows reload` in it",
            ExitCode.FAILED,
        )
    sys.stdout.write(f"`{program()} status` says what came of it\n")
    return ExitCode.DONE
