"""One slice's status, for people."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connectors.kinds import SOURCES
from flows.commands.monitor.apps import Apps
from flows.commands.monitor.file_words import about_file
from flows.commands.monitor.lines import Lines
from flows.commands.monitor.words import oldest, reasons, state
from flows.domain.duration import duration
from flows.operations.latency import p95_seconds
from flows.operations.monitor import printable
from flows.settings.problems import Problem


def page(url: str, status: dict[str, Any], wrong: Sequence[Problem] = ()) -> RenderableType:
    """Return what `python -m flows status` prints; `wrong` is what is wrong with the settings file here."""
    return Group(
        Lines(_head(url, status, wrong)), Text(), Apps(status["syncs"], p95_seconds([status])), Text(), fates(status)
    )


def _head(url: str, status: dict[str, Any], wrong: Sequence[Problem]) -> list[tuple[str, Text]]:
    place, versions, lag = status["slice"], status["versions"], status["source"]["lag"]
    rows = [
        ("slice", f"{place['index']}/{place['count']} at {url}, up {duration(status['uptime_seconds'])}"),
        ("versions", f"stream {versions['package']}, Bytewax {versions['bytewax']}, Python {versions['python']}"),
    ]
    if lag is not None:
        then = "" if status["source"].get("connected", True) else ", when Kafka last answered"
        rows.append(("lag", f"{lag['events']:,} records, {lag['seconds']:,.1f} s{then}"))
    places = {"held": "held", "in windows": "in_windows", "with the sink": "unfinished", "set aside": "set_aside"}
    waiting = ", ".join(f"{label} {status[name]:,}" for label, name in places.items())
    age = oldest(status)
    rows.append(("waiting", f"{waiting}; the oldest for {duration(age)}" if age else waiting))
    if (cost := _cost_of_loss(status["source"])) is not None:
        rows.append(("state disk", cost))
    rows.append(("remembered", f"{status['users']:,} users and devices"))
    reload = status["settings"]["reload"]
    if reload is not None and reload.get("ok", True):
        rows.append(("settings", f"{reload['result']} ({reload['at']})"))
    of_file = [*map(str, wrong), *about_file(status)]
    rows[:0] = [*(("why", text) for text in reasons(status)), *(("settings", text) for text in of_file)]
    return [("state", state(status)), *((label, Text(printable(text))) for label, text in rows)]


def _cost_of_loss(source: dict[str, Any]) -> str | None:
    """Say what would go out twice if the state directory were lost now; None where it is not known."""
    form = SOURCES.get(source.get("kind", ""))  # None: the slice is of another version
    if form is not None and form.read_anew is not None:
        return f"if it were lost, {form.read_anew} would be read and sent again"
    records = source.get("sent_again_if_state_lost")
    if records is None:
        return None
    if not records:
        return "if it were lost, nothing would be sent again"
    return f"if it were lost, at most {records:,} {'record' if records == 1 else 'records'} would be sent again"


def fates(status: dict[str, Any]) -> Table:
    """Return where the events went, one column for each enabled sync."""
    syncs = [sync for sync in status["syncs"] if sync["enabled"]]
    table = Table("where they went", box=None, pad_edge=False, header_style="bold")
    for sync in syncs:
        table.add_column(Text(printable(sync["name"])), justify="right")

    def row(label: str, counts: list[int]) -> None:
        table.add_row(Text(printable(label)), *(Text(f"{count:,}") for count in counts))

    row("read", [status["read"]] * len(syncs))
    for reason, count in status["refused"].items():
        row(f"- refused: {reason}", [count] * len(syncs))
    for name in ("delivered", "duplicate"):
        row(name, [sync[name] for sync in syncs])
    for group in ("filtered", "dead_lettered"):
        for reason in dict.fromkeys(reason for sync in syncs for reason in sync[group]):
            row(f"{group}: {reason}", [sync[group].get(reason, 0) for sync in syncs])
    row("pending", [sync["pending"] for sync in syncs])
    ages = [sync.get("oldest_waiting_seconds", 0.0) for sync in syncs]
    if any(ages):
        table.add_row("oldest waiting", *(Text(duration(age) if age else "-") for age in ages))
    return table
