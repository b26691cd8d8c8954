"""Forget a person: take a user, or a device of nobody, out of what the stream has stored. The stream must be stopped.

    python -m flows forget --user u-17 --device 6C3E…
    python -m flows forget --user u-17 --appsflyer      and let AppsFlyer erase the person as well
    python -m flows forget --appsflyer                  how far AppsFlyer is; also while the stream runs

Erased are: identifiers, devices and waiting events in the recovery stores of all slices and replays, dead letters in
files, and events in the inbox. Others are kept. Not in its reach are the Kafka topics (let the retention pass, or erase
at the source), and Amplitude, which has a request of its own for this.

With --appsflyer, AppsFlyer is asked for the erasure of everything that the state knows the person by (OpenDSR API, with
the token of [erasure]). Each request is noted before it is sent, and the same one is sent again until AppsFlyer has
taken it. AppsFlyer takes days; without --user and --device the command sends what is left, and asks for the status.

Exit code 0 when nothing is left here and AppsFlyer has taken every request, 1 when something of theirs still waits to
be delivered (start the stream, stop it, and do this again) or AppsFlyer has not taken a request, 2 when nothing was
done.
"""

import argparse
import sys
from typing import Final

from connectors.finding import count
from connectors.kinds import source_of, store_of
from connectors.state.engine_store import StoreError
from connectors.state.lock import StateInUseError
from connectors.state.private import keep_private
from flows.operations.erasure import AskedAppsFlyer, AskedRequest, api_token, ask_appsflyer, reads_own_user_ids
from flows.operations.forget import Forgotten, Person, forget
from flows.refusal import ExitCode, Refusal
from flows.settings import load
from flows.settings.model import Settings

SUMMARY: Final = "take a person out of what the stopped stream has stored, and ask AppsFlyer to"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--user", action="append", default=[], metavar="ID", help="Amplitude's user_id; again for more")
    parser.add_argument(
        "--device", action="append", default=[], metavar="ID", help="Amplitude's device_id; again for more"
    )
    parser.add_argument(
        "--appsflyer",
        action="store_true",
        help="let AppsFlyer erase the person as well, and say how far it is",
    )


def run(args: argparse.Namespace) -> int:
    """Erase, and say what was found and what is out of reach."""
    keep_private()
    people = [Person(user_id=each) for each in args.user] + [Person(device_id=each) for each in args.device]
    if not people and not args.appsflyer:
        raise Refusal("say whom to forget: --user ID or --device ID")
    settings = load(args.settings)
    token = api_token(settings) if args.appsflyer else None
    is_done = True
    if people:
        found = _forget(settings, people, at_appsflyer=token is not None)
        _say(_said(settings, found, at_appsflyer=token is not None))
        is_done = not found.pending
    if token is not None and is_done:
        asked = _ask(settings, token)
        _say(_said_of_appsflyer(settings, people, asked))
        is_done = asked.is_done
    return ExitCode.DONE if is_done else ExitCode.FAILED


def _forget(settings: Settings, people: list[Person], *, at_appsflyer: bool) -> Forgotten:
    try:
        return forget(settings, people, note_erasures=at_appsflyer)
    except StateInUseError as problem:
        raise Refusal(
            "the stream, a replay, a rekeying or another forget is running; stop every slice first, for it would write "
            "it again"
        ) from problem
    except (StoreError, OSError, ValueError) as problem:
        raise Refusal(f"not everything is erased, do it again: {problem}", ExitCode.FAILED) from problem


def _ask(settings: Settings, token: str) -> AskedAppsFlyer:
    try:
        return ask_appsflyer(settings, token)
    except StateInUseError as problem:
        raise Refusal("another forget asks AppsFlyer at the moment; do it again", ExitCode.FAILED) from problem
    except (OSError, ValueError) as problem:
        raise Refusal(f"AppsFlyer was not asked for everything, do it again: {problem}", ExitCode.FAILED) from problem


def _say(lines: list[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _said(settings: Settings, found: Forgotten, *, at_appsflyer: bool) -> list[str]:
    erased = "not in reach; its retention ends them" if found.letters is None else f"{found.letters} erased"
    others = "Amplitude: ask it" if at_appsflyer else "Amplitude and AppsFlyer: ask each"
    source = source_of(settings.source)
    in_source = [] if found.events is None else [f"{source.title}: {count(found.events, 'event')} erased"]
    lines = [
        f"recovery stores: {found.stores} looked through, remembered in {found.states}, erased",
        f"dead letters in {store_of(settings.dead_letters).title}: {erased}",
        *in_source,
        *([] if source.out_of_reach is None else [source.out_of_reach]),
        f"{others} for the erasure by its own request",
    ]
    if not at_appsflyer:
        lines[-1] += "; --appsflyer asks AppsFlyer"
    if found.pending:
        lines += [
            f"still here: {found.pending} places hold something of theirs that is not delivered yet; start the stream",
            "so that it goes or becomes a dead letter, stop it, and do this again",
        ]
        if at_appsflyer:
            lines.append(
                "AppsFlyer was not asked yet, because that would reach it after the erasure; its requests are noted"
            )
    return lines


def _said_of_appsflyer(settings: Settings, people: list[Person], asked: AskedAppsFlyer) -> list[str]:
    has_taken = sum(not each.note.is_waiting for each in asked.outcomes)
    said = (
        f"{count(len(asked.outcomes), 'request')}, {has_taken} of them taken" if asked.outcomes else "no open request"
    )
    lines = [f"AppsFlyer: {said}; {asked.ended_before} ended before"]
    lines += sorted(f"  {_line(each)}" for each in asked.outcomes)
    advice = dict.fromkeys(each.answer.advice for each in asked.outcomes if each.answer is not None)
    lines += [each for each in advice if each]
    if any(person.user_id is not None for person in people):
        lines += [
            f"sync[{each.name}] sends another customer_user_id, which is not remembered: ask AppsFlyer for it yourself"
            for each in settings.syncs
            if reads_own_user_ids(each.sync)
        ]
    return lines


def _line(outcome: AskedRequest) -> str:
    note, answer = outcome.note, outcome.answer
    expected = f", expected by {note.expected_time}" if note.is_open and note.expected_time else ""
    if answer is not None:
        said = answer.meaning
    else:
        said = "not sent yet" if note.is_waiting else f"{note.progress} when last asked"
    return f"{note.app_id} {note.identity_type}: {said}{expected} (request {note.id})"
