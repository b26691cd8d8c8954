"""What an earlier run left of a sync that is not enabled any more: it gets entries, and everybody's numbers add up."""

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.ledger import Ledger

events = st.integers(0, 20).map(lambda offset: Position("topic", 0, offset))


@given(st.integers(1, 3), st.lists(st.tuples(events, st.integers(0, 3)), unique=True), st.integers(1, 4))
def test_entries_of_all_syncs_stay_apart_when_more_of_them_come(
    enabled: int, left: list[tuple[Position, int]], gone: int
) -> None:
    """Copies of what is enabled and of what is gone, opened in turn, close each by itself."""
    ledger = Ledger([f"sync{place}" for place in range(enabled)], 100)
    entries = []
    for number, (position, copy) in enumerate(left):
        name = f"gone{number % gone}" if number % 2 else f"sync{number % enabled}"
        ledger.resume(position, ledger.place_of(name), copy)
        entries.append((position, name, copy))
    places = {name: ledger.place_of(name) for _, name, _ in entries}
    for name, place in places.items():
        assert ledger.pending(place) == sum(each == name for _, each, _ in entries)
    for position, name, copy in entries:
        ledger.dead_lettered(position, places[name], copy, DeadLetterReason.SYNC_DISABLED)
    assert ledger.open_events == 0


def test_what_is_read_is_not_selected_by_it() -> None:
    """So that read + copies = filtered + dead-lettered + pending, as for the others; and it gets no entry of that."""
    ledger = Ledger(["kept"], 100)
    ledger.open_all([Position("topic", 0, 0)])
    ledger.resume(Position("topic", 0, 7), ledger.place_of("gone"), 0)
    ledger.open_all([Position("topic", 0, 8), Position("topic", 0, 9)], [Position("topic", 0, 10)])
    counts = ledger.syncs[ledger.place_of("gone")]
    assert counts.filtered == {FilterReason.NOT_SELECTED: 3}
    assert (counts.resumed, ledger.pending(1), ledger.pending(0)) == (1, 1, 3)
    assert ledger.enabled == ("kept",)
    assert not ledger.is_enabled("gone")
    ledger.dead_lettered(Position("topic", 0, 7), 1, 0, DeadLetterReason.SYNC_DISABLED)
    assert ledger.watermark("topic", 0) == 0
    assert ledger.read - 1 + counts.copies == counts.filtered.total() + counts.dead_lettered.total()
