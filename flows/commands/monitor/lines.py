"""Lines for people: wrapped on a terminal; left whole elsewhere, where they are searched."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text


class Lines:
    """Labels and sentences. Print it with `crop=False`."""

    def __init__(self, rows: Sequence[tuple[str, Text]]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give a table, else a line each."""
        width = max((len(label) for label, _ in self._rows), default=0)
        if options.is_terminal:
            table = Table(box=None, show_header=False, pad_edge=False)
            for label, value in self._rows:
                table.add_row(*([Text(label, "bold")] if width else []), value)
            yield table
            return
        for label, value in self._rows:
            line = Text.assemble(f"{label:<{width + 2}}" if width else "", value)
            line.no_wrap, line.overflow = True, "ignore"
            yield line
