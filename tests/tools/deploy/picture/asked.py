"""What Prometheus answers to the panels' own queries."""

import json
import math
import urllib.parse
import urllib.request
from typing import Any, Final, NamedTuple

from deploy.monitoring.dashboard.panel import Panel

RATE_WINDOW: Final = "15s"
"""What Grafana would take for a rate at a scrape each second or two, and this width."""


class Span(NamedTuple):
    """The time that is shown, in seconds since the epoch."""

    begin_s: float
    end_s: float
    step_s: float = 2.0


class Series(NamedTuple):
    """One line."""

    name: str
    labels: dict[str, str]
    points: list[tuple[float, float]]
    """(seconds since the epoch, value); without those that are no number."""


def ask(prometheus: str, panel: Panel, span: Span) -> list[list[Series]]:
    """Return the answer to each query of a panel."""
    is_now = panel.kind in ("number", "table")
    return [_ask(prometheus, each.expression, each.legend, span, is_now=is_now) for each in panel.queries]


def _ask(prometheus: str, expression: str, legend: str, span: Span, *, is_now: bool) -> list[Series]:
    values = {"$__rate_interval": RATE_WINDOW, "$__range": f"{math.ceil(span.end_s - span.begin_s)}s"}
    values |= {f'"${name}"': '".*"' for name in ("namespace", "job", "sync")}
    for variable, value in values.items():
        expression = expression.replace(variable, value)
    if is_now:
        found = _get(prometheus, "query", query=expression, time=span.end_s)
    else:
        found = _get(prometheus, "query_range", query=expression, start=span.begin_s, end=span.end_s, step=span.step_s)
    return [_series(each, legend) for each in found]


def _series(found: dict[str, Any], legend: str) -> Series:
    labels: dict[str, str] = found["metric"]
    name = legend
    for label, value in labels.items():
        name = name.replace(f"{{{{{label}}}}}", value)
    samples = found["values"] if "values" in found else [found["value"]]
    points = [(float(at), float(value)) for at, value in samples]
    return Series(name, labels, [each for each in points if math.isfinite(each[1])])


def _get(prometheus: str, what: str, **parameters: object) -> list[dict[str, Any]]:
    url = f"{prometheus}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own, on this machine
        answer: dict[str, Any] = json.load(response)
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result
