"""The summary: where every event went, for people and, with STREAM_SUMMARY=FILE, as JSON."""

import sys
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.ledger import Ledger
from flows.domain.printable import printable
from flows.domain.warning import PLAIN_WORDS
from flows.runtime import summary_file

_Reason = TypeVar("_Reason", bound=StrEnum)


def as_json(ledger: Ledger) -> dict[str, Any]:
    """Return the summary.

    For each sync, read - refused + copies = delivered + duplicate + filtered + dead_lettered + pending.
    """
    return {
        "read": ledger.read,
        "empty": ledger.empty,
        "refused": _in_order(DeadLetterReason, ledger.refused),
        "refused_pending": ledger.pending_refusals(),
        "syncs": {
            name: {
                "copies": counts.copies,
                "resumed": counts.resumed,
                "delivered": counts.delivered,
                "duplicate": counts.duplicate,
                "filtered": _in_order(FilterReason, counts.filtered),
                "dead_lettered": _in_order(DeadLetterReason, counts.dead_lettered),
                "pending": ledger.pending(place),
                "warnings": {warning.value: count for warning, count in counts.warnings.items()},
                "requests": counts.requests.total(),
                "absent_identifiers": dict(counts.absent),
            }
            for place, (name, counts) in enumerate(zip(ledger.sync_names, ledger.syncs, strict=False))
        },
    }


def _in_order(vocabulary: type[_Reason], counts: Counter[_Reason]) -> dict[str, int]:
    """Return what was counted, in the vocabulary's order, whichever came first."""
    return {reason.value: counts[reason] for reason in vocabulary if counts[reason]}


def report(ledger: Ledger, damages: Sequence[str], *, stopped: bool) -> None:
    """Print the summary, and write it where STREAM_SUMMARY says."""
    content = as_json(ledger)
    summary_file.write(content)
    console = Console(file=sys.stdout, highlight=False)
    console.print(f"\n{'Stopped' if stopped else 'Done'}: {content['read']:,} events read, each accounted for.\n")
    if content["empty"]:
        console.print(
            f"Beside them {content['empty']:,} records were read that hold no event: tombstones, empty bodies.\n"
        )
    console.print(_fates(content))
    for name, sync in content["syncs"].items():
        _print_costs(console, name, sync)
    for damage in damages:
        console.print(f"Damaged: {printable(damage)}", markup=False, soft_wrap=True)


def _fates(content: dict[str, Any]) -> Table:
    table = Table("where they went", box=None, pad_edge=False, header_style="bold")
    names = list(content["syncs"])
    for name in names:
        table.add_column(escape(printable(name)), justify="right")
    syncs = [content["syncs"][name] for name in names]

    def row(label: str, counts: Sequence[int], style: str = "") -> None:
        table.add_row(label, *(f"{count:,}" for count in counts), style=style)

    row("read", [content["read"]] * len(names))
    for reason, count in content["refused"].items():
        row(f"- refused: {reason}", [count] * len(names))
    if content["refused_pending"]:
        row("- refused, not stored yet", [content["refused_pending"]] * len(names))
    if any(sync["resumed"] for sync in syncs):
        row("+ left by the run before", [sync["resumed"] for sync in syncs])
    if any(sync["copies"] - sync["resumed"] for sync in syncs):
        row("+ copies", [sync["copies"] - sync["resumed"] for sync in syncs])
    row("= delivered", [sync["delivered"] for sync in syncs], "bold green")
    row("+ duplicate", [sync["duplicate"] for sync in syncs])
    for group in ("filtered", "dead_lettered"):
        for reason in dict.fromkeys(reason for sync in syncs for reason in sync[group]):
            row(f"+ {group}: {reason}", [sync[group].get(reason, 0) for sync in syncs])
    row("+ pending", [sync["pending"] for sync in syncs], "yellow" if any(sync["pending"] for sync in syncs) else "")
    return table


def _print_costs(console: Console, name: str, sync: dict[str, Any]) -> None:
    if not sync["requests"]:
        return
    console.print(
        f"\n[bold]{escape(printable(name))}[/]: {sync['requests']:,} requests were built; what they lack may cost you",
        soft_wrap=True,
    )
    if sync["absent_identifiers"]:
        absent = ", ".join(f"{each} {count:,}" for each, count in sorted(sync["absent_identifiers"].items()))
        console.print(f"{'':9}identifiers that requests for their platform lacked: {absent}", soft_wrap=True)
    words = {warning.value: text for warning, text in PLAIN_WORDS.items()}
    for warning, count in sorted(sync["warnings"].items(), key=lambda item: -item[1]):
        console.print(f"{count:>7,}  {warning}: {words[warning]}", markup=False, soft_wrap=True)
