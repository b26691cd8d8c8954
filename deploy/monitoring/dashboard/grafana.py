"""The dashboard as Grafana reads it. It is made for Grafana 10 and later."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from deploy.monitoring.dashboard.panel import Panel, Query, Row, State
from flows.observe.metrics.collector_vocabulary import BLOCKED
from flows.observe.metrics.vocabulary import BUILD_INFO, PENDING

UID: Final = "appsflyer-stream"
TITLE: Final = "Amplitude → AppsFlyer event stream"
_SCHEMA: Final = 39
_COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_TYPES: Final = {
    "lines": "timeseries",
    "areas": "timeseries",
    "number": "stat",
    "states": "state-timeline",
    "table": "table",
}

Json = dict[str, Any]


def dashboard(rows: Iterable[Row]) -> Json:
    """Return the dashboard."""
    return {
        "uid": UID,
        "title": TITLE,
        "description": "Made by `python -m deploy.monitoring.dashboard` out of the metrics' vocabulary.",
        "tags": ["amplitude", "appsflyer"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables())},
        "annotations": {"list": []},
        "panels": list(_laid_out(rows)),
    }


def _variables() -> Iterator[Json]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    ours = f'{{__name__=~"{BUILD_INFO.name}|{BLOCKED.name}"}}'
    for label, metric in (("namespace", ours), ("job", ours), ("sync", PENDING.name)):
        query = f"label_values({metric}, {label})"
        yield {
            "name": label,
            "label": label,
            "type": "query",
            "datasource": _SOURCE,
            "definition": query,
            "query": {"query": query, "refId": label},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        }


def _laid_out(rows: Iterable[Row]) -> Iterator[Json]:
    """Yield rows and panels, each with its place: from left to right, as many as fit."""
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.question, "collapsed": False, "gridPos": place, "panels": []}
        top += 1
        left, height = 0, 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                left, top, height = 0, top + height, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _panel(panel: Panel) -> Json:
    made: Json = {
        "type": _TYPES[panel.kind],
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "targets": [_target(panel, place, query) for place, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }
    if panel.kind == "table":
        made["transformations"] = _columns(panel)
    return made


def _target(panel: Panel, place: int, query: Query) -> Json:
    ref = chr(ord("A") + place)
    target: Json = {"refId": ref, "datasource": _SOURCE, "expr": query.expression, "legendFormat": query.legend}
    if panel.kind in ("table", "number"):
        return {
            **target,
            "instant": True,
            "range": False,
            "format": "table" if panel.kind == "table" else "time_series",
        }
    return {**target, "range": True, "instant": False}


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green" if panel.kind == "number" else "text", "value": None}]
    if panel.warn_above is not None:
        steps.append({"color": "red", "value": panel.warn_above})
    defaults: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.states:
        defaults["mappings"] = [{"type": "value", "options": _mapping(panel.states)}]
        defaults["color"] = {"mode": "thresholds"}
    if panel.kind in ("lines", "areas"):
        is_stacked = panel.kind == "areas"
        defaults["min"] = 0
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "fillOpacity": 30 if is_stacked else 5,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if is_stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.warn_above is not None else "off"},
        }
    return defaults


def _mapping(states: Iterable[State]) -> Json:
    return {
        str(each.value): {"text": each.text, "color": each.color, "index": place} for place, each in enumerate(states)
    }


def _options(panel: Panel) -> Json:
    if panel.kind == "number":
        reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduce, "colorMode": "value", "graphMode": "none", "textMode": "auto"}
    if panel.kind == "states":
        return {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": {"showLegend": True}}
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


def _columns(panel: Panel) -> list[Json]:
    """Return what makes one table of the answers, with columns that are called as the queries are."""
    names = {f"Value #{chr(ord('A') + place)}": query.legend for place, query in enumerate(panel.queries)}
    if len(panel.queries) == 1:
        names = {"Value": panel.queries[0].legend}
    times = dict.fromkeys(("Time", *(f"Time {place + 1}" for place in range(len(panel.queries)))), True)
    organize = {"id": "organize", "options": {"excludeByName": times, "renameByName": names}}
    if not panel.key:
        return [organize]
    return [{"id": "joinByField", "options": {"byField": panel.key, "mode": "outer"}}, organize]
