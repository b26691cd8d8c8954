"""Forget a person: take a user, or a device of nobody, out of what the stream has stored. The stream must be stopped.

    python -m flows forget --user u-17 --device 6C3E…

Erased are: identifiers, devices and waiting events in the recovery stores of all slices and replays, and dead letters
in files. Others are kept. Not in its reach are the Kafka topics (let the retention pass, or erase at the source),
Amplitude and AppsFlyer, which have requests of their own for this. Exit code 0 when nothing is left here, 1 when
something of theirs still waits to be delivered (start the stream, stop it, and do this again), 2 when nothing was done.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from connectors.kinds import source_of, store_of
from connectors.state.engine_store import StoreError
from connectors.state.layout import locked_below, stores_below
from connectors.state.lock import StateInUseError, lock_directory
from connectors.state.private import keep_private
from flows.operations.forget import Person, count_pending, erase_delivered, erase_states, is_about
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
        locks = _lock(settings.state.directory)
    except SettingsError as problem:
        return _refuse(str(problem))
    except StateInUseError:
        return _refuse(
            "the stream, a replay or a rekeying is running; stop every slice first, for it would write it again"
        )
    try:
        return _forget(settings, people)
    except (StoreError, OSError) as problem:
        sys.stderr.write(f"not everything is erased, do it again: {problem}\n")
        return _LEFT
    finally:
        for lock in locks:
            os.close(lock)


def _lock(directory: Path) -> list[int]:
    """Lock the directory of every slice and replay. Raises StateInUseError."""
    locks: list[int] = []
    try:
        for place in locked_below(directory):
            locks.append(lock_directory(place))  # noqa: PERF401 - those that were got must be let go of
    except StateInUseError:
        for lock in locks:
            os.close(lock)
        raise
    return locks


def _forget(settings: Settings, people: list[Person]) -> int:
    directory = settings.state.directory
    stores = stores_below(directory)
    for store in stores:
        erase_delivered(store, people)
    states = erase_states(directory, people)
    pending = count_pending(directory, people)
    print_line = sys.stdout.write
    print_line(f"recovery stores: {len(stores)} looked through, remembered in {states}, erased\n")
    letters = store_of(settings.dead_letters)
    erased = letters.erase(is_about(people))
    told = "not in reach; its retention ends them" if erased is None else f"{erased} erased"
    print_line(f"dead letters in {letters.title}: {told}\n")
    print_line(f"{source_of(settings.source).out_of_reach}\n")
    print_line("Amplitude and AppsFlyer: ask each for the erasure by its own request\n")
    if pending:
        print_line(
            f"still here: {pending} places hold something of theirs that is not delivered yet; start the stream\n"
        )
        print_line("so that it goes or becomes a dead letter, stop it, and do this again\n")
    return _LEFT if pending else _DONE


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return _REFUSED
