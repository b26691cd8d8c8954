"""Change the number of slices: deal what the stopped slices have stored out to another number of them.

Offsets, users, events that wait and the journal move to the slice that reads their partition, so that nothing is lost
and nothing is sent twice. Stop every slice first. Broken off, the same command again goes on.

Where each slice has a disk of its own, mount them all and name them in the slices' order: --state /0 --state /1 …
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from connectors.kinds import source_of
from connectors.state.damage import DamagedStateError
from connectors.state.engine_store import StoreError
from connectors.state.layout import Slices
from connectors.state.lock import StateInUseError
from connectors.state.private import keep_private
from flows.operations.rescale.deal import StateError
from flows.operations.rescale.handover import Handover
from flows.program import program
from flows.refusal import ExitCode, Refusal
from flows.runtime.logs import configure_logs
from flows.settings import load

SUMMARY: Final = "change the number of slices: deal out what the stopped ones have stored"

_MOST_SLICES = 9999


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--from", dest="before", type=_count, required=True, metavar="N", help="how many there were")
    parser.add_argument("--to", dest="after", type=_count, required=True, metavar="M", help="how many there shall be")
    parser.add_argument(
        "--state",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="a slice's own state directory, again for each, slice 0 first (default: [state] directory, for all)",
    )


def run(args: argparse.Namespace) -> int:
    """Deal out, and say what was dealt."""
    configure_logs()
    keep_private()
    try:
        dealt = Handover(_places(args), args.before, args.after).run()
    except (StateError, StateInUseError, DamagedStateError) as problem:
        raise Refusal(str(problem)) from problem
    except (OSError, StoreError) as problem:
        raise Refusal(f"not done, run it again: {problem}", ExitCode.FAILED) from problem
    if dealt is None:
        sys.stdout.write("what an earlier run had prepared is in its place\n")
    else:
        sys.stdout.write(
            f"{len(dealt.partitions):,} partitions, {dealt.users:,} users, {dealt.held:,} held events, "
            f"{dealt.outbox:,} unfinished deliveries and {dealt.fates:,} journal entries dealt out\n"
        )
    starts = f"{program()} run" if args.after == 1 else f"{program()} run --slice i/{args.after}, for each i"
    sys.stdout.write(f"{args.before} → {args.after} slices; now start them: {starts}\n")
    return ExitCode.DONE


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_SLICES:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number of slices, from 1")
    return int(text)


def _places(args: argparse.Namespace) -> Slices:
    settings = load(args.settings)
    if (unsliceable := source_of(settings.source).unsliceable) is not None:
        raise Refusal(f"{args.settings}: source.kind: {unsliceable}")
    most = max(args.before, args.after)
    if len(args.state) > 1 and len(args.state) != most:
        raise Refusal(f"--state: found {len(args.state)}; expected one for each of {most} slices, or one for all")
    return Slices([each.absolute() for each in args.state] or [settings.state.directory])
