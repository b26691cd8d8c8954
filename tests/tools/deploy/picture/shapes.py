"""The shapes that the picture is made of."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

Point = tuple[float, float]


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    def as_rectangle(self) -> dict[str, str]:
        """Return the attributes of a `rect`."""
        return {name: f"{value:.1f}" for name, value in self._asdict().items()}


def text(root: ET.Element, x: float, y: float, content: str, kind: str, anchor: str = "start") -> None:
    """Write."""
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}"} | ({"text-anchor": anchor} if anchor != "start" else {})
    ET.SubElement(root, "text", attributes | ({"class": kind} if kind else {})).text = content


def rule(root: ET.Element, start: Point, end: Point, kind: str) -> None:
    """Draw a straight line."""
    ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    ET.SubElement(root, "line", {name: f"{value:.1f}" for name, value in ends.items()} | {"class": kind})


def line(root: ET.Element, points: Sequence[Point], kind: str) -> None:
    """Draw a line through points."""
    ET.SubElement(root, "polyline", {"points": _listed(points), "class": kind})


def area(root: ET.Element, above: Sequence[Point], below: Sequence[Point], kind: str) -> None:
    """Fill what is between two lines."""
    ET.SubElement(root, "polygon", {"points": f"{_listed(above)} {_listed(list(reversed(below)))}", "class": kind})


def _listed(points: Sequence[Point]) -> str:
    """Return points as SVG has them, without those that lie on a level between their neighbours."""
    kept = [
        each
        for place, each in enumerate(points)
        if not 0 < place < len(points) - 1
        or not round(points[place - 1][1], 1) == round(each[1], 1) == round(points[place + 1][1], 1)
    ]
    return " ".join(f"{x:.0f},{y:.1f}" for x, y in kept)
