"""The ledger against a tiny model: a set of open entries and a list of closed ones.

The identity that it keeps, for each sync:
read - refused + copies = delivered + filtered + duplicate + dead_lettered + pending.
"""

from threading import Barrier, Thread
from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.ledger import Ledger
from flows.domain.open_entries import LedgerError
from flows.domain.warning import EventWarning
from tests.fixtures.examples import examples

MAX_PENDING = 50


class Entry(NamedTuple):
    """What has one fate."""

    position: Position
    sync: int | None
    copy: int


class AgainstTheModel(RuleBasedStateMachine):
    """Any sequence of operations, right and wrong ones."""

    @initialize(syncs=st.integers(0, 3))
    def begin(self, syncs: int) -> None:
        """Start with any number of syncs, none among them."""
        self.ledger = Ledger([f"sync{place}" for place in range(syncs)], MAX_PENDING)
        self.syncs = syncs
        self.open_entries: list[Entry] = []
        self.closed: list[tuple[Entry, str]] = []
        self.next_offsets: dict[int, int] = {0: 1000, 1: 2000}
        self.decoded: set[int] = set()
        self.events = 0
        self.held = 0
        self.resume_offset = 0

    @rule(partition=st.integers(0, 1), members=st.lists(st.booleans(), min_size=1, max_size=3))
    def read_a_record(self, partition: int, members: list[bool]) -> None:
        """One event, or an upload body of several; True is one that decode refuses."""
        offset = self.next_offsets[partition]
        self.next_offsets[partition] = offset + 1
        self.decoded.add(partition)
        for place, is_refused in enumerate(members):
            position = Position("topic", partition, offset, place)
            self.events += 1
            if is_refused:
                self.ledger.open_all((), [position])
                self.open_entries.append(Entry(position, None, 0))
            else:
                self.ledger.open_all([position])
                self.open_entries += [Entry(position, sync, 0) for sync in range(self.syncs)]

    @rule(place=st.integers(0), copy=st.integers(1, 3))
    def send_under_another_name(self, place: int, copy: int) -> None:
        """A copy of an open event; the same copy twice is a defect."""
        of_syncs = [entry for entry in self.open_entries if entry.sync is not None]
        if not of_syncs:
            return
        entry = of_syncs[place % len(of_syncs)]._replace(copy=copy)
        if entry in self.open_entries:
            with pytest.raises(LedgerError):
                self.ledger.open_copy(entry.position, entry.sync or 0, copy)
        else:
            self.ledger.open_copy(entry.position, entry.sync or 0, copy)
            self.open_entries.append(entry)

    @precondition(lambda self: self.syncs > 0)
    @rule(place=st.integers(0), copy=st.integers(0, 2), same_event=st.booleans())
    def resume(self, place: int, copy: int, *, same_event: bool) -> None:
        """What an earlier run left pending stands before what is read now."""
        self.resume_offset += not same_event
        entry = Entry(Position("topic", 0, self.resume_offset), place % self.syncs, copy)
        if entry in self.open_entries:
            with pytest.raises(LedgerError):
                self.ledger.resume(entry.position, entry.sync or 0, copy)
        elif not any(other.position == entry.position and other.sync is None for other in self.open_entries):
            self.ledger.resume(entry.position, entry.sync or 0, copy)
            self.open_entries.append(entry)

    @rule()
    def resume_a_refusal(self) -> None:
        """One that an earlier run had not stored yet."""
        self.resume_offset += 1
        position = Position("topic", 0, self.resume_offset)
        self.ledger.resume_refused(position)
        self.open_entries.append(Entry(position, None, 0))
        self.events += 1

    @rule(place=st.integers(0), fate=st.sampled_from(["delivered", "duplicate", "filtered", "dead_lettered"]))
    def close(self, place: int, fate: str) -> None:
        """Any open entry, in any order, gets its fate."""
        if not self.open_entries:
            return
        entry = self.open_entries.pop(place % len(self.open_entries))
        fate = "dead_lettered" if entry.sync is None else fate
        self.closed.append((entry, fate))
        self.tell(entry, fate)

    @rule(place=st.integers(0), fate=st.sampled_from(["delivered", "duplicate", "filtered", "dead_lettered"]))
    def close_again(self, place: int, fate: str) -> None:
        """A second fate is a defect, whatever it says; it changes nothing."""
        if not self.closed:
            return
        entry, first_fate = self.closed[place % len(self.closed)]
        if entry not in self.open_entries:
            with pytest.raises(LedgerError):
                self.tell(entry, first_fate if entry.sync is None else fate)

    @rule(partition=st.integers(0, 5), offset=st.integers(10_000, 10_005), is_refused=st.booleans())
    def close_what_was_never_read(self, partition: int, offset: int, *, is_refused: bool) -> None:
        """A fate, or a copy, of nothing is a defect."""
        entry = Entry(Position("topic", partition, offset), None if is_refused or not self.syncs else 0, 0)
        with pytest.raises(LedgerError):
            self.tell(entry, "dead_lettered")
        if self.syncs:
            with pytest.raises(LedgerError):
                self.ledger.open_copy(entry.position, 0, 1)

    @rule(place=st.integers(0))
    def open_twice(self, place: int) -> None:
        """A record that is read again while its event is pending is a defect."""
        if not self.open_entries:
            return
        position = self.open_entries[place % len(self.open_entries)].position
        with pytest.raises(LedgerError):
            self.ledger.open_all([position])
        with pytest.raises(LedgerError):
            self.ledger.open_all((), [position])

    @rule(change=st.integers(-3, 3))
    def hold(self, change: int) -> None:
        """Events begin and end to wait in their users' state."""
        self.held += change
        self.ledger.held(change)

    def tell(self, entry: Entry, fate: str) -> None:
        """Close an entry of the ledger."""
        if fate == "dead_lettered":
            reason = DeadLetterReason.UNDECODABLE if entry.sync is None else DeadLetterReason.REJECTED
            self.ledger.dead_lettered(entry.position, entry.sync, entry.copy, reason)
        elif fate == "filtered":
            self.ledger.filtered(entry.position, entry.sync or 0, FilterReason.RESERVED, entry.copy)
        elif fate == "duplicate":
            self.ledger.duplicate(entry.position, entry.sync or 0, entry.copy)
        else:
            self.ledger.delivered(entry.position, entry.sync or 0, entry.copy)

    @invariant()
    def the_identity_holds_for_every_sync(self) -> None:
        """After every step; a refusal that is not stored yet counts as refused."""
        ledger = self.ledger
        refused = ledger.refused.total() + ledger.pending_refusals()
        for place, counts in enumerate(ledger.syncs):
            ended = counts.delivered + counts.duplicate + counts.filtered.total() + counts.dead_lettered.total()
            assert ledger.read - refused + counts.copies == ended + ledger.pending(place)

    @invariant()
    def the_counts_are_the_models(self) -> None:
        """Each number of the summary."""
        ledger = self.ledger
        assert ledger.read == self.events
        assert ledger.pending_refusals() == sum(entry.sync is None for entry in self.open_entries)
        assert ledger.refused.total() == sum(entry.sync is None for entry, _ in self.closed)
        for sync, counts in enumerate(ledger.syncs):
            fates = [fate for entry, fate in self.closed if entry.sync == sync]
            assert ledger.pending(sync) == sum(entry.sync == sync for entry in self.open_entries)
            assert counts.delivered == fates.count("delivered")
            assert counts.duplicate == fates.count("duplicate")
            assert counts.filtered.total() == fates.count("filtered")
            assert counts.dead_lettered.total() == fates.count("dead_lettered")

    @invariant()
    def the_watermark_is_the_lowest_open_offset_or_the_next(self) -> None:
        """What is committed to the consumer group: nothing unfinished lies before it."""
        for partition, next_offset in self.next_offsets.items():
            of_partition = [
                entry.position.offset for entry in self.open_entries if entry.position.partition == partition
            ]
            expected = min(of_partition, default=next_offset if partition in self.decoded else None)
            assert self.ledger.watermark("topic", partition) == expected

    @invariant()
    def room_is_what_is_left(self) -> None:
        """Held events take no room: what they wait for is unread."""
        open_events = len({entry.position for entry in self.open_entries})
        assert self.ledger.open_events == open_events
        assert self.ledger.held_events == self.held
        assert self.ledger.room() == MAX_PENDING - open_events + self.held


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = examples(60, stateful_step_count=40)


def test_an_unknown_partition_has_no_watermark() -> None:
    assert Ledger(["a"], 1).watermark("topic", 7) is None


def test_sources_and_partitions_are_apart() -> None:
    ledger = Ledger(["a"], 10)
    for source, partition in (("one", 0), ("one", 1), ("two", 0)):
        ledger.open_all([Position(source, partition, 5)])
    ledger.delivered(Position("one", 0, 5), 0, 0)
    assert ledger.watermark("one", 0) == 6
    assert ledger.watermark("one", 1) == ledger.watermark("two", 0) == 5


def test_an_upload_body_holds_its_offset_until_its_last_event_is_final() -> None:
    """Offset 5 with members 0 to 2: whichever ends last."""
    ledger = Ledger(["a"], 10)
    positions = [Position("t", 0, 5, place) for place in range(3)]
    for position in positions:
        ledger.open_all([position])
    for position in (positions[1], positions[0]):
        ledger.delivered(position, 0, 0)
        assert ledger.watermark("t", 0) == 5
    ledger.delivered(positions[2], 0, 0)
    assert ledger.watermark("t", 0) == 6


def test_the_largest_body_fits_beside_its_neighbours() -> None:
    """1 MB of `{},` are under 2^20 members; places never run into the next offset."""
    ledger = Ledger(["a"], 10)
    last = Position("t", 0, 5, (1 << 20) - 1)
    ledger.open_all([last])
    ledger.open_all([Position("t", 0, 6)])
    assert ledger.watermark("t", 0) == 5
    ledger.delivered(last, 0, 0)
    assert ledger.watermark("t", 0) == 6


def test_built_requests_are_counted_with_what_they_lack() -> None:
    ledger = Ledger(["a"], 1)
    ledger.built(0, "ios", [EventWarning.NO_OS, EventWarning.LATE_EVENT], ("idfa",))
    ledger.built(0, "ios", [EventWarning.NO_OS], ("idfa", "idfv"))
    ledger.built(0, "android", [], ())
    counts = ledger.syncs[0]
    assert counts.requests == {"ios": 2, "android": 1}
    assert counts.warnings == {EventWarning.NO_OS: 2, EventWarning.LATE_EVENT: 1}
    assert counts.absent == {"idfa": 2, "idfv": 1}


def test_resumed_entries_are_copies_of_what_an_earlier_run_read() -> None:
    ledger = Ledger(["a"], 10)
    ledger.resume(Position("t", 0, 5), 0, 0)
    ledger.resume(Position("t", 0, 5), 0, 1)
    counts = ledger.syncs[0]
    assert (ledger.read, counts.copies, counts.resumed, ledger.pending(0)) == (0, 2, 2, 2)
    assert ledger.open_events == 1


def test_several_threads_lose_no_count() -> None:
    """Workers open, the sender and the dead-letter queue close, at the same time."""
    ledger = Ledger(["a", "b"], 100_000)
    barrier = Barrier(4)
    failures: list[BaseException] = []

    def work(partition: int) -> None:
        barrier.wait()
        try:
            for offset in range(1500):
                position = Position("t", partition, offset)
                ledger.open_all([position])
                ledger.open_copy(position, 1, 1)
                ledger.delivered(position, 0, 0)
                ledger.duplicate(position, 1, 1)
                ledger.pending_refusals()
                if offset % 2:
                    ledger.filtered(position, 1, FilterReason.RESERVED)
        except BaseException as problem:  # noqa: BLE001 - told to the main thread
            failures.append(problem)

    threads = [Thread(target=work, args=(partition,)) for partition in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ledger.read == 6000
    assert ledger.syncs[0].delivered == ledger.syncs[1].duplicate == ledger.syncs[1].copies == 6000
    assert ledger.pending(1) == ledger.open_events == 3000
    assert [ledger.watermark("t", partition) for partition in range(4)] == [0] * 4


def test_a_record_without_events_moves_the_watermark() -> None:
    """An empty upload body is read, holds nothing, and does not hold up what is committed."""
    ledger = Ledger(["one"], 10)
    ledger.read_nothing(Position("topic", 0, 7))
    assert (ledger.read, ledger.empty) == (0, 1)
    assert ledger.watermark("topic", 0) == 8
    assert ledger.read == 0
