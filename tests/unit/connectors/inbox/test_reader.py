"""The reading end of an inbox: everything once, in order, from any place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.inbox.appender import Appender
from connectors.inbox.database import connect
from connectors.inbox.directory import inbox_file
from connectors.inbox.position import FinalAbove, InboxPlace, ResumePosition
from connectors.inbox.reader import MAX_BATCH_BYTES
from flows.domain.decode import Refused, decode
from flows.domain.event import Position
from flows.domain.warm_up import WarmUp
from tests.fixtures.examples import examples
from tests.fixtures.inbox import append, read_all, reader, taken


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def _execute(inbox: Path, words: str, *values: object) -> None:
    path = inbox_file(inbox)
    assert path is not None
    database = connect(path)
    database.execute(words, values)
    database.close()


def _name(inbox: Path) -> str:
    position = reader(inbox).position
    assert position is not None
    return position.place.name


@examples(15)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6), limit=st.integers(1, 300))
def test_it_reads_everything_once_in_the_order_in_which_it_was_stored(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int
) -> None:
    inbox = tmp_path_factory.mktemp("any") / "inbox"
    append(inbox, *(taken(size, sum(sizes[:place])) for place, size in enumerate(sizes)))
    records = read_all(reader(inbox), limit)
    assert [(each.value, each.key, each.time_ms) for each in records] == [each[:3] for each in taken(sum(sizes))]
    assert [each.offset for each in records] == list(range(sum(sizes)))
    assert len({each.source for each in records}) == 1


def test_a_batch_is_bounded_in_bytes(inbox: Path) -> None:
    append(inbox, taken(10, size_bytes=400_000))
    made = reader(inbox)
    sizes = []
    while batch := made.read(100):
        sizes.append(sum(len(each.value or b"") for each in batch[:-1]))
    assert len(sizes) > 1
    assert max(sizes) < MAX_BATCH_BYTES


def test_before_there_is_an_inbox_it_reads_nothing_and_then_all(inbox: Path) -> None:
    made = reader(inbox)
    assert made.read(10) == []
    assert made.position is None
    append(inbox, taken(3))
    made.look()
    assert len(made.read(10)) == 3


def test_it_sees_what_is_stored_while_it_is_open(inbox: Path) -> None:
    appender = Appender(inbox)
    appender.append([taken(2)])
    made = reader(inbox)
    assert len(made.read(10)) == 2
    assert made.read(10) == []
    appender.append([taken(2, 2)])
    assert [each.offset for each in made.read(10)] == [2, 3]
    appender.close()


def test_an_event_that_was_changed_on_the_disk_becomes_a_dead_letter(inbox: Path) -> None:
    """SQLite has no checksum over what it stores, so a changed bit would be another event."""
    append(inbox, taken(5))
    _execute(inbox, "UPDATE events SET value = replace(value, '2', '3') WHERE id = 2")
    damages: list[object] = []
    records = read_all(reader(inbox, on_damage=damages.append))
    changed = records.pop(2)
    assert changed.value == b'\xff{"n":3,"x":""}'
    assert [type(each) for each in decode(changed)] == [Refused]
    assert [each.value for each in records] == [each.value for each in taken(5) if each.value[5:6] != b"2"]
    assert len(damages) == 1
    assert "event 2 is not as it was written" in str(damages[0])


def test_without_state_it_begins_at_what_was_committed_and_learns_from_what_is_before(inbox: Path) -> None:
    append(inbox, taken(10))
    _execute(inbox, "UPDATE inbox SET committed = 6, read_to = 9, pending = '[6, 8]'")
    warm_up = WarmUp()
    records = read_all(reader(inbox, warm_up=warm_up))
    assert len(records) == 10
    sent = [each.offset for each in records if not warm_up.covers(Position(each.source, 0, each.offset))]
    assert sent == [6, 8, 9]


def test_without_a_recovery_store_it_does_not_read_what_only_teaches(inbox: Path) -> None:
    append(inbox, taken(10))
    _execute(inbox, "UPDATE inbox SET committed = 6, read_to = 9, pending = '[6, 8]'")
    warm_up = WarmUp()
    records = read_all(reader(inbox, warm_up=warm_up, has_warm_up=False))
    sent = [each.offset for each in records if not warm_up.covers(Position(each.source, 0, each.offset))]
    assert (len(records), sent) == (4, [6, 8, 9])


def test_a_warm_up_goes_on_where_it_was(inbox: Path) -> None:
    append(inbox, taken(10))
    _execute(inbox, "UPDATE inbox SET committed = 6, read_to = 9, pending = '[6, 8]'")
    before = reader(inbox)
    before.read(3)
    assert before.position is not None
    stored = before.position
    _execute(inbox, "UPDATE inbox SET committed = 10, read_to = 10, pending = '[]'")
    warm_up = WarmUp()
    records = read_all(reader(inbox, stored, warm_up))
    assert [each.offset for each in records] == [3, 4, 5, 6, 7, 8, 9]
    assert [each.offset for each in records if not warm_up.covers(Position(each.source, 0, each.offset))] == [6, 8, 9]


def test_a_state_that_is_older_than_the_inbox_goes_on_with_what_is_left(inbox: Path) -> None:
    append(inbox, taken(10))
    _execute(inbox, "DELETE FROM events WHERE id < 4")
    _execute(inbox, "UPDATE inbox SET first_id = 4")
    records = read_all(reader(inbox, ResumePosition(InboxPlace(_name(inbox), 2))))
    assert [each.offset for each in records] == [4, 5, 6, 7, 8, 9]


def test_a_copy_of_the_inbox_that_is_older_than_the_state_is_read_under_another_name(inbox: Path) -> None:
    """Ids that come twice would name events that the state takes for delivered."""
    append(inbox, taken(10))
    before = _name(inbox)
    _execute(inbox, "UPDATE inbox SET committed = 7")
    warm_up = WarmUp()
    made = reader(inbox, ResumePosition(InboxPlace(before, 500), 0, FinalAbove(600, ())), warm_up)
    records = read_all(made)
    assert records[0].source not in {before, ""}
    assert [each.offset for each in records if not warm_up.covers(Position(each.source, 0, each.offset))] == [7, 8, 9]


def test_it_passes_ids_that_were_left_out_so_that_no_lag_is_left(inbox: Path) -> None:
    append(inbox, taken(3))
    _execute(inbox, "UPDATE inbox SET next_id = 1000")
    made = reader(inbox)
    assert len(read_all(made)) == 3
    assert made.position is not None
    assert made.position.place.next_id == made.end == 1000
    append(inbox, taken(1))
    assert [each.offset for each in read_all(made)] == [1000]
