"""The inbox as it is open in a process of the stream."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.inbox import cleaner
from connectors.inbox.database import connect
from connectors.inbox.directory import inbox_file
from connectors.inbox.settings import InboxSource
from connectors.inbox.source import InboxInput
from connectors.opening import Opening
from connectors.ports import SetupError
from flows.domain.event import Position
from flows.domain.fate import FilterReason
from flows.domain.ledger import Ledger
from tests.fixtures.inbox import append, taken
from tests.fixtures.opening import NoPlaces, opening


class _Places(NoPlaces):
    def __init__(self, *names: str) -> None:
        self._names = names

    def places(self) -> set[tuple[str, int]]:
        return {(each, 0) for each in self._names}


@pytest.fixture
def settings(tmp_path: Path) -> InboxSource:
    return InboxSource(tmp_path / "inbox", keep_hours=0.0)


def _opened(settings: InboxSource, opened: Opening) -> InboxInput:
    source = InboxInput(settings, opened)
    assert source.connect()
    assert source.connect()  # a second time changes nothing
    return source


def _name(settings: InboxSource) -> str:
    source = _opened(settings, opening())
    part = source.build_part("step", "inbox", None)
    part.next_batch()
    source.close()
    assert part.place is not None
    return part.place.name


def test_one_stream_reads_an_inbox(settings: InboxSource) -> None:
    """What one has delivered the other would never see."""
    first = _opened(settings, opening())
    with pytest.raises(SetupError, match=r"source\.directory: another stream reads"):
        InboxInput(settings, opening()).connect()
    first.close()
    _opened(settings, opening()).close()


def test_before_there_is_an_inbox_it_waits_and_its_snapshot_says_nothing(settings: InboxSource) -> None:
    source = _opened(settings, opening())
    part = source.build_part("step", "inbox", None)
    assert part.next_batch() == []
    assert part.snapshot() is None
    assert list(source.progress()) == []
    assert not source.damaged
    assert source.released() == {}
    source.close()


def test_what_is_final_is_noted_when_it_closes_and_tells_the_lag(settings: InboxSource) -> None:
    append(settings.directory, taken(10))
    ledger = Ledger(["one"], 100)
    source = _opened(settings, opening(ledger=ledger, room=lambda: 6))
    part = source.build_part("step", "inbox", None)
    records = part.next_batch()
    positions = [Position(each.source, 0, each.offset) for each in records]
    ledger.open_all(positions)
    for each in (*positions[:2], positions[3]):
        ledger.filtered(each, 0, FilterReason.NOT_SELECTED)
    source.close()
    (progress,) = source.progress()
    assert (progress.next_offset, progress.end, progress.committed) == (6, 10, 2)
    assert (progress.lag_events, progress.committed_lag_events) == (4, 8)
    assert source.sent_again() == {0: 0}
    ledger.filtered(positions[2], 0, FilterReason.NOT_SELECTED)
    ledger.filtered(positions[4], 0, FilterReason.NOT_SELECTED)
    assert source.sent_again() == {0: 2}
    assert source.released() == {(records[0].source, 0): 2}
    path = inbox_file(settings.directory)
    assert path is not None
    database = connect(path)
    noted = database.execute("SELECT committed, read_to, pending FROM inbox").fetchone()
    database.close()
    assert noted == (2, 6, "[2,4,5]")


def test_of_an_inbox_that_is_not_there_any_more_all_is_released_but_what_waits(settings: InboxSource) -> None:
    append(settings.directory, taken(3))
    ledger = Ledger(["one"], 100)
    opened = opening(ledger=ledger)
    earlier = _Places("inbox@gone", "inbox@waits", "a-topic")
    source = _opened(settings, replace(opened, stored=replace(opened.stored, places=earlier)))
    part = source.build_part("step", "inbox", None)
    records = part.next_batch()
    ledger.open_all([Position(each.source, 0, each.offset) for each in records])
    ledger.open_all([Position("inbox@waits", 0, 7)])
    source.close()
    released = source.released()
    assert released[records[0].source, 0] == 0
    assert released["inbox@waits", 0] == 7
    assert released["inbox@gone", 0] > 2**60
    assert ("a-topic", 0) not in released


def test_it_goes_on_behind_a_file_that_took_the_place_of_another(settings: InboxSource) -> None:
    """As when the directory was emptied: another inbox, whose ids begin again."""
    append(settings.directory, taken(3))
    before = _name(settings)
    for each in settings.directory.iterdir():
        each.unlink()
    append(settings.directory, taken(2, 50))
    source = _opened(settings, opening())
    part = source.build_part("step", "inbox", ("inbox", 1, before, 3, 0, None))
    records = part.next_batch()
    assert [each.value for each in records] == [each.value for each in taken(2, 50)]
    assert records[0].source != before
    source.close()


def test_events_are_deleted_only_behind_the_snapshots_that_a_crash_can_go_back_to(
    settings: InboxSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal keeps three: one of them may be where the engine goes on."""
    monkeypatch.setattr(cleaner, "EVERY_SECONDS", 3600.0)
    append(settings.directory, taken(50))
    ledger = Ledger(["one"], 100)
    source = _opened(settings, opening(ledger=ledger, room=lambda: 10))
    part = source.build_part("step", "inbox", None)
    lowest = []
    for _ in range(5):
        positions = [Position(each.source, 0, each.offset) for each in part.next_batch()]
        ledger.open_all(positions)
        for each in positions:
            ledger.filtered(each, 0, FilterReason.NOT_SELECTED)
        part.snapshot()
        source._cleaner.clean()
        path = inbox_file(settings.directory)
        assert path is not None
        database = connect(path)
        lowest.append(database.execute("SELECT min(id) FROM events").fetchone()[0])
        database.close()
    assert lowest == [0, 0, 0, 10, 20]
    source.close()
