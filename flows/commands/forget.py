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
from flows.settings import SettingsError, load
from flows.settings.model import Settings

SUMMARY: Final = "take a person out of what the stopped stream has stored"

_DONE: Final = 0
_LEFT: Final = 1
_REFUSED: Final = 2


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
        return _refuse("say whom to forget: --user ID or --device ID")
    try:
        settings = load(args.settings)
        forgotten = forget(settings, people)
    except SettingsError as problem:
        return _refuse(str(problem))
    except StateInUseError:
        return _refuse(
            "the stream, a replay or a rekeying is running; stop every slice first, for it would write it again"
        )
    except (StoreError, OSError, ValueError) as problem:
        sys.stderr.write(f"not everything is erased, do it again: {problem}\n")
        return _LEFT
    _print(settings, forgotten)
    return _LEFT if forgotten.pending else _DONE


def _print(settings: Settings, forgotten: Forgotten) -> None:
    print_line = sys.stdout.write
    print_line(f"recovery stores: {forgotten.stores} looked through, remembered in {forgotten.states}, erased\n")
    told = "not in reach; its retention ends them" if forgotten.letters is None else f"{forgotten.letters} erased"
    print_line(f"dead letters in {store_of(settings.dead_letters).title}: {told}\n")
    print_line(f"{source_of(settings.source).out_of_reach}\n")
    print_line("Amplitude and AppsFlyer: ask each for the erasure by its own request\n")
    if forgotten.pending:
        print_line(
            f"still here: {forgotten.pending} places hold something of theirs that is not delivered yet; start the "
            "stream\nso that it goes or becomes a dead letter, stop it, and do this again\n"
        )


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return _REFUSED
