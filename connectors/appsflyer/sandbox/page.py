"""The page that lists what arrived: plain HTML, nothing from elsewhere, every value escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from connectors.appsflyer.sandbox.checks import EVENTS_PATH
from connectors.appsflyer.sandbox.notes import Note

ROWS: Final = 100
"""How many requests the page shows."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}

_PAGE: Final = Template(files("connectors.appsflyer.sandbox").joinpath("page.html").read_text(encoding="utf-8"))
_IDENTIFIERS: Final = (
    ("appsflyer_id", "AppsFlyer ID"),
    ("customer_user_id", "user id"),
    ("idfa", "IDFA"),
    ("idfv", "IDFV"),
    ("advertising_id", "GAID"),
    ("oaid", "OAID"),
    ("amazon_aid", "Amazon AID"),
    ("imei", "IMEI"),
    ("app_set_id", "app set id"),
)
_COUNTERS: Final = (
    ("requests", "requests", ""),
    ("recorded", "recorded", ""),
    ("not_recorded", "answered 200, not recorded", "warn"),
    ("refused", "answered with an error", "bad"),
    ("unanswered", "left without an answer", "bad"),
    ("duplicate_bodies", "bodies accepted twice or more", "warn"),
)
_COLUMNS: Final = ("Time (UTC)", "App", "Event", "Revenue", "Identifiers", "Answer", "Notes")


def page(summary: Mapping[str, Any], newest: Sequence[Mapping[str, Any]], *, keeps_requests: bool) -> str:
    """Return the page. `summary` and `newest` are what the recorder gives; `newest` is newest first."""
    unanswered = summary["by_status"].get("none", 0)
    counts = {**summary, "unanswered": unanswered, "refused": summary["requests"] - summary["accepted"] - unanswered}
    counters = "".join(
        f'<li class="{tone if counts[key] else ""}"><b>{counts[key]:,}</b><span>{label}</span></li>'
        for key, label, tone in _COUNTERS
    )
    shown = f" The newest {ROWS} are shown." if summary["requests"] > len(newest) > 0 else ""
    state = f"Events are taken at POST {EVENTS_PATH}APP_ID. This page renews itself every two seconds.{shown}"
    return _PAGE.substitute(state=state, counters=counters, table=_table(newest, keeps_requests=keeps_requests))


def _table(newest: Sequence[Mapping[str, Any]], *, keeps_requests: bool) -> str:
    if not newest:
        text = "Nothing has arrived yet." if keeps_requests else "Requests are counted, not kept."
        return f'<div class="empty">{text}</div>'
    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, newest))}</tbody></table>"


def _row(request: Mapping[str, Any]) -> str:
    body = request["body"] if isinstance(request["body"], dict) else {}
    event_value = request["event_value"] or {}
    cells = (
        ("time", escape(str(request["received_at"])[11:23])),
        ("app", escape(_short(request["app_id"])).replace(".", ".<wbr>")),  # long package names break at their dots
        ("event", escape(_short(body.get("eventName")))),
        ("revenue", escape(_revenue(event_value.get("af_revenue"), body.get("eventCurrency")))),
        ("ids", _chips(body)),
        ("status", _badge(request)),
        ("notes", _notes(request["notes"])),
    )
    return "<tr>" + "".join(f'<td class="{name}">{html}</td>' for name, html in cells) + "</tr>"


def _short(value: Any, characters: int = 120) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _revenue(amount: Any, currency: Any) -> str:
    return "" if amount is None else f"{_short(amount, 30)} {_short(currency, 10)}".strip()


def _chips(body: Mapping[str, Any]) -> str:
    return " ".join(
        f'<span class="chip" title="{escape(_short(body[field]))}">{label}</span>'
        for field, label in _IDENTIFIERS
        if body.get(field)
    )


def _badge(request: Mapping[str, Any]) -> str:
    status, fault = request["status"], request["fault"]
    if status is None:
        return f'<span class="badge bad">none: {escape(str(fault).replace("_", " "))}</span>'
    if status >= 400:  # noqa: PLR2004  # where HTTP's errors begin
        tone, text = "bad", str(status)
    else:
        tone, text = ("good", str(status)) if request["recorded"] else ("warn", f"{status}, not recorded")
    return f'<span class="badge {tone}">{text}</span>' + (' <span class="badge warn">fault</span>' if fault else "")


def _notes(notes: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(Note(each).words)}</li>' for each in notes)}</ul>" if notes else ""
