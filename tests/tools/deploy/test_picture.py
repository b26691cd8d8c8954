"""The picture of the dashboard: axes that hold what is drawn, and a panel of each kind drawn from answers."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.monitoring.dashboard.rows import ROWS
from tests.tools.deploy.picture.asked import Series, Span
from tests.tools.deploy.picture.draw import Drawn, Stage, svg
from tests.tools.deploy.picture.units import shown, ticks

SPAN = Span(1000.0, 1100.0, step_s=2.0)
STAGES = [Stage(1000.0, "all is well"), Stage(1050.0, "something < is & wrong")]


@given(most=st.floats(0, 1e13), unit=st.sampled_from(["s", "bytes", "short", "percentunit"]))
def test_marks_begin_at_0_and_reach_beyond_the_greatest_value(most: float, unit: str) -> None:
    marks = ticks(most, unit)
    assert marks[0] == 0
    assert marks[-1] >= most
    assert 2 <= len(marks) <= 5
    assert len({round((b - a) / marks[1], 6) for a, b in pairwise(marks)}) == 1


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.25, "s", "250 ms"),
        (90, "s", "90 s"),
        (300, "s", "5 min"),
        (0, "s", "0 s"),
        (0.946, "percentunit", "94.6 %"),
        (5157, "none", "5,157"),
        (0.9301, "none", "0.93"),
        (1536, "bytes", "1.5 KiB"),
        (12_345, "short", "12.3 k"),
    ],
)
def test_values_are_said_in_their_unit(value: float, unit: str, said: str) -> None:
    assert shown(value, unit) == said


def _answer(value: float) -> Series:
    points = [(SPAN.begin_s + at, value * (at > 20)) for at in range(0, 100, 2)]
    return Series("a series", {"sync": "main", "alertname": "StreamStuck"}, points)


def _classes(text: str) -> set[str]:
    return {each.get("class", "") for each in ET.fromstring(text).iter()}  # noqa: S314 - our own


def test_every_panel_is_drawn_with_and_without_an_answer() -> None:
    """Lines, areas, states, numbers and tables; where Prometheus knows nothing, it says so."""
    with_answers = [(row, [Drawn(each, [[_answer(1)] for _ in each.queries]) for each in row.panels]) for row in ROWS]
    drawn = svg(with_answers, SPAN, STAGES, "title")
    assert {"line s0", "area f0 s0", "green", "red", "big", "mark"} <= _classes(drawn)
    assert "something &lt; is &amp; wrong" in drawn
    assert "no data" not in drawn
    without = [(row, [Drawn(each, [[] for _ in each.queries]) for each in row.panels]) for row in ROWS]
    assert drawn.count("<rect") > svg(without, SPAN, STAGES, "title").count("no data") > 30


def test_a_value_above_what_is_good_is_marked() -> None:
    panel = next(each for row in ROWS for each in row.panels if each.title == "Age at delivery, p95")
    for value, is_bad in ((59.0, False), (61.0, True)):
        drawn = svg([(ROWS[0], [Drawn(panel, [[_answer(value)]])])], SPAN, STAGES, "title")
        assert ("big bad" in _classes(drawn)) is is_bad
