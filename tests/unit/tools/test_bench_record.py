from pathlib import Path
from xml.etree import ElementTree as ET

import orjson
import pytest

from tests.tools.bench import document, history, plot, traffic, usage
from tests.tools.bench.figures import Spread
from tests.unit.tools.test_bench_figures import ONE


def test_a_run_is_added_to_the_file_of_its_day_and_what_was_there_stays(tmp_path: Path) -> None:
    first = {"at": "2026-01-02T03:04:05+00:00", "events": 1}
    assert history.append(tmp_path, first) == tmp_path / "2026-01-02.json"
    history.append(tmp_path, {**first, "events": 2})
    history.append(tmp_path, {**first, "at": "2026-01-03T00:00:00+00:00"})
    assert [run["events"] for run in orjson.loads((tmp_path / "2026-01-02.json").read_bytes())] == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-01-02.json", "2026-01-03.json"]


def test_a_file_that_holds_no_runs_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "2026-01-02.json").write_text("{}")
    with pytest.raises(ValueError, match="no list of runs"):
        history.append(tmp_path, {"at": "2026-01-02T03:04:05+00:00"})
    assert (tmp_path / "2026-01-02.json").read_text() == "{}"


def test_an_entry_holds_every_round_and_nothing_of_the_machine_that_names_it(tmp_path: Path) -> None:
    entry = history.entry({"stream": [ONE, ONE]}, traffic.Shape(1000), tmp_path)
    assert [each["per_cpu_second"] for each in entry["contestants"]["stream"]] == [3000.0, 3000.0]
    assert entry["events"] == 1000
    assert entry["machine"].keys() == {"cpu", "cores", "memory_gb", "kernel"}
    assert orjson.loads(orjson.dumps(entry)) == entry


def test_the_plot_is_svg_whose_bars_are_as_long_as_their_medians() -> None:
    bars = [
        plot.Bar("this stream", Spread(20_000.0, 19_000.0, 21_000.0), "ours"),
        plot.Bar("Go & <net/http>", Spread(10_000.0, 10_000.0, 10_000.0), "peer"),
    ]
    root = ET.fromstring(plot.svg(bars, "title", "note"))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    rectangles = root.findall(f"{space}rect")
    assert [each.get("class") for each in rectangles] == ["ours", "peer"]
    widths = [float(each.get("width") or 0) for each in rectangles]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    texts = [each.text for each in root.findall(f"{space}text")]
    assert {"title", "note", "Go & <net/http>", "20,000", "10,000"} <= set(texts)
    assert len([each for each in root.findall(f"{space}line") if each.get("class") == "whisker"]) == 3


@pytest.mark.parametrize("most", [0.9, 7.0, 80.0, 81.0, 12_345.0, 999_999.0])
def test_the_scale_reaches_beyond_the_greatest_value_in_few_steps(most: float) -> None:
    step, ticks = plot._ticks(most)
    assert step * ticks > most
    assert 1 <= ticks <= 9


def test_a_table_is_written_between_its_markers_and_the_text_around_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("before\n<!-- measured: budget -->\nold\n<!-- end: budget -->\nafter\n")
    document.write(path, "budget", document.markdown(("", "µs"), [("decode", "1.0")]))
    document.write(path, "budget", document.markdown(("", "µs"), [("decode", "2.0")]))
    text = path.read_text()
    assert text.startswith("before\n<!-- measured: budget -->\n")
    assert text.endswith("<!-- end: budget -->\nafter\n")
    assert "| decode | 2.0 |" in text
    assert "1.0" not in text
    assert "old" not in text
    with pytest.raises(ValueError, match="no place"):
        document.write(path, "comparison", "")


def test_linux_tells_what_this_process_uses() -> None:
    pids = usage.tree(1)
    assert pids[0] == 1
    assert usage.cpu_seconds([2**22 + 1]) == 0.0
    assert usage.busy_seconds(0) > 0
    with pytest.raises(LookupError):
        usage.busy_seconds(4096)
