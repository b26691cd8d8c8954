"""Plot: the rates per CPU-second as bars, the spread over the rounds as whiskers. One SVG file, light and dark."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from tests.tools.bench.figures import Spread

_WIDTH: Final = 760
_LABEL_WIDTH: Final = 250
_VALUE_WIDTH: Final = 70
_ROW: Final = 38
_BAR: Final = 20
_TOP: Final = 62
_STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.note, .tick { fill: #57606a; font-size: 12px; }
.ours { fill: #0969da; } .peer { fill: #8c959f; } .limit { fill: #d0d7de; }
.whisker { stroke: #24292f; stroke-width: 1.5; }
.grid { stroke: #d0d7de; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .note, .tick { fill: #8d96a0; }
  .ours { fill: #4493f8; } .peer { fill: #6e7681; } .limit { fill: #373e47; }
  .whisker { stroke: #e6edf3; } .grid { stroke: #30363d; }
}
"""


class Bar(NamedTuple):
    """One row."""

    label: str
    spread: Spread
    kind: str
    """`ours`, `peer` or `limit`."""


def svg(bars: Sequence[Bar], title: str, note: str) -> str:
    """Return the plot of at least one bar."""
    height = _TOP + _ROW * len(bars) + 34
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "role": "img",
            "aria-label": title,
        },
    )
    ET.SubElement(root, "style").text = _STYLE
    _text(root, 0, 20, title, "title")
    _text(root, 0, 42, note, "note")
    step, ticks = _ticks(max(bar.spread.most for bar in bars))
    scale = (_WIDTH - _LABEL_WIDTH - _VALUE_WIDTH) / (step * ticks)
    for number in range(ticks + 1):
        x = _LABEL_WIDTH + number * step * scale
        _line(root, (x, _TOP), (x, height - 26), "grid")
        _text(root, x, height - 8, f"{number * step:,}", "tick", "middle")
    for number, bar in enumerate(bars):
        _row(root, bar, _TOP + _ROW * number + (_ROW - _BAR) / 2, scale)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _row(root: ET.Element, bar: Bar, y: float, scale: float) -> None:
    median, least, most = bar.spread
    middle = y + _BAR / 2
    _text(root, _LABEL_WIDTH - 10, middle + 5, bar.label, "", "end")
    attributes = {"x": str(_LABEL_WIDTH), "y": f"{y:g}", "width": f"{median * scale:.1f}", "height": str(_BAR)}
    ET.SubElement(root, "rect", {**attributes, "rx": "3", "class": bar.kind})
    left, right = _LABEL_WIDTH + least * scale, _LABEL_WIDTH + most * scale
    if most > least:
        _line(root, (left, middle), (right, middle), "whisker")
        for x in (left, right):
            _line(root, (x, middle - 4), (x, middle + 4), "whisker")
    _text(root, right + 8, middle + 5, f"{median:,.0f}")


def _ticks(most: float) -> tuple[int, int]:
    """Return a round step, and how many of them reach beyond the greatest value: four to ten."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * 8 >= most:
                return step * factor, int(most // (step * factor)) + 1
        step *= 10


def _text(root: ET.Element, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    ET.SubElement(root, "text", attributes | ({"class": kind} if kind else {})).text = text


def _line(root: ET.Element, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
    ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    ET.SubElement(root, "line", {name: f"{value:.1f}" for name, value in ends.items()} | {"class": kind})
