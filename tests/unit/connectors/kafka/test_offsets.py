"""Where reading starts, and what the consumer group is told."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.offsets import Available, Committer, describe_gap, starting_offset
from connectors.limited_log import LimitedLog

HAS = Available(first=10, end=20)


class Said(LimitedLog):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def say(self, level: int, event: str, *, message_class: str | None = None, **details: Any) -> None:
        """Keep it."""
        self.lines.append({"level": level, "event": event, "class": message_class, **details})


@pytest.mark.parametrize(
    ("resume", "committed", "start", "expected"),
    [
        (12, 15, "earliest", 12),
        (0, 15, "earliest", 0),
        (None, 15, "latest", 15),
        (None, 0, "latest", 0),
        (None, None, "earliest", 10),
        (None, None, "latest", 20),
    ],
)
def test_the_engines_position_goes_first_then_the_groups_then_the_setting(
    resume: int | None, committed: int | None, start: Any, expected: int
) -> None:
    assert starting_offset(resume, committed, HAS, start) == expected


@pytest.mark.parametrize(("offset", "fits"), [(9, False), (10, True), (20, True), (21, False)])
def test_the_end_is_a_place_to_start_at_and_what_lies_beyond_is_not(offset: int, fits: bool) -> None:  # noqa: FBT001 - a table
    assert HAS.can_start_at(offset) is fits


def test_a_gap_is_counted() -> None:
    assert "3 offsets are gone unread" in describe_gap("t", 1, 7, HAS)
    assert "recreated" in describe_gap("t", 1, 21, HAS)


@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 50)), st.booleans()), max_size=40), st.integers(0, 20))
def test_the_group_is_never_sent_back_and_what_failed_is_due_again(
    steps: list[tuple[int | None, bool]], known: int
) -> None:
    """Any course of watermarks and answers: what Kafka has only grows."""
    mark: int | None = None
    committer = Committer("t", lambda _topic, _partition: mark, Said())
    committer.know(0, known)
    kafka_has = known
    for mark, works in steps:
        due = committer.due([0])
        assert len(due) == (mark is not None and mark > kafka_has)
        if due:
            assert due[0].offset > kafka_has
            if works:
                kafka_has = due[0].offset
                committer.on_commit(None, due)
            else:
                committer.on_commit(KafkaError(KafkaError.NOT_COORDINATOR), due)
        assert committer.is_answered


def test_nothing_is_committed_while_nothing_is_known() -> None:
    assert Committer("t", lambda _topic, _partition: None, Said()).due([0, 1]) == []


def test_an_offset_that_was_asked_for_is_not_asked_for_again_before_the_answer() -> None:
    committer = Committer("t", lambda _topic, _partition: 5, Said())
    assert len(committer.due([0])) == 1
    assert committer.due([0]) == []
    assert not committer.is_answered


def test_an_answer_may_refuse_one_partition_only() -> None:
    said = Said()
    committer = Committer("t", lambda _topic, _partition: 5, said)
    good, _ = committer.due([0, 1])
    bad: Any = SimpleNamespace(partition=1, offset=5, error=KafkaError(KafkaError.NOT_COORDINATOR))
    committer.on_commit(None, [good, bad])
    assert [(each.partition, each.offset) for each in committer.due([0, 1])] == [(1, 5)]
    assert [(each["level"], each["partition"]) for each in said.lines] == [(logging.WARNING, 1)]


def test_after_the_topic_was_recreated_the_group_may_be_told_a_lower_offset() -> None:
    committer = Committer("t", lambda _topic, _partition: 5, Said())
    committer.know(0, 100)
    assert committer.due([0]) == []
    committer.know(0, None)
    assert [each.offset for each in committer.due([0])] == [5]
