"""The summary of a rekeying: what was read and what was written, for people and, with STREAM_SUMMARY=FILE, as JSON."""

import sys
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from flows.domain.repartition import KeyedBy
from flows.runtime import summary_file
from flows.runtime.rekey.counts import RekeyCounts

_WORDS: Final = {
    KeyedBy.USER: "keyed by user",
    KeyedBy.DEVICE: "keyed by device, without a user",
    KeyedBy.OWN_KEY: "as they were, for no event can be read",
}


def as_json(counts: RekeyCounts, written: int, pending: int) -> dict[str, Any]:
    """Return the summary: the sum of `keyed_by` is `written` + `pending`."""
    return {
        "read": counts.records,
        "split": counts.split,
        "empty": counts.empty,
        "keyed_by": {each.value: counts.by[each] for each in KeyedBy},
        "written": written,
        "pending": pending,
    }


def print_summary(counts: RekeyCounts, written: int, pending: int) -> None:
    """Print it, and write it as JSON where STREAM_SUMMARY says."""
    summary_file.write(as_json(counts, written, pending))
    table = Table("rekeyed", "records", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = "right"
    table.add_row("read", f"{counts.records:,}")
    if counts.split:
        table.add_row("- upload bodies that were split", f"{counts.split:,}")
        whole = counts.records - counts.split - counts.empty
        table.add_row("+ events in them", f"{counts.by.total() - whole:,}")
    if counts.empty:
        table.add_row("- upload bodies without events", f"{counts.empty:,}")
    for each in KeyedBy:
        if counts.by[each]:
            table.add_row(f"= {_WORDS[each]}", f"{counts.by[each]:,}")
    table.add_row("written", f"{written:,}", style="bold green")
    if pending:
        table.add_row("not acknowledged; read again at the next start", f"{pending:,}", style="yellow")
    Console(file=sys.stdout, highlight=False).print(table)
