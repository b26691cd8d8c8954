"""The live view: what happens while it happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tests.tools.load.meter import Use
from tests.tools.load.result import Result
from tests.tools.load.sample import Sample

_RATE_OVER: Final = 5
"""Rates are those of the last so many samples."""
_SAY_EVERY: Final = 10
"""Where the output is no terminal, every so many samples are a line."""


@contextmanager
def live(console: Console, result: Result) -> Iterator[Callable[[Sample], None]]:
    """Return what is called with each sample to show it."""
    if not console.is_terminal:
        yield lambda _: _say(console, result)
        return
    progress = Progress(
        TextColumn("produced"), BarColumn(None), TaskProgressColumn(), TimeRemainingColumn(), console=console
    )
    task = progress.add_task("produced", total=result.plan.events)
    with Live(console=console, auto_refresh=False, transient=True) as shown:

        def show(sample: Sample) -> None:
            progress.update(task, completed=sample.taken)
            shown.update(Group(progress, view(result)), refresh=True)

        yield show


def _say(console: Console, result: Result) -> None:
    last = result.samples[-1]
    if len(result.samples) % _SAY_EVERY:
        return
    console.print(
        f"{last.at_s:6.0f} s  produced {last.taken:,}  answered {last.answered:,}  backlog {last.backlog:,}  "
        f"p99 {_ms(last.latency_ms[1])}",
        highlight=False,
    )


def view(result: Result) -> RenderableType:
    """Return the numbers of now."""
    samples = result.samples[-_RATE_OVER - 1 :]
    first, last = samples[0], samples[-1]
    seconds = max(last.at_s - first.at_s, 1e-6)
    head = Table.grid(padding=(0, 3))
    head.add_row(
        f"[bold]{(last.taken - first.taken) / seconds:,.0f}[/] produced/s",
        f"[bold green]{(last.answered - first.answered) / seconds:,.0f}[/] answered/s",
        f"backlog [bold]{last.backlog:,}[/]",
        f"p50 {_ms(last.latency_ms[0])}   p99 {_ms(last.latency_ms[1])}",
        f"machine {last.machine.busy:.0%} busy",
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in ("read/s", "delivered/s", "to deliver", "in flight", "held", "users", "CPU", "memory", "files"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for index, now in enumerate(last.slices):
        before = first.slices[index]
        table.add_row(
            f"slice {index}",
            f"{(now.read - before.read) / seconds:,.0f}",
            f"{(now.delivered - before.delivered) / seconds:,.0f}",
            *(f"{each:,}" for each in (now.waiting_to_go, now.in_flight, now.held, now.users)),
            *_use(now.use),
            Text("; ".join(now.why) or ("delivering" if now.answers else "does not answer"), "dim"),
        )
    for name, use in (("generator", last.generator), ("endpoint", last.endpoint), ("broker", last.broker)):
        if use is not None:
            table.add_row(name, *[""] * 6, *_use(use))
    return Group(head, Text(), table)


def _use(use: Use) -> tuple[str, str, str]:
    return f"{use.cpu:.0%}", f"{use.rss_bytes / 2**20:,.0f} MB", f"{use.files:,}"


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"
