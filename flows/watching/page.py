"""One slice's status, for people."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.watching.fetch import printable

_CIRCUIT_STYLES = {"closed": "green", "open": "yellow", "paused": "bold red"}


def page(url: str, status: dict[str, Any]) -> RenderableType:
    """Return what `python -m flows status` prints."""
    head = Table(box=None, show_header=False, pad_edge=False)
    for label, value in _head(url, status):
        head.add_row(Text(label, "bold"), value)
    return Group(head, Text(), apps(status["syncs"]), Text(), fates(status))


def _head(url: str, status: dict[str, Any]) -> list[tuple[str, Text]]:
    place, versions, lag = status["slice"], status["versions"], status["source"]["lag"]
    rows = [
        ("slice", f"{place['index']}/{place['count']} at {url}, up {duration(status['uptime_seconds'])}"),
        ("versions", f"stream {versions['package']}, Bytewax {versions['bytewax']}, Python {versions['python']}"),
    ]
    if lag is not None:
        rows.append(("lag", f"{lag['events']:,} records, {lag['seconds']:,.1f} s"))
    places = {"held": "held", "in windows": "in_windows", "with the sink": "unfinished", "set aside": "set_aside"}
    rows.append(("waiting", ", ".join(f"{label} {status[name]:,}" for label, name in places.items())))
    rows.append(("remembered", f"{status['users']:,} users and devices"))
    reload = status["settings"]["reload"]
    if reload is not None:
        rows.append(("settings", f"{reload['result']} ({reload['at']})"))
    return [("state", state(status)), *((label, Text(printable(text))) for label, text in rows)]


def state(status: dict[str, Any]) -> Text:
    """Return in a few words how a slice fares."""
    if not status["alive"]:
        return Text("stuck: /livez says where", "bold red")
    if status["stopping"]:
        return Text("stopping", "yellow")
    reasons = [*status["why"], *(f"{name}: {why}" for name, why in status["not_ready"].items())]
    if reasons:
        return Text(printable("; ".join(dict.fromkeys(reasons))), "yellow")
    return Text("delivering", "green")


def apps(syncs: list[dict[str, Any]]) -> Table:
    """Return the apps with their circuits."""
    table = Table("sync", "app", "circuit", box=None, pad_edge=False, header_style="bold")
    for name in ("delivered", "after retry", "in flight", "waiting", "set aside"):
        table.add_column(name, justify="right")
    table.add_column("last answer")
    for sync in syncs:
        if not sync["enabled"]:
            table.add_row(Text(printable(sync["name"])), "off")
        for app in sync.get("apps", ()):
            table.add_row(*_app(sync["name"], app))
    return table


def _app(sync: str, app: dict[str, Any]) -> list[Text]:
    delivered, last = app["delivered"], app["last_answer"]
    numbers = [delivered["first"] + delivered["retry"], delivered["retry"], app["in_flight"], app["waiting"]]
    return [
        Text(printable(sync)),
        Text(printable(f"{app['platform']} {app['app_id']}")),
        Text(printable(app["circuit"]), _CIRCUIT_STYLES.get(app["circuit"], "")),
        *(Text(f"{number:,}") for number in (*numbers, app["set_aside"])),
        Text(printable("none yet" if last is None else f"{last['status']} {last['class']} at {last['at']}")),
    ]


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
    return table


def duration(seconds: float) -> str:
    """Return a duration as people say it: 3 s, 12 min, 5 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
