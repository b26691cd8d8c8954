"""The window, with a clock of its own, driven as Bytewax drives it."""

import builtins
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.delivery import Delivery
from connectors.delivery.items import Item, key_of, resume_items
from connectors.pace import AT_ONCE, Pace
from connectors.state.seal import unseal
from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason, Stage
from flows.domain.gauge import Gauge
from flows.domain.histogram import Histogram
from flows.domain.ledger import Ledger
from flows.operators.window import MicroBatch

MAX_WAIT = 50
"""Of the tests' clock, which counts milliseconds."""


class Clock(Pace):
    """A steady clock that goes on when told to, and a pace that rests for no time."""

    def __init__(self) -> None:
        super().__init__(lambda: self.time, lambda _: None)
        self.time = 1_000_000
        self.told = 0
        """When it was to be called at the latest, as it said last."""

    def wake_at(self, due_s: float) -> None:
        """Take note."""
        self.told = int(due_s)


def a_delivery(number: int, sync: str = "s") -> Delivery:
    return Delivery(sync, 0, "e", "id1", b"{}", b'{"event_type":"e"}', b"key", Position("t", 0, number), 5)


def a_letter(number: int, sync: str | None = "s") -> DeadLetter:
    reason = DeadLetterReason.TOO_LARGE if sync else DeadLetterReason.UNDECODABLE
    stage = Stage.TRANSLATE if sync else Stage.DECODE
    return DeadLetter(reason, stage, sync, 1 if sync else 0, None, "no", b"\xff", None, Position("t", 0, number), 5, 6)


class Engine:
    """Calls one key's logic as Bytewax does: in every round while it asks for it, and discards it when it says so."""

    def __init__(self, max_events: int) -> None:
        self.clock = Clock()
        self.max_events = max_events
        self.logic: MicroBatch | None = None
        self.emitted: list[tuple[int, list[Item]]] = []

    def _take(self, result: tuple[Any, bool]) -> None:
        batches, is_discarded = result
        self.emitted += [(self.clock.time, batch) for batch in batches]
        if is_discarded:
            self.logic = None

    def advance(self, span: int) -> None:
        """Let time pass, and notify at the very moment that the logic asks for."""
        until = self.clock.time + span
        while self.logic is not None and self.logic.notify_at() == AT_ONCE:
            self._take(self.logic.on_notify())
            if self.clock.told > until:
                break
            self.clock.time = max(self.clock.time, self.clock.told)
        self.clock.time = until

    def put(self, items: list[Item]) -> None:
        """Hand items over."""
        if self.logic is None:
            self.logic = MicroBatch([], self.max_events, MAX_WAIT, self.clock)
        self._take(self.logic.on_batch(items))

    def end(self) -> None:
        """Say that nothing more comes."""
        if self.logic is not None:
            self._take(self.logic.on_eof())

    @property
    def waiting(self) -> int:
        """How many items are in the window."""
        return len(self.logic._items) if self.logic is not None else 0


@given(st.integers(1, 7), st.lists(st.tuples(st.integers(0, 120), st.integers(1, 20)), max_size=20))
def test_batches_come_at_the_count_or_at_the_wait_since_the_first_item(
    max_events: int, arrivals: list[tuple[int, int]]
) -> None:
    """Whichever is first; in order, nothing lost, none over the count, no empty batch, none that waits longer."""
    engine = Engine(max_events)
    arrived: dict[int, int] = {}
    for pause_ms, count in arrivals:
        engine.advance(pause_ms)
        items = [a_delivery(len(arrived) + place) for place in range(count)]
        arrived |= {item.position.offset: engine.clock.time for item in items}
        engine.put(list(items))
        assert engine.waiting < max_events
    engine.advance(3_600_000)
    assert engine.waiting == 0
    assert [item.position.offset for _, batch in engine.emitted for item in batch] == list(arrived)
    for time, batch in engine.emitted:
        waited = time - arrived[batch[0].position.offset]
        assert 1 <= len(batch) <= max_events
        assert waited == MAX_WAIT or (len(batch) == max_events and waited < MAX_WAIT)


def test_a_trickle_does_not_put_the_batch_off() -> None:
    """One item every 10 ms: the batch goes 50 ms after the first (a timeout that restarts would never fire)."""
    engine = Engine(max_events=100)
    begin = engine.clock.time
    for number in range(20):
        engine.put([a_delivery(number)])
        engine.advance(10)
    first_time, first_batch = engine.emitted[0]
    assert first_time - begin == MAX_WAIT
    assert len(first_batch) == 5


def test_what_is_left_of_a_full_batch_waits_from_its_own_arrival() -> None:
    engine = Engine(max_events=3)
    engine.put([a_delivery(0)])
    engine.advance(40)
    engine.put([a_delivery(number) for number in range(1, 5)])
    assert [len(batch) for _, batch in engine.emitted] == [3]
    arrived = engine.clock.time
    engine.advance(1000)
    assert engine.emitted[1][0] - arrived == MAX_WAIT
    assert len(engine.emitted[1][1]) == 2


def test_an_empty_window_is_forgotten() -> None:
    """No state is left behind for a lane that is quiet."""
    engine = Engine(max_events=2)
    engine.put([a_delivery(0), a_delivery(1)])
    assert engine.logic is None
    engine.put([a_delivery(2)])
    engine.advance(MAX_WAIT)
    assert engine.logic is None


def test_the_end_emits_the_rest() -> None:
    """At a stop and at an archive's end alike: the sink drains it."""
    engine = Engine(max_events=10)
    engine.put([a_delivery(0), a_delivery(1)])
    engine.end()
    assert [batch for _, batch in engine.emitted] == [[a_delivery(0), a_delivery(1)]]
    assert engine.logic is None


def test_nothing_is_emitted_of_nothing() -> None:
    """Every item that was stored belonged to syncs that are gone."""
    assert MicroBatch([], 10, MAX_WAIT, Clock()).on_eof() == ([], True)


def is_builtin(value: object) -> bool:
    """Return whether it holds nothing but Python's own types, so that no later version trips over a class."""
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(is_builtin, value))
    return value is None or type(value).__name__ in dir(builtins)


items_of_all_kinds = st.lists(
    st.builds(a_delivery, st.integers(0, 10**6), st.sampled_from(["s", "gone"]))
    | st.builds(a_letter, st.integers(0, 10**6), st.sampled_from(["s", None, "gone"])),
    max_size=12,
    unique_by=lambda item: item.position,
)


@given(items_of_all_kinds)
def test_a_snapshot_gives_the_items_back_and_opens_their_entries(items: list[Item]) -> None:
    """Through pickle, as Bytewax stores it; deliveries of syncs that are off by now become dead letters."""
    snapshot = unseal(MicroBatch(list(items), 100, MAX_WAIT, Clock()).snapshot())
    assert is_builtin(snapshot)
    _, packed = pickle.loads(pickle.dumps(snapshot))  # noqa: S301 - what was just written
    ledger = Ledger(["other", "s"], 100)
    resumed = resume_items(ledger, packed)
    assert [key_of(item) for item in resumed] == [key_of(item) for item in items]
    for item, back in zip(items, resumed, strict=True):
        if isinstance(item, Delivery) and item.sync == "gone":
            assert isinstance(back, DeadLetter)
            assert (back.reason, back.value, back.send_as) == (
                DeadLetterReason.SYNC_DISABLED,
                item.value,
                item.send_as,
            )
        else:
            assert (back, type(back)) == (item, type(item))
    assert all(isinstance(item.position, Position) for item in resumed)
    assert ledger.pending(1) == sum(item.sync == "s" for item in items)
    assert ledger.pending(0) == 0
    assert ledger.pending_refusals() == ledger.read == sum(item.sync is None for item in items)
    gone = sum(item.sync == "gone" for item in items)
    assert (ledger.pending(ledger.place_of("gone")) if gone else 0) == gone
    for item in resumed:
        place = None if item.sync is None else ledger.place_of(item.sync)
        if isinstance(item, DeadLetter):
            assert isinstance(item.reason, DeadLetterReason)
            assert isinstance(item.stage, Stage)
            ledger.dead_lettered(item.position, place, item.copy, item.reason)
        else:
            ledger.delivered(item.position, 1, item.copy)
    assert ledger.open_events == 0


def test_a_snapshot_does_not_change_with_what_comes_later() -> None:
    logic = MicroBatch([], 100, MAX_WAIT, Clock())
    logic.on_batch([a_delivery(0)])
    snapshot = unseal(logic.snapshot())
    before = pickle.dumps(snapshot)
    logic.on_batch([a_delivery(1)])
    assert pickle.dumps(snapshot) == before


def test_what_an_earlier_run_left_is_due_at_once() -> None:
    """It has waited long enough; what comes in the meantime does not put it off."""
    logic = MicroBatch([a_delivery(0)], 100, MAX_WAIT, Clock())
    assert logic.notify_at() == AT_ONCE
    logic.on_batch([a_delivery(1)])
    assert logic.on_notify() == ([[a_delivery(0), a_delivery(1)]], True)


def test_a_window_that_was_stored_larger_is_emitted_in_batches_of_the_present_size() -> None:
    """The settings may have changed in between."""
    logic = MicroBatch([a_delivery(number) for number in range(10)], 4, MAX_WAIT, Clock())
    emitted, _ = logic.on_batch([a_delivery(10)])
    assert [len(batch) for batch in emitted] == [4, 4]


def test_a_step_of_the_wall_clock_puts_no_batch_off() -> None:
    """Bytewax's wake-ups are wall time, and refused without a zone: what is always over is called in each round."""
    logic = MicroBatch([], 100, MAX_WAIT, clock := Clock())
    assert logic.notify_at() is None
    logic.on_batch([a_delivery(0)])
    assert logic.notify_at() == AT_ONCE
    assert (AT_ONCE.timestamp(), AT_ONCE.utcoffset().total_seconds()) == (0, 0)  # type: ignore[union-attr]
    assert logic.on_notify() == ([], False)
    clock.time += MAX_WAIT
    assert logic.on_notify() == ([[a_delivery(0)]], True)


@pytest.mark.parametrize("copy", [0, 2])
def test_copies_keep_their_place(copy: int) -> None:
    ledger = Ledger(["s"], 100)
    delivery = a_delivery(1)._replace(copy=copy)
    _, packed = unseal(MicroBatch([delivery], 100, MAX_WAIT, Clock()).snapshot())
    assert resume_items(ledger, packed) == [delivery]
    ledger.delivered(delivery.position, 0, copy)
    assert ledger.pending(0) == 0


def test_batches_are_counted_by_how_full_they_were() -> None:
    """By count, by time and at the end alike; an end without items is no batch."""
    fill, emitted = Gauge(), Histogram((1, 2, 4))
    for items, let_go in ((9, "on_notify"), (2, "on_eof"), (8, "on_eof")):
        logic = MicroBatch([], 4, MAX_WAIT, clock := Clock(), fill, emitted)
        logic.on_batch([a_delivery(number) for number in range(items)])
        clock.time += MAX_WAIT
        getattr(logic, let_go)()
    assert emitted.counts == [1, 1, 4, 0]
    assert emitted.total == 19
    assert fill.value == 0
