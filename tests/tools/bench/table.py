"""Table: the figures side by side, for people."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from tests.tools.bench.contestants import COMPILED, STREAM, Contestant
from tests.tools.bench.figures import Figures, Spread, ratio
from tests.tools.bench.rounds import Results

COLUMNS = (
    "events per CPU-second",
    "with start and stop",
    "events per second",
    "peak RSS",
    "wire bytes up",
    "down",
    "nginx's core: nginx",
    "all",
    "connections",
)


def rows(field: Sequence[Contestant], figures: Mapping[str, Figures]) -> list[list[str]]:
    """Return one row a contestant: its title, then what `COLUMNS` names."""
    return [[each.title, *_cells(figures[each.name])] for each in field]


def table(field: Sequence[Contestant], figures: Mapping[str, Figures], title: str) -> Table:
    """Return the table."""
    made = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    made.add_column("")
    for name in COLUMNS:
        made.add_column(name, justify="right")
    for contestant, row in zip(field, rows(field, figures), strict=True):
        style = "bold" if contestant.is_ours else "dim" if contestant.is_limit else ""
        made.add_row(*row, style=style)
    return made


def ratios(field: Sequence[Contestant], results: Results) -> list[tuple[str, str, Spread]]:
    """Return how this stream compares with each of the others, and how it does compiled, per CPU-second.

    As (its title, the other's title, how many times as much).
    """
    return [
        (ours.title, other.title, ratio(results[ours.name], results[other.name]))
        for ours in field
        if ours.name in (STREAM, COMPILED)
        for other in field
        if other is not ours and (ours.name, other.name) != (STREAM, COMPILED)  # the other way round says it
    ]


def headroom(field: Sequence[Contestant], figures: Mapping[str, Figures]) -> str:
    """Return, in words, what the endpoint could take and how much of it the fastest forwarder needs."""
    measured = [figures[each.name] for each in field]
    capacity = min(each.per_second.median / each.endpoint_share.median for each in measured)
    fastest = max((figures[each.name].per_second.median for each in field if not each.is_limit), default=0.0)
    return (
        f"nginx needs a core for {capacity:,.0f} requests per second at the least; the fastest forwarder sent "
        f"{fastest:,.0f}."
    )


def _cells(figures: Figures) -> list[str]:
    return [
        _counts(figures.per_cpu_second),
        _counts(figures.per_cpu_second_whole),
        _counts(figures.per_second),
        f"{figures.peak_rss_mb.median:,.0f} MB",
        f"{figures.sent_bytes_per_event.median:,.0f}" if figures.sent_bytes_per_event else "?",
        f"{figures.received_bytes_per_event.median:,.0f}" if figures.received_bytes_per_event else "?",
        f"{figures.endpoint_share.median:.0%}",
        f"{figures.serving_share.median:.0%}",
        f"{figures.connections} {figures.protocol}",
    ]


def _counts(spread: Spread) -> str:
    text = f"{spread.median:,.0f}"
    return text if spread.least == spread.most else f"{text} ({spread.least:,.0f}-{spread.most:,.0f})"
