"""Where the reading of each partition begins."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka import starts
from connectors.kafka.claim import Claim
from connectors.kafka.found_topic import FoundTopic
from connectors.kafka.kept import Kept, Origin
from connectors.kafka.note import FinalAbove
from connectors.kafka.offsets import Available
from connectors.kafka.origins import Origins
from connectors.kafka.position import ResumePosition
from connectors.kafka.read_rules import ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.starts import Start, Starts
from connectors.kafka.topic_reader import Learning
from connectors.read_clock import ReadClock
from connectors.shutdown import Shutdown
from flows.domain.warm_up import WarmUp

HAS = Available(10, 90)
PARTITION = 3


def _starts(
    group: int | None,
    *,
    start: Literal["earliest", "latest"] = "earliest",
    learning: Learning | None = None,
    claim: Claim | None = None,
    rereads: bool = False,
    topic_id: str = "id",
) -> Starts:
    settings = KafkaSource("k:9092", "t", "g", start=start)
    offsets: list[Any] = [[SimpleNamespace(partition=PARTITION, offset=-1 if group is None else group, metadata="")]]
    cluster: Any = None
    found = FoundTopic(cluster, settings, topic_id, PARTITION + 1, {PARTITION: HAS}, offsets)
    origins = Origins("t", claim)
    assert origins.settle(topic_id, offsets, dict, Shutdown(), 0.0)
    return Starts(settings, found, origins, claim, learning, ReadRules(rereads=rereads), Shutdown())


def _learning(*, looks_back: bool) -> Learning:
    return Learning(WarmUp(), ReadClock(0), looks_back)


def _claim(directory: Path, *, has_position: bool = False) -> Claim:
    return Claim(Kept(directory, "t", has_position=has_position), lambda *_: None)


@given(st.none() | st.integers(0, 100), st.none() | st.integers(0, 100), st.sampled_from(["earliest", "latest"]))
def test_the_saved_position_goes_first_then_the_groups_then_the_setting(
    saved: int | None, group: int | None, start: Literal["earliest", "latest"]
) -> None:
    found = _starts(group, start=start).of(PARTITION, None if saved is None else ResumePosition(saved))
    by_setting = HAS.first if start == "earliest" else HAS.end
    assert found.position.offset == (saved if saved is not None else by_setting if group is None else group)
    assert found.begun_from == ("state" if saved is not None else start if group is None else "group")
    assert (found.source, found.committed, found.is_decided, found.claims) == ("t", group, True, False)


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_reader_that_keeps_nothing_goes_on_where_its_group_is_if_that_is_further(saved: int, group: int) -> None:
    """Not beyond what the topic has: such an offset is of a topic that is gone."""
    found = _starts(group, rereads=True).of(PARTITION, ResumePosition(saved))
    assert found.position.offset == (group if saved < group <= HAS.end else saved)


def test_from_the_groups_offset_it_looks_back_and_what_is_before_that_only_teaches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starts, "begins_of_warm_up", lambda *_: {PARTITION: 20})
    learning = _learning(looks_back=True)
    found = _starts(50, learning=learning).of(PARTITION, None)
    assert found.position[:2] == (20, 50)
    assert learning.warm_up.borders == {("t", PARTITION): 50}
    assert _starts(50, learning=_learning(looks_back=False)).of(PARTITION, None).position[:2] == (50, 0)
    assert _starts(50, learning=learning).of(PARTITION, ResumePosition(60)).position[:2] == (60, 0)


def test_a_stop_before_kafka_has_said_where_to_learn_from_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot would otherwise have an offset without the warm-up before it."""
    monkeypatch.setattr(starts, "begins_of_warm_up", lambda *_: None)
    assert not _starts(50, learning=_learning(looks_back=True)).of(PARTITION, None).is_decided


def test_of_a_topic_that_was_made_again_all_is_read_under_a_name_of_its_own(tmp_path: Path) -> None:
    claim = _claim(tmp_path)
    saved = ResumePosition(60, 0, Origin("before", "t"))
    found = _starts(50, claim=claim).of(PARTITION, saved)
    assert found.position.offset == HAS.first
    assert (found.source, found.begun_from, found.committed) == ("t@id", "a topic made again", None)
    assert found.claims, "the group has an offset of the other topic"


def test_what_is_final_beyond_the_saved_offset_only_teaches() -> None:
    learning = _learning(looks_back=False)
    saved = ResumePosition(60, 0, None, FinalAbove(80, (61, 70)))
    _starts(50, learning=learning).of(PARTITION, saved)
    assert learning.warm_up.finals == {("t", PARTITION): (80, frozenset({61, 70}))}


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_partition_that_begins_behind_its_warm_up_has_none(offset: int, border: int) -> None:
    start = Start(PARTITION, "t", ResumePosition(0, border), HAS, None, claims=False, begun_from="g", is_decided=True)
    assert start.at(offset).position[:2] == (offset, border if offset < border else 0)
