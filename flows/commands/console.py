"""Serve the console: pages in a browser that say what is delivered, what is not, and why.

    python -m flows console                   of the slice that the settings' [health] names
    python -m flows console --slices 4        of slices 0 to 3 of this machine
    python -m flows console --url http://stream-0:9464 --url http://stream-1:9464

It listens where [console] says, until Ctrl-C or SIGTERM. `serve` serves the same console by itself.
"""

import argparse
import signal
from threading import Event
from typing import Final

from flows.commands.monitor.asked import add_address_arguments, asked, asked_collector
from flows.console.start import serving
from flows.refusal import ExitCode
from flows.runtime.logs import configure_logs
from flows.settings import load

SUMMARY: Final = "pages in a browser: what is delivered, what is not, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_address_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal asks for a stop; raises Refusal."""
    configure_logs()
    settings = load(args.settings)
    stop = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    with serving(settings.console, args.settings, asked(args), asked_collector(args)):
        stop.wait()
    return ExitCode.DONE
