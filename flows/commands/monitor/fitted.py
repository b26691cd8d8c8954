"""A table that leaves out its least important columns where the terminal is too narrow for all, and says which."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_UNBOUNDED: Final = 10_000


class Column(NamedTuple):
    """One column."""

    name: str
    is_number: bool = True
    rank: int = 0
    """The highest goes first; 0 stays."""


class FittedTable:
    """Shows as many columns as there is room for."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[tuple[Sequence[Text], str]]) -> None:
        """Take the rows as (a cell for each column, style)."""
        self._columns = columns
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the table, and below it the names of the columns that it is without."""
        unbounded = options.update(max_width=_UNBOUNDED)
        left_out: list[str] = []
        for places in self._choices():
            table = self._table(places)
            left_out = [each.name for place, each in enumerate(self._columns) if place not in places]
            if Measurement.get(console, unbounded, table).maximum <= options.max_width:
                break
        yield table
        if left_out:
            yield Text(f"too narrow for: {', '.join(left_out)}", "dim", overflow="fold")

    def _choices(self) -> Iterator[Sequence[int]]:
        """Yield the places of the columns that are shown: all, then fewer and fewer."""
        places = list(range(len(self._columns)))
        yield tuple(places)
        for place in sorted(places, key=lambda each: -self._columns[each].rank):
            if self._columns[place].rank:
                places.remove(place)
                yield tuple(places)

    def _table(self, places: Sequence[int]) -> Table:
        table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
        for place in places:
            table.add_column(self._columns[place].name, justify="right" if self._columns[place].is_number else "left")
        for cells, style in self._rows:
            table.add_row(*(cells[place] for place in places), style=style)
        return table
