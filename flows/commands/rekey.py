"""Copy a topic to one whose keys are user ids, else device ids, so that slices keep each user's events together.

It keeps headers, timestamps, the events' bytes and their order, and goes on until it is stopped. Upload bodies fall
into their events. Both topics are in the cluster of [source]; the one that is not named is source.topic.
"""

import argparse
import os
from typing import Final

from connectors.state.layout import Layout
from connectors.state.private import keep_private
from flows.commands.become import become_flow
from flows.commands.slices import add_slice
from flows.domain.slice import ALL
from flows.operations.recovery_store import made
from flows.refusal import Refusal, refusing
from flows.runtime.logs import configure_logs
from flows.runtime.rekey.place import FROM_VARIABLE, TO_VARIABLE, PlaceError, place
from flows.settings import load

SUMMARY: Final = "copy a topic to one keyed by user id, else device id, as slices need it"

FLOW = "flows.rekey"


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
    """Become the flow; raises Refusal if it cannot be started."""
    configure_logs()
    keep_private()
    settings = load(args.settings)
    with refusing(str(args.settings), PlaceError):
        where = place(settings, args.from_topic, args.to, hand_over=args.hand_over)
    part = args.slice or ALL
    if where.hand_over and part.count > 1:
        raise Refusal("rekey: --hand-over is one process's; stop the slices, and leave out --slice")
    directory = made(Layout(where.directory(part)).recovery, args.settings)
    os.environ["STREAM_SLICE"] = str(part)
    become_flow(
        f"{FLOW}:flow({where.source.topic!r}, {where.to_topic!r}, hand_over={where.hand_over})", settings, directory
    )
