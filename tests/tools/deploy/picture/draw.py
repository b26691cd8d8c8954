"""Draws the panels where the dashboard has them, as one SVG file, light and dark."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from deploy.monitoring.dashboard.panel import Panel, Row
from tests.tools.deploy.picture.asked import Series, Span
from tests.tools.deploy.picture.shapes import Box, area, line, rule, text
from tests.tools.deploy.picture.units import shown, ticks

COLUMN: Final = 50
UNIT: Final = 22
_LEFT, _TOP, _BOTTOM, _PAD = 46, 32, 36, 6
_LEGEND_CHARACTERS: Final = 46
_COLORS: Final = 8
_STYLE: Final = """
svg { background: #ffffff; }
text { font: 11px system-ui, sans-serif; fill: #24292f; }
.question { font-weight: 600; font-size: 15px; }
.title { font-weight: 600; font-size: 12px; } .tick, .legend { fill: #57606a; font-size: 10px; }
.big { font-size: 26px; font-weight: 600; } .stage { fill: #8250df; font-size: 11px; }
.frame { fill: none; stroke: #d0d7de; } .grid { stroke: #eaeef2; } .mark { stroke: #8250df; stroke-dasharray: 2 3; }
.warn { stroke: #cf222e; stroke-dasharray: 4 3; } .bad { fill: #cf222e; }
.line { fill: none; stroke-width: 1.3; } .area { fill-opacity: 0.5; stroke-width: 0.5; }
.s0 { stroke: #0969da; } .s1 { stroke: #bc4c00; } .s2 { stroke: #1a7f37; } .s3 { stroke: #8250df; }
.s4 { stroke: #bf3989; } .s5 { stroke: #9a6700; } .s6 { stroke: #1b7c83; } .s7 { stroke: #6e7781; }
.f0 { fill: #0969da; } .f1 { fill: #bc4c00; } .f2 { fill: #1a7f37; } .f3 { fill: #8250df; }
.f4 { fill: #bf3989; } .f5 { fill: #9a6700; } .f6 { fill: #1b7c83; } .f7 { fill: #6e7781; }
.green { fill: #4ac26b; } .orange { fill: #fb8f44; } .red { fill: #fa4549; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; } text { fill: #e6edf3; } .tick, .legend { fill: #8d96a0; } .frame { stroke: #30363d; }
  .grid { stroke: #21262d; } .stage { fill: #bc8cff; } .mark { stroke: #bc8cff; } .bad { fill: #ff7b72; }
}
"""


class Stage(NamedTuple):
    """From when on something was different."""

    at_s: float
    what: str


class Drawn(NamedTuple):
    """A panel with what was asked for it."""

    panel: Panel
    answers: Sequence[Sequence[Series]]


def svg(rows: Iterable[tuple[Row, Sequence[Drawn]]], span: Span, stages: Sequence[Stage], title: str) -> str:
    """Return the picture."""
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-label": title})
    ET.SubElement(root, "style").text = _STYLE
    minutes = (span.end_s - span.begin_s) / 60
    text(root, 4, 20, f"{title}: {minutes:.0f} minutes", "question")
    text(root, 4, 40, " · ".join(f"{number} {each.what}" for number, each in enumerate(stages, 1)), "stage")
    top = 52
    for row, panels in rows:
        text(root, 4, top + 20, row.question, "question")
        top += 30
        left, height = 0, 0
        for each in panels:
            if left + each.panel.width > 24:
                left, top, height = 0, top + height, 0
            size = each.panel.height * UNIT
            _panel(root, each, Box(left * COLUMN + 3, top + 3, each.panel.width * COLUMN - 6, size - 6), span, stages)
            left, height = left + each.panel.width, max(height, size)
        top += height + 8
    root.set("viewBox", f"0 0 {24 * COLUMN} {top}")
    return ET.tostring(root, encoding="unicode") + "\n"


def _panel(root: ET.Element, drawn: Drawn, box: Box, span: Span, stages: Sequence[Stage]) -> None:
    panel, answers = drawn
    ET.SubElement(root, "rect", {**box.as_rectangle(), "rx": "3", "class": "frame"})
    text(root, box.x + _PAD, box.y + 16, panel.title, "title")
    series = [each for answer in answers for each in answer if each.points]
    if panel.kind == "number":
        _numbers(root, panel, answers, box)
    elif panel.kind == "table":
        _table(root, panel, answers, box)
    elif not series:
        text(root, box.x + box.width / 2, box.y + box.height / 2, "no data", "tick", "middle")
    else:
        inner = Box(
            box.x + (110 if panel.kind == "states" else _LEFT),
            box.y + _TOP,
            box.width - (110 if panel.kind == "states" else _LEFT) - 8,
            box.height - _TOP - _BOTTOM,
        )
        for number, stage in enumerate(stages, 1):
            x = inner.x + inner.width * (stage.at_s - span.begin_s) / (span.end_s - span.begin_s)
            rule(root, (x, inner.y), (x, inner.y + inner.height), "mark")
            text(root, x, inner.y - 2, str(number), "stage", "middle")
        if panel.kind == "states":
            _states(root, panel, series, inner, span)
        else:
            _curves(root, panel, series, inner, span)
            _legend(root, series, box)


def _numbers(root: ET.Element, panel: Panel, answers: Sequence[Sequence[Series]], box: Box) -> None:
    values = [answer[0].points[-1][1] for answer in answers if answer and answer[0].points]
    words = {each.value: each.text for each in panel.states}
    said = " of ".join(words.get(int(each), shown(each, panel.unit)) for each in values) or "none"
    is_bad = bool(values) and panel.warn_above is not None and values[0] > panel.warn_above
    text(root, box.x + box.width / 2, box.y + box.height / 2 + 18, said, "big bad" if is_bad else "big", "middle")


def _table(root: ET.Element, panel: Panel, answers: Sequence[Sequence[Series]], box: Box) -> None:
    columns = [each.legend for each in panel.queries]
    rows: dict[str, dict[str, str]] = {}
    for column, answer in zip(columns, answers, strict=True):
        for each in answer:
            key = each.labels.get(panel.key) or " ".join(each.labels.values())
            if each.points:
                rows.setdefault(key, {})[column] = shown(each.points[-1][1], panel.unit)
    if not rows:
        text(root, box.x + box.width / 2, box.y + box.height / 2 + 8, "none", "tick", "middle")
    width = (box.width - 260) / max(len(columns), 1)
    y = box.y + 36
    if panel.key:
        for place, column in enumerate(columns):
            text(root, box.x + 250 + place * width, y, column, "legend", "end")
        y += 16
    for key, values in rows.items():
        text(root, box.x + _PAD, y, key, "")
        for place, column in enumerate(columns if panel.key else ()):
            text(root, box.x + 250 + place * width, y, values.get(column, ""), "", "end")
        y += 15


def _curves(root: ET.Element, panel: Panel, series: Sequence[Series], inner: Box, span: Span) -> None:
    layers = (
        _stacked(series)
        if panel.kind == "areas"
        else [[(at, 0.0, value) for at, value in each.points] for each in series]
    )
    most = max((high for layer in layers for _, _, high in layer), default=0.0)
    marks = ticks(max(most, (panel.warn_above or 0.0) if most > (panel.warn_above or 0.0) * 0.2 else 0.0), panel.unit)
    top = marks[-1]

    def place(at: float, value: float) -> tuple[float, float]:
        x = inner.x + inner.width * (at - span.begin_s) / (span.end_s - span.begin_s)
        return x, inner.y + inner.height * (1 - min(max(value, 0.0), top) / top)

    for mark in marks:
        _, y = place(span.begin_s, mark)
        rule(root, (inner.x, y), (inner.x + inner.width, y), "grid")
        text(root, inner.x - 4, y + 3, shown(mark, panel.unit), "tick", "end")
    if panel.warn_above is not None and panel.warn_above <= top:
        _, y = place(span.begin_s, panel.warn_above)
        rule(root, (inner.x, y), (inner.x + inner.width, y), "warn")
    for number, layer in enumerate(layers):
        color = number % _COLORS
        highs = [place(at, high) for at, _, high in layer]
        if panel.kind == "areas":
            if any(high > low for _, low, high in layer):
                area(root, highs, [place(at, low) for at, low, _ in layer], f"area f{color} s{color}")
        else:
            line(root, highs, f"line s{color}")


def _stacked(series: Sequence[Series]) -> list[list[tuple[float, float, float]]]:
    base: dict[float, float] = {}
    layers = []
    for each in series:
        layer = []
        for at, value in each.points:
            low = base.get(at, 0.0)
            base[at] = low + value
            layer.append((at, low, low + value))
        layers.append(layer)
    return layers


def _states(root: ET.Element, panel: Panel, series: Sequence[Series], inner: Box, span: Span) -> None:
    colors = {each.value: each.color for each in panel.states}
    height = min(inner.height / len(series), 18)
    scale = inner.width / (span.end_s - span.begin_s)
    for number, each in enumerate(series):
        y = inner.y + number * height
        text(root, inner.x - 6, y + height / 2 + 3, each.name[:20], "legend", "end")
        for at, until, value in _spells(each, span):
            bar = Box(inner.x + (at - span.begin_s) * scale, y + 1, max((until - at) * scale, 0.5), height - 2)
            ET.SubElement(root, "rect", {**bar.as_rectangle(), "class": colors.get(int(value), "f7")})
    for place, state in enumerate(panel.states):
        x, y = inner.x + place * 80, inner.y + inner.height + 14
        ET.SubElement(root, "rect", {**Box(x, y, 8, 8).as_rectangle(), "class": state.color})
        text(root, x + 12, y + 8, state.text, "legend")


def _spells(series: Series, span: Span) -> Iterable[tuple[float, float, float]]:
    """Yield (from, until, value) as long as the value stays."""
    begin, value = series.points[0]
    last = begin
    for at, later in series.points[1:]:
        if later != value or at - last > 2 * span.step_s:
            yield begin, at if at - last <= 2 * span.step_s else last + span.step_s, value
            begin, value = at, later
        last = at
    yield begin, min(last + span.step_s, span.end_s), value


def _legend(root: ET.Element, series: Sequence[Series], box: Box) -> None:
    x, y = box.x + _PAD, box.y + box.height - 24
    for number, each in enumerate(series):
        name = each.name[:_LEGEND_CHARACTERS]
        width = 16 + 5.2 * len(name)
        if x + width > box.x + box.width:
            if y > box.y + box.height - 20:
                text(root, x, y + 8, f"+{len(series) - number}", "legend")
                return
            x, y = box.x + _PAD, y + 12
        ET.SubElement(root, "rect", {**Box(x, y, 8, 8).as_rectangle(), "class": f"f{number % _COLORS}"})
        text(root, x + 12, y + 8, name, "legend")
        x += width + 4
