"""Forget a person: take a user, or a device of nobody, out of what the stream has stored. The stream must be stopped.

    python -m flows forget --user u-17 --device 6C3E…

Erased are: identifiers, devices and waiting events in the recovery stores of all slices and replays, and dead letters
in files. Others are kept. Not in its reach are the Kafka topics (let the retention pass, or erase at the source),
Amplitude and AppsFlyer, which have requests of their own for this. Exit code 0 when nothing is left here, 1 when
something of theirs still waits to be delivered (start the stream, stop it, and do this again), 2 when nothing was done.
"""

import argparse
import sys
from typing import Final

from connectors.kinds import source_of, store_of
from connectors.state.engine_store import StoreError
from connectors.state.lock import StateInUseError
from connectors.state.private import keep_private
from flows.operations.forget import Forgotten, Person, forget
from flows.refusal import ExitCode, Refusal
from flows.settings import load
from flows.settings.model import Settings

SUMMARY: Final = "take a person out of what the stopped stream has stored"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--user", action="append", default=[], metavar="ID", help="Amplitude's user_id; again for more")
    parser.add_argument(
        "--device", action="append", default=[], metavar="ID", help="Amplitude's device_id; again for more"
    )


def run(args: argparse.Namespace) -> int:
    """Erase, and say what was found and what is out of reach."""
    keep_private()
    people = [Person(user_id=each) for each in args.user] + [Person(device_id=each) for each in args.device]
    if not people:
        raise Refusal("say whom to forget: --user ID or --device ID")
    settings = load(args.settings)
    try:
        found = forget(settings, people)
    except StateInUseError as problem:
        raise Refusal(
            "the stream, a replay or a rekeying is running; stop every slice first, for it would write it again"
        ) from problem
    except (StoreError, OSError, ValueError) as problem:
        raise Refusal(f"not everything is erased, do it again: {problem}", ExitCode.FAILED) from problem
    sys.stdout.writelines(f"{line}\n" for line in _said(settings, found))
    return ExitCode.FAILED if found.pending else ExitCode.DONE


def _said(settings: Settings, found: Forgotten) -> list[str]:
    erased = "not in reach; its retention ends them" if found.letters is None else f"{found.letters} erased"
    lines = [
        f"recovery stores: {found.stores} looked through, remembered in {found.states}, erased",
        f"dead letters in {store_of(settings.dead_letters).title}: {erased}",
        source_of(settings.source).out_of_reach,
        "Amplitude and AppsFlyer: ask each for the erasure by its own request",
    ]
    if found.pending:
        lines += [
            f"still here: {found.pending} places hold something of theirs that is not delivered yet; start the stream",
            "so that it goes or becomes a dead letter, stop it, and do this again",
        ]
    return lines
