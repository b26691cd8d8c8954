"""The cleaner: nothing that a start may need is deleted, everything else is, and the file shrinks."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.inbox import cleaner as cleaner_module
from connectors.inbox.appender import Appender
from connectors.inbox.cleaner import Cleaner, KnownFates
from connectors.inbox.database import connect, end_of, read_inbox
from connectors.inbox.directory import inbox_file
from connectors.inbox.event_writer import InboxEventWriter
from connectors.inbox.position import InboxPlace
from connectors.inbox.repair import repair
from flows.domain.event import Position
from flows.domain.warm_up import WarmUp
from tests.fixtures.examples import examples
from tests.fixtures.inbox import TIME_MS, append, ids, read_all, reader, size_bytes, taken

HOUR_MS = 3_600_000


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def _name(inbox: Path) -> str:
    position = reader(inbox).position
    assert position is not None
    return position.place.name


def _cleaner(
    inbox: Path,
    lowest: int | None,
    needed: int | None,
    *,
    keep_hours: float = 0.0,
    now_ms: int = TIME_MS + 1000 * HOUR_MS,
    pending: list[int] | None = None,
    read_to: int | None = None,
) -> Cleaner:
    name = _name(inbox)
    fates = None if lowest is None else KnownFates(name, lowest, read_to or lowest, pending or [])
    place = None if needed is None else InboxPlace(name, needed)
    return Cleaner(inbox, keep_hours, lambda: fates, lambda: place, lambda: now_ms)


@given(lowest=st.integers(0, 1500), needed=st.integers(0, 1500))
@examples(12)
def test_what_is_final_and_behind_every_snapshot_is_deleted_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, lowest: int, needed: int
) -> None:
    inbox = tmp_path_factory.mktemp("any") / "inbox"
    append(inbox, taken(1200))
    _cleaner(inbox, lowest, needed).clean()
    assert ids(inbox) == list(range(min(lowest, needed, 1200), 1200))


@pytest.mark.parametrize(("lowest", "needed"), [(None, None), (5, None), (None, 5)])
def test_where_it_is_not_known_what_is_needed_nothing_is_deleted(
    inbox: Path, lowest: int | None, needed: int | None
) -> None:
    append(inbox, taken(10))
    _cleaner(inbox, lowest, needed).clean()
    assert ids(inbox) == list(range(10))


def test_what_an_earlier_run_has_noted_is_deleted_before_this_one_has_read_anything(inbox: Path) -> None:
    append(inbox, taken(10))
    _cleaner(inbox, 4, None).clean()
    _cleaner(inbox, None, 6).clean()
    assert ids(inbox) == [4, 5, 6, 7, 8, 9]


def test_an_event_is_kept_for_its_hours_after_it_arrived(inbox: Path) -> None:
    append(inbox, taken(10))  # a second between each
    _cleaner(inbox, 10, 10, keep_hours=2.0, now_ms=TIME_MS + 2 * HOUR_MS + 4000).clean()
    assert ids(inbox) == [5, 6, 7, 8, 9]


def test_on_a_disk_that_is_nearly_full_what_is_final_is_not_kept(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(inbox, taken(10))
    monkeypatch.setattr(cleaner_module, "free_bytes", lambda _: (100, 200))
    _cleaner(inbox, 6, 8, keep_hours=2000.0).clean()
    assert ids(inbox) == [6, 7, 8, 9]


def test_ids_are_not_used_again_when_everything_was_deleted(inbox: Path) -> None:
    append(inbox, taken(10))
    _cleaner(inbox, 10, 10).clean()
    assert ids(inbox) == []
    append(inbox, taken(2, 10))
    assert ids(inbox) == [10, 11]


def test_the_file_shrinks_when_all_is_delivered(inbox: Path) -> None:
    append(inbox, taken(4000, size_bytes=9000))
    large = size_bytes(inbox)
    _cleaner(inbox, 4000, 4000).clean()
    append(inbox, taken(1, 4000))
    assert large > 30_000_000
    assert size_bytes(inbox) < 17_000_000


def test_the_file_stays_bounded_while_events_come_and_go(inbox: Path) -> None:
    sizes = []
    for round_ in range(8):
        append(inbox, taken(1000, 1000 * round_, size_bytes=500))
        _cleaner(inbox, 1000 * (round_ + 1), 1000 * (round_ + 1)).clean()
        sizes.append(size_bytes(inbox))
    assert max(sizes[3:]) <= max(sizes[:3])


def test_what_it_notes_is_where_a_stream_without_state_begins(inbox: Path) -> None:
    append(inbox, taken(12))
    _cleaner(inbox, 4, None, pending=[4, 7], read_to=10).clean()
    warm_up = WarmUp()
    records = read_all(reader(inbox, warm_up=warm_up))
    sent = [each.offset for each in records if not warm_up.covers(Position(each.source, 0, each.offset))]
    assert sent == [4, 7, 10, 11]


def test_too_many_pending_to_be_noted_cost_copies_and_no_event(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaner_module, "_MOST_PENDING", 1)
    append(inbox, taken(12))
    _cleaner(inbox, 4, None, pending=[4, 7], read_to=10).clean()
    warm_up = WarmUp()
    records = read_all(reader(inbox, warm_up=warm_up))
    sent = [each.offset for each in records if not warm_up.covers(Position(each.source, 0, each.offset))]
    assert sent == list(range(4, 12))


def test_it_never_goes_back_and_never_notes_for_another_inbox(inbox: Path) -> None:
    append(inbox, taken(10))
    path = inbox_file(inbox)
    assert path is not None
    _cleaner(inbox, 6, None).clean()
    _cleaner(inbox, 3, None).clean()
    foreign = KnownFates("inbox@another", 9, 9, [])
    Cleaner(inbox, 0.0, lambda: foreign, lambda: InboxPlace("inbox@another", 9)).clean()
    database = connect(path)
    assert (read_inbox(database).committed, end_of(database)) == (6, 10)
    database.close()
    assert ids(inbox) == list(range(10))


def test_after_a_repair_it_goes_on_in_the_new_file(inbox: Path) -> None:
    append(inbox, taken(10))
    cleaner = _cleaner(inbox, 6, 6)
    path = inbox_file(inbox)
    assert path is not None
    repair(path, "a test")
    cleaner.clean()
    assert ids(inbox) == [6, 7, 8, 9]


def test_uploads_are_stored_while_it_deletes(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both write to one file, which takes one at a time: neither fails, and no event is lost."""
    monkeypatch.setattr(cleaner_module, "_REST_SECONDS", 0.0)
    monkeypatch.setattr(cleaner_module, "STEP_ROWS", 50)
    append(inbox, taken(5000, size_bytes=200))

    async def use() -> None:
        writer = InboxEventWriter(inbox)
        cleaning = asyncio.ensure_future(asyncio.to_thread(_cleaner(inbox, 5000, 5000).clean))
        first = 5000
        while not cleaning.done():
            await asyncio.gather(*(writer.write(taken(10, first + 10 * each)) for each in range(10)))
            first += 100
        await cleaning
        assert writer.blocked is None
        await writer.close()
        assert ids(inbox) == list(range(5000, first))

    asyncio.run(use())


def test_while_another_keeps_the_inbox_it_does_it_the_next_time(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaner_module, "_BUSY_SECONDS", 0.01)
    monkeypatch.setattr(cleaner_module, "_TRIES", 3)
    appender = Appender(inbox)
    appender.append([taken(10)])
    path = inbox_file(inbox)
    assert path is not None
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    cleaner = _cleaner(inbox, 5, 5)
    cleaner.clean()
    other.execute("ROLLBACK")
    other.close()
    assert ids(inbox) == list(range(10))
    cleaner.clean()
    assert ids(inbox) == [5, 6, 7, 8, 9]
    appender.close()
