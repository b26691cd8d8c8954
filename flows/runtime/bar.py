"""The progress bar: for people at a terminal, on standard error; nothing elsewhere.

While it is shown, what is logged is printed above it. Standard output stays as it is, for it may be a file.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from connectors.files.counted import Amount

_Item = TypeVar("_Item")


def bar_of_bytes(doing: str, *, is_shown: bool = True) -> Progress:
    """Return a bar over bytes, of the one task that it is given; `is_shown` is False where it would be in the way."""
    return _bar(TextColumn(doing), BarColumn(), DownloadColumn(), TimeRemainingColumn(), is_shown=is_shown)


def shown(bar: Progress, items: Iterable[_Item], amount: Amount) -> Iterator[_Item]:
    """Yield the items while the bar shows how much of the files they have taken."""
    task = bar.add_task("", total=None)
    with bar:
        for item in items:
            if not bar.disable:
                bar.update(task, completed=amount.read_bytes, total=amount.total_bytes)
            yield item


def bar_of_counts(doing: str, beside: str) -> Progress:
    """Return a bar over a count, with a text beside it."""
    return _bar(TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(beside), TimeRemainingColumn())


def _bar(*columns: ProgressColumn, is_shown: bool = True) -> Progress:
    console = Console(stderr=True)
    return Progress(
        *columns,
        console=console,
        disable=not (is_shown and console.is_terminal),
        transient=True,
        redirect_stdout=False,
    )
