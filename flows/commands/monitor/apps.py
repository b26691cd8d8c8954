"""The apps with their circuits: a row each, or a column each where the terminal is too narrow for rows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from flows.domain.duration import duration
from flows.operations.monitor import printable

_CIRCUIT_STYLES: Final = {"closed": "green", "open": "yellow", "paused": "bold red", "paused_by_settings": "yellow"}
_TENTHS_BELOW: Final = 60.0
_UNBOUNDED: Final = 10_000
_NUMBERS: Final = ("delivered", "after retry", "in flight", "waiting", "set aside")


class _App(NamedTuple):
    sync: str
    name: str
    circuit: Text
    numbers: tuple[int, ...]
    p95: Text
    last_answer: Text


class Apps:
    """Every app of the syncs, as their status says them."""

    def __init__(
        self, syncs: Sequence[dict[str, Any]], p95: Mapping[tuple[str, str], float], now: datetime | None = None
    ) -> None:
        """`p95`: (sync, app id) → the seconds from arrival to delivery that few deliveries took longer than."""
        now = now or datetime.now(UTC)
        self._apps = [
            _read(sync["name"], app, p95.get((sync["name"], app["app_id"])), now)
            for sync in syncs
            if sync["enabled"]
            for app in sync["apps"]
        ]
        self._off = [printable(sync["name"]) for sync in syncs if not sync["enabled"]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give rows if they fit, else columns."""
        rows = self._rows()
        width = Measurement.get(console, options.update(max_width=_UNBOUNDED), rows).maximum
        yield rows if width <= options.max_width else self._columns()
        if self._off:
            yield Text(f"not enabled: {', '.join(self._off)}", "dim")

    def _rows(self) -> Table:
        table = Table("sync", "app", "circuit", box=None, pad_edge=False, header_style="bold")
        table.add_column("p95", justify="right")
        for name in _NUMBERS:
            table.add_column(name.replace(" ", "\n"), justify="right")
        table.add_column("last answer")
        for app in self._apps:
            table.add_row(app.sync, app.name, app.circuit, app.p95, *_texts(app), app.last_answer)
        return table

    def _columns(self) -> Table:
        table = Table("app", box=None, pad_edge=False, header_style="bold")
        for app in self._apps:
            table.add_column(Text(f"{app.sync}\n{app.name}"), justify="right", overflow="fold")
        table.add_row("circuit", *(app.circuit for app in self._apps))
        table.add_row("p95", *(app.p95 for app in self._apps))
        texts = [_texts(app) for app in self._apps]
        for place, name in enumerate(_NUMBERS):
            table.add_row(name, *(each[place] for each in texts))
        table.add_row("last answer", *(app.last_answer for app in self._apps))
        return table


def _texts(app: _App) -> list[str]:
    return [f"{number:,}" for number in app.numbers]


def _read(sync: str, app: dict[str, Any], p95: float | None, now: datetime) -> _App:
    delivered = app["delivered"]
    counts = (delivered["first"] + delivered["retry"], delivered["retry"])
    numbers = (*counts, app["in_flight"], app["waiting"], app["set_aside"])
    circuit = Text(printable(app["circuit"]), _CIRCUIT_STYLES.get(app["circuit"], ""))
    name = printable(f"{app['platform']} {app['app_id']}")
    return _App(printable(sync), name, circuit, numbers, _seconds(p95), Text(printable(_last(app["last_answer"], now))))


def _seconds(p95: float | None) -> Text:
    if p95 is None:
        return Text("-")
    return Text(f"{p95:.1f} s" if p95 < _TENTHS_BELOW else duration(p95))


def _last(answer: dict[str, Any] | None, now: datetime) -> str:
    if answer is None:
        return "none yet"
    seconds = max((now - datetime.fromisoformat(answer["at"])).total_seconds(), 0.0)
    return f"{answer['status']} {answer['class']}, {duration(seconds)} ago"
