"""Where the partitions end: an answer that is none is not taken for one."""

from concurrent.futures import Future
from typing import Any, NamedTuple

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException

from connectors.kafka.cluster import failure
from connectors.kafka.ends import EVERY_SECONDS, Ends


class Answer(NamedTuple):
    """As confluent-kafka's."""

    offset: int


def answered(offset: int) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(Answer(offset))
    return future


def failed(error: Exception) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


class Cluster:
    """Answers as it is told to."""

    def __init__(self, *answers: "dict[int, Future[Any]]") -> None:
        self.answers = list(answers)

    def ask_ends(self, _partitions: object) -> "dict[int, Future[Any]]":
        """Return the next answers."""
        return self.answers.pop(0)


def test_an_offset_that_is_none_is_a_failure() -> None:
    """What librdkafka says of a broker that goes away while it is asked, without any error."""
    error = failure(answered(OFFSET_INVALID))
    assert error is not None
    assert error.code() == KafkaError._TRANSPORT
    assert failure(answered(0)) is None
    assert failure(answered(-1)) is None  # the end, where no record is that late


def test_kafkas_errors_are_told_and_defects_are_raised() -> None:
    told = failure(failed(KafkaException(KafkaError(KafkaError._NOENT))))
    assert told is not None
    assert told.code() == KafkaError._NOENT
    with pytest.raises(ZeroDivisionError):
        failure(failed(ZeroDivisionError()))


def test_the_lag_stays_what_it_was_while_kafka_is_away() -> None:
    """Ends that nobody knows at the moment are the last that were known, and the answer counts as none."""
    cluster: Any = Cluster(
        {0: answered(100), 1: answered(7)},
        {0: answered(OFFSET_INVALID), 1: answered(8)},
        {0: failed(KafkaException(KafkaError(KafkaError._NOENT))), 1: answered(9)},
        {0: answered(101), 1: answered(9)},
    )
    ends = Ends(cluster, [0, 1])
    seen = []
    for turn in range(4):
        ends.look(turn * EVERY_SECONDS)  # asks
        ends.look(turn * EVERY_SECONDS)  # takes the answers
        seen.append((ends.known, ends.answered_at))
    assert seen == [({0: 100, 1: 7}, 0.0), ({0: 100, 1: 8}, 0.0), ({0: 100, 1: 9}, 0.0), ({0: 101, 1: 9}, 15.0)]
