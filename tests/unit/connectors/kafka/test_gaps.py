"""What is read where Kafka does not have the offset that is next."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from confluent_kafka import OFFSET_INVALID
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.kafka.errors import OffsetsGoneError
from connectors.kafka.gaps import Gaps
from connectors.kafka.offsets import Available
from connectors.kafka.read_ahead import ReadPartition
from connectors.kafka.settings import KafkaSource
from connectors.limited_log import LimitedLog

HAS = st.builds(lambda first, count: Available(first, first + count), st.integers(0, 30), st.integers(0, 30))
OFFSETS = st.integers(0, 80)


class FakeCluster:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[Future[Any]]] = []

    def ask_available(self, _partitions: list[int]) -> list[Future[Any]]:
        """Ask for the first offset and the end."""
        self.asked.append([Future(), Future()])
        return self.asked[-1]

    def answer(self, first: int, end: int) -> None:
        """Answer what was asked last."""
        for future, offset in zip(self.asked[-1], (first, end), strict=True):
            future.set_result(SimpleNamespace(offset=offset))


class Asking:
    """Gaps, with what is around them."""

    def __init__(self, on_out_of_range: Literal["fail", "earliest"] = "earliest") -> None:
        self.cluster = FakeCluster()
        self.begun_anew: list[tuple[str, int]] = []
        settings = KafkaSource("k:9092", "t", "g", on_out_of_range=on_out_of_range)
        cluster: Any = self.cluster
        self.gaps = Gaps(settings, cluster, LimitedLog(), lambda *place: self.begun_anew.append(place))


@given(OFFSETS, OFFSETS, HAS)
def test_what_kafka_has_is_read_and_else_the_oldest_and_going_back_is_told(
    wanted: int, needed_from: int, has: Available
) -> None:
    asking = Asking()
    with capture_logs() as lines:
        offset = asking.gaps.first(3, ReadPartition("t@id", needed_from, 0), wanted, has)
    assert offset == (wanted if has.can_start_at(wanted) else has.first)
    is_gap = not has.can_start_at(wanted) and not has.can_start_at(max(wanted, needed_from))
    assert len(lines) == is_gap
    assert asking.begun_anew == ([("t@id", 3)] if is_gap and has.first < max(wanted, needed_from) else [])


@given(OFFSETS, OFFSETS, HAS)
def test_with_fail_it_ends_exactly_where_what_is_missing_is_needed(
    wanted: int, needed_from: int, has: Available
) -> None:
    part = ReadPartition("t", needed_from, 0)
    gaps = Asking("fail").gaps
    if has.can_start_at(wanted) or has.can_start_at(max(wanted, needed_from)):
        assert has.can_start_at(gaps.first(3, part, wanted, has))
    else:
        with pytest.raises(OffsetsGoneError, match=r'partition 3.*source\.on_out_of_range = "earliest"'):
            gaps.first(3, part, wanted, has)


def test_an_answer_is_given_once_and_where_there_was_none_kafka_is_asked_again() -> None:
    asking = Asking()
    asking.gaps.ask(1, 40)
    assert list(asking.gaps.answered()) == []
    asking.cluster.answer(OFFSET_INVALID, OFFSET_INVALID)  # as of a broker that goes away meanwhile
    assert list(asking.gaps.answered()) == []
    asking.cluster.answer(5, 9)
    assert list(asking.gaps.answered()) == [(1, 40, Available(5, 9))]
    assert list(asking.gaps.answered()) == []
    assert len(asking.cluster.asked) == 2
