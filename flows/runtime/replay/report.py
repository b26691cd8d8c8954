"""The summary of a replay: what became of the letters, for people and, with STREAM_SUMMARY=FILE, as JSON."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from flows.domain.ledger import Ledger
from flows.domain.printable import printable
from flows.operators.replay_choice import LeftOut, LetterChoice
from flows.runtime import summary, summary_file


class Ending(StrEnum):
    """How a replay has ended."""

    DONE = "Done"
    STOPPED = "Stopped"
    """By a signal."""
    PAUSED = "Paused"
    """What an earlier run of it had taken waits for a sync that is paused."""


_GOES_ON: Final = {
    Ending.STOPPED: "The same command goes on with the rest.",
    Ending.PAUSED: "What is pending waits for a paused sync: take paused = true out of it, and give the same command.",
}

WORDS: Final = {
    LeftOut.UNREADABLE: "are no dead letters",
    LeftOut.NOT_ASKED_FOR: "not asked for",
    LeftOut.CUT: "hold only a part of their event, for it was too large for their place",
    LeftOut.SYNC_NOT_ENABLED: "of syncs that are not enabled",
    LeftOut.SYNC_PAUSED: "of syncs that are paused: replay them when they are not",
    LeftOut.ALREADY_REPLAYED: "replayed before (--again replays them again)",
    LeftOut.SAME_EVENT: "of an event that another letter of this replay stands for",
}


def as_json(ledger: Ledger, choice: LetterChoice) -> dict[str, Any]:
    """Return the stream's summary, with `letters` beside it. An entry that a letter opens is counted as a copy."""
    letters = {
        "seen": choice.seen,
        "taken": choice.taken,
        "left_out": {why_not.value: count for why_not, count in choice.left_out.items()},
    }
    return {"letters": letters, **summary.as_json(ledger)}


def print_summary(ledger: Ledger, choice: LetterChoice, damages: Sequence[str], ending: Ending) -> None:
    """Print the summary, and write it where STREAM_SUMMARY says."""
    content = as_json(ledger, choice)
    summary_file.write(content)
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(f"\n{ending}: {choice.seen:,} letters looked at, {choice.taken:,} replayed.")
    for why_not, count in choice.left_out.most_common():
        console.print(f"  {count:>7,}  {WORDS[why_not]}")
    for reason, count in content["refused"].items():
        console.print(f"  {count:>7,}  dead letters again: {reason}")
    for name, sync in content["syncs"].items():
        if sync["copies"]:
            console.print(Text(f"\n{printable(name)}", "bold"))
            console.print(f"  {sync['delivered']:>7,}  delivered", style="bold green")
        for reason, count in sync["filtered"].items():
            console.print(f"  {count:>7,}  filtered: {reason}")
        for reason, count in sync["dead_lettered"].items():
            console.print(f"  {count:>7,}  dead letters again: {reason}")
        if sync["pending"]:
            console.print(f"  {sync['pending']:>7,}  pending", style="yellow")
    if ending in _GOES_ON:
        console.print(f"\n{_GOES_ON[ending]}")
    for damage in damages:
        console.print(f"Damaged: {printable(damage)}", markup=False)
