"""The screen of `top`: a title with the clock, what is shown, and a legend; what does not fit is said."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from connectors.finding import count
from flows.program import MODULE, as_called

LEGEND: Final = (
    "q quits",
    "oldest: waits longest",
    "p95: arrival to delivery, 10 min",
    "held: no AppsFlyer id yet",
    "lag: not read yet",
    "set aside: on the disk",
)
"""The most useful first: as many are shown as one line has room for."""
_BETWEEN: Final = " · "


def title_of(slices: int, interval_seconds: float) -> str:
    """Return the title of `top`."""
    return as_called(f"{MODULE} top  {count(slices, 'slice')}, every {interval_seconds:g} s")


class Screen:
    """Fills the height of the terminal, and no more."""

    def __init__(self, title: str, at: datetime, body: RenderableType) -> None:
        self._title = title
        self._at = at
        self._body = body

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the title, the body as far as it fits, and the legend at the bottom."""
        width, height = options.max_width, options.height or console.height
        yield _title(self._title, f"{self._at:%H:%M:%S %Z}", width)
        room = max(height - 2, 1)
        lines = console.render_lines(self._body, options.update(height=None), pad=False)
        shown = lines if len(lines) <= room else lines[: room - 1]
        for line in shown:
            yield from line
            yield Segment.line()
        if len(shown) < len(lines):
            yield _cut(f"… {len(lines) - len(shown)} more lines: make the window higher", width)
        else:
            for _ in range(room - len(lines)):
                yield Segment.line()
        yield _cut(_fitting(LEGEND, width), width, end="")


def _title(title: str, clock: str, width: int) -> Text:
    space = width - len(title) - len(clock)
    return _cut(f"{title}{' ' * space}{clock}" if space > 0 else title, width, "bold reverse")


def _fitting(pieces: Iterable[str], width: int) -> str:
    line = ""
    for piece in pieces:
        longer = f"{line}{_BETWEEN}{piece}" if line else piece
        if len(longer) > width:
            break
        line = longer
    return line


def _cut(text: str, width: int, style: str = "dim", end: str = "\n") -> Text:
    line = Text(text, style, no_wrap=True, overflow="ellipsis", end=end)
    line.truncate(width, overflow="ellipsis")
    return line
