"""The vocabulary and its reader: one name for one thing, documented, and nothing emitted that is not in it."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.core import HistogramMetricFamily

from connectors.delivery.stats import AGE_BOUNDS
from connectors.shutdown import Shutdown
from connectors.state.disk import RESERVE_BYTES, StateDisk
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.histogram import Histogram
from flows.observe.liveness import hindrances, parts_alive
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.flow import read_flow
from flows.observe.metrics.memory_limit import memory_limit_bytes
from flows.observe.metrics.readings import Readings
from flows.observe.metrics.registry import Metrics, Scraped
from flows.observe.parts import Parts
from flows.observe.readiness import checks
from flows.runtime.stream import Stream
from tests.fixtures.process import MakeProcess
from tests.fixtures.scrape import Scrape
from tests.fixtures.settings import sync_table
from tests.tools.pages.metrics import document

ROOT = Path(__file__).parents[3]
FAMILIES = {each.name.removesuffix("_total"): each for each in v.EVERY}


@pytest.fixture
def process(make_process: MakeProcess) -> Stream:
    return make_process(sync_table("one", android_app_id="com.example"), sync_table("two", ios_app_id="id987654321"))


def _scraped(process: Stream, parts: Parts | None = None) -> Scrape:
    return Scrape(Metrics(partial(read_flow, parts=parts or process.parts)).page("")[0].decode())


def test_the_document_is_made_of_the_vocabulary() -> None:
    made = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert made == document(), "python -m tests.tools.pages.metrics > docs/metrics.md"


def test_every_metric_has_one_name_one_meaning_and_says_what_to_do() -> None:
    assert len({each.name for each in v.EVERY}) == len(v.EVERY)
    assert len({each.meaning for each in v.EVERY}) == len(v.EVERY)
    for each in v.EVERY:
        assert each.do.endswith(".")
        assert (each.kind == "counter") == each.name.endswith("_total"), each.name
        assert (each.kind == "histogram") == bool(each.bounds), each.name
        for unit in ("seconds", "bytes"):
            assert (unit == each.unit) == each.name.removesuffix("_total").endswith(f"_{unit}") or (
                each.name.endswith("_timestamp_seconds") or each.unit == "seconds since the epoch"
            ), each.name


def test_what_is_read_is_in_the_vocabulary_with_exactly_its_labels(process: Stream) -> None:
    """Before anything was read: every series of a closed set is there, with 0, so that its first growth is seen."""
    found = {each.name: each for each in Scraped(partial(read_flow, parts=process.parts)).collect()}
    for name, family in found.items():
        assert family.documentation == FAMILIES[name].meaning
        assert family.type == FAMILIES[name].kind
        for sample in family.samples:
            labels = set(sample.labels) - ({"le"} if isinstance(family, HistogramMetricFamily) else set())
            assert labels == set(FAMILIES[name].labels), name
    outcomes = _scraped(process)
    for sync in ("one", "two"):
        series = outcomes.select(v.OUTCOMES.name, sync=sync)
        reasons = {labels["reason"] for labels, value in series if value == 0}
        of_decode = {DeadLetterReason.UNDECODABLE, DeadLetterReason.INVALID_EVENT}
        assert reasons == {"", *FilterReason, *DeadLetterReason} - of_decode
    assert {labels["reason"] for labels, _ in outcomes.select(v.REFUSED.name)} == of_decode


def test_what_livez_and_readyz_say_can_be_read_as_numbers(process: Stream) -> None:
    found = _scraped(process)
    said = {each.name: float(each.is_alive) for each in parts_alive(process.parts)}
    assert {labels["part"]: value for labels, value in found.select(v.ALIVE.name)} == said
    asked = {each.name: float(each.why_not is None) for each in checks(process.parts)}
    assert {labels["check"]: value for labels, value in found.select(v.READY.name)} == asked
    assert asked["running"] == 0
    assert asked["keys"] == 1


def test_a_key_that_is_gone_shows(process: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPSFLYER_S2S_KEY")
    assert _scraped(process).one(v.READY.name, check="keys") == 0


def test_a_state_disk_without_room_shows(process: Stream) -> None:
    """It moves, for a restart would heal nothing; it is not ready, and says why nothing is delivered."""
    whole = 100 * RESERVE_BYTES
    disk = StateDisk(
        process.settings.state.directory, lambda _: SimpleNamespace(f_frsize=1, f_blocks=whole, f_bavail=1000)
    )
    parts = replace(process.parts, disk=disk)
    assert hindrances(parts) == []
    assert not disk.has_room()
    assert [each for each in hindrances(parts) if "the state disk is nearly full" in each]
    assert all(each.is_alive for each in parts_alive(parts))
    found = _scraped(process, parts)
    assert found.one(v.READY.name, check="disk") == 0
    assert found.one(v.STATE_DISK_FULL.name) == 1
    assert found.one(v.STATE_DISK_FREE.name) == 1000
    assert found.one(v.STATE_DISK_RESERVE.name) == RESERVE_BYTES


def test_stopping_shows(process: Stream) -> None:
    assert isinstance(process.parts.shutdown, Shutdown)
    process.parts.shutdown.request()
    found = _scraped(process)
    assert found.one(v.STOPPING.name) == 1
    assert found.one(v.READY.name, check="running") == 0


def test_a_metric_takes_exactly_as_many_labels_as_it_has() -> None:
    readings = Readings()
    with pytest.raises(ValueError, match="has the labels"):
        readings.put(v.PENDING, 1)
    with pytest.raises(ValueError, match="has the labels"):
        readings.put_histogram(v.DELIVERY_AGE, Histogram(AGE_BOUNDS), "one", "two")


def _groups(tmp_path: Path, *lines: str) -> Path:
    place = tmp_path / "cgroup"
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def _limit(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text + "\n", encoding="ascii")


def test_the_memory_limit_is_the_lowest_on_the_way_up(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    _limit(root / "slice" / "unit" / "memory.max", "max")
    _limit(root / "slice" / "memory.max", "2000")
    _limit(root / "memory.max", "9000")
    assert memory_limit_bytes(_groups(tmp_path, "0::/slice/unit"), root) == 2000


def test_within_a_container_the_limit_stands_at_the_root(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    _limit(root / "memory.max", "536870912")
    assert memory_limit_bytes(_groups(tmp_path, "0::/kubepods/pod1/container"), root) == 536_870_912


def test_a_limit_of_the_first_version_of_control_groups(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    _limit(root / "memory" / "docker" / "memory.limit_in_bytes", "1073741824")
    _limit(root / "memory" / "memory.limit_in_bytes", "9223372036854771712")
    lines = ("4:memory:/docker", "3:cpu,cpuacct:/docker", "1:name=systemd:/", "0::/")
    assert memory_limit_bytes(_groups(tmp_path, *lines), root) == 1 << 30


@pytest.mark.parametrize("text", ["max", "9223372036854771712", "", "many"])
def test_without_a_limit_there_is_none(tmp_path: Path, text: str) -> None:
    root = tmp_path / "fs"
    _limit(root / "memory.max", text)
    _limit(root / "memory" / "memory.limit_in_bytes", text)
    assert memory_limit_bytes(_groups(tmp_path, "4:memory:/", "0::/"), root) is None
    assert memory_limit_bytes(tmp_path / "not there", root) is None
