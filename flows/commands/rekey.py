"""Copy a topic to one whose keys are user ids, else device ids, so that slices keep each user's events together.

It keeps headers, timestamps, the events' bytes and their order, and goes on until it is stopped. Upload bodies fall
into their events. Both topics are in the cluster of [source]; the one that is not named is source.topic.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from connectors.state.engine_store import make_store
from connectors.state.layout import Layout
from connectors.state.private import keep_private
from flows.commands.slices import add_slice
from flows.domain.slice import ALL
from flows.runtime.lifecycle import become
from flows.runtime.logs import configure_logs
from flows.runtime.rekey.place import FROM_VARIABLE, TO_VARIABLE, Place, PlaceError, place
from flows.settings import SettingsError, load

SUMMARY: Final = "copy a topic to one keyed by user id, else device id, as slices need it"

FLOW = "flows.rekey"
_WRONG_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--to", metavar="TOPIC", default=os.environ.get(TO_VARIABLE), help=f"the topic to write (or ${TO_VARIABLE})"
    )
    parser.add_argument(
        "--from",
        dest="from_topic",
        metavar="TOPIC",
        default=os.environ.get(FROM_VARIABLE),
        help=f"the topic to read (or ${FROM_VARIABLE})",
    )
    parser.add_argument(
        "--hand-over",
        action="store_true",
        help="copy up to where the stopped stream has read, let it go on in the other topic from there, and end",
    )
    add_slice(parser, "read")


def run(args: argparse.Namespace) -> int:
    """Become the flow; returns only if it cannot be started."""
    configure_logs()
    keep_private()
    try:
        settings = load(args.settings)
        where = place(settings, args.from_topic, args.to, hand_over=args.hand_over)
    except SettingsError as error:
        return _refuse(str(error))
    except PlaceError as error:
        return _refuse(f"{args.settings}: {error}")
    if where.hand_over and args.slice is not None and args.slice.count > 1:
        return _refuse("rekey: --hand-over is one process's; stop the slices, and leave out --slice")
    part = args.slice or ALL
    directory = Layout(where.directory(part)).recovery
    try:
        make_store(directory)
    except OSError as error:
        reason = f"cannot make {directory} ({error.strerror})"
        return _refuse(f"{args.settings}: state.directory: {reason}; expected a directory to write to; change it")
    os.environ["STREAM_SETTINGS"] = str(settings.path)
    os.environ["STREAM_SLICE"] = str(part)
    return _become(where, directory)


def _become(where: Place, directory: Path) -> NoReturn:
    flow = f"{FLOW}:flow({where.source.topic!r}, {where.to_topic!r}, hand_over={where.hand_over})"
    recovery = ["-r", str(directory), "-s", str(where.state.epoch_seconds), "-b", "0"]
    become([sys.executable, "-m", "bytewax.run", flow, *recovery])


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return _WRONG_USAGE
