"""What was fetched waits for its partition's turn, within bounds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka import read_ahead
from connectors.kafka.damage import TopicDamage
from connectors.kafka.read_ahead import BATCH_BYTES, READ_AHEAD_BYTES, READ_AHEAD_RECORDS, ReadAhead, ReadPartition
from connectors.limited_log import LimitedLog
from flows.domain.event import Record


class Fetched:
    """A record as librdkafka hands it out."""

    def __init__(self, partition: int, offset: int, value: bytes = b"{}", time_ms: int = 1_000) -> None:
        self._place = partition, offset
        self._value = value
        self._time_ms = time_ms

    def error(self) -> None:
        return None

    def value(self) -> bytes:
        return self._value

    def key(self) -> None:
        return None

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def timestamp(self) -> tuple[int, int]:
        return 1, self._time_ms

    def headers(self) -> None:
        return None


def _waiting(*partitions: int) -> ReadAhead:
    ahead = ReadAhead(TopicDamage("t", LimitedLog()), with_headers=False)
    ahead.parts = {each: ReadPartition("t", 0, 0) for each in partitions}
    return ahead


def _put(ahead: ReadAhead, *messages: Any) -> None:
    ahead.put(list(messages), lambda *_: None)


def _taken(ahead: ReadAhead, partition: int) -> list[list[Record]]:
    part = ahead.parts[partition]
    return [ahead.take(part) for _ in range(len(part.batches))]


@given(st.lists(st.integers(0, 2), max_size=60))
def test_each_partition_gets_all_its_records_in_order_and_nothing_waits_then(partitions: list[int]) -> None:
    ahead = _waiting(0, 1, 2)
    _put(ahead, *[Fetched(partition, offset) for offset, partition in enumerate(partitions)])
    for each in (0, 1, 2):
        offsets = [record.offset for batch in _taken(ahead, each) for record in batch]
        assert offsets == [offset for offset, partition in enumerate(partitions) if partition == each]
        assert ahead.parts[each].handed == (offsets[-1] + 1 if offsets else None)
    assert (ahead._records, ahead._bytes) == (0, 0)


def test_there_is_no_room_once_so_many_records_wait_and_there_is_when_they_are_dropped() -> None:
    ahead = _waiting(0)
    _put(ahead, *[Fetched(0, offset) for offset in range(READ_AHEAD_RECORDS)])
    assert not ahead.has_room
    ahead.drop(ahead.parts[0])
    assert ahead.has_room
    assert not ahead.parts[0].batches


def test_there_is_no_room_once_they_are_so_large_and_a_batch_of_large_records_is_over_early() -> None:
    ahead = _waiting(0)
    large = b" " * (BATCH_BYTES // 2)
    _put(ahead, *[Fetched(0, offset, large) for offset in range(READ_AHEAD_BYTES // len(large))])
    assert not ahead.has_room
    assert {len(batch) for batch in _taken(ahead, 0)} == {2}
    assert ahead.has_room


def test_of_a_damaged_partition_nothing_is_taken_and_of_the_others_everything() -> None:
    damage = TopicDamage("t", LimitedLog())
    ahead = ReadAhead(damage, with_headers=False)
    ahead.parts = {each: ReadPartition("t", 0, 0) for each in (0, 1)}
    damage.note(0, 5, "wrong checksum", now=0.0)
    _put(ahead, Fetched(0, 5), Fetched(1, 7), Fetched(0, 6))
    assert not ahead.parts[0].batches
    assert [[record.offset for record in batch] for batch in _taken(ahead, 1)] == [[7]]


def test_a_record_without_a_time_is_of_now(monkeypatch: Any) -> None:
    monkeypatch.setattr(read_ahead, "now_ms", lambda: 123)
    ahead = _waiting(0)
    _put(ahead, Fetched(0, 0, time_ms=-1), Fetched(0, 1, time_ms=7))
    assert [record.time_ms for record in _taken(ahead, 0)[0]] == [123, 7]


OFFSETS = st.none() | st.integers(0, 20)


@given(offset=OFFSETS, handed=OFFSETS, reached=OFFSETS, waits=st.booleans())
def test_all_is_final_up_to_the_end_only_where_nothing_is_pending(
    offset: int | None, handed: int | None, reached: int | None, *, waits: bool
) -> None:
    """Never back, and beyond the ledger's offset only where all that came was handed out and is final."""
    part = ReadPartition("t", 0, 0, handed=handed, reached=reached)
    if waits:
        part.batches.append([])
    final = part.final_up_to(offset)
    is_all = None not in (offset, handed, reached) and not waits and (offset or 0) >= (handed or 0)
    assert final == (max(offset or 0, reached or 0) if is_all else offset)
