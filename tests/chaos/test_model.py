"""The ledger, the journal, the spill and the sink's snapshots against a model of twenty lines.

The real classes work on real files, without the engine and without threads; hypothesis decides what happens next. A
crash drops what is in memory and goes back to the last snapshot or the one before, as the engine does.
"""

import pickle
import shutil
import tempfile
from collections import Counter, deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connectors.delivery.delivery import Delivery, dead_letter
from connectors.delivery.in_flight import InFlight
from connectors.delivery.outbox import Outbox
from connectors.delivery.overflow import Overflow
from connectors.delivery.sink import PART, AppsFlyerSink
from connectors.shutdown import Shutdown
from connectors.state.disk import StateDisk
from connectors.state.journal import Journal
from connectors.state.layout import MANIFEST
from connectors.state.manifest import Manifest, Snapshot
from connectors.state.seal import unseal
from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason, FilterReason
from flows.domain.ledger import Ledger
from tests.fixtures.examples import examples

SYNC, APP = "s", "id1"
LANE = f"{SYNC}/{APP}"
FILTERED_EVERY = 5
_T = TypeVar("_T")


class Model:
    """What must be true: which offsets are final, how safely, and how often each was sent."""

    def __init__(self) -> None:
        self.next = 0
        self.final: set[int] = set()
        self.flushed: set[int] = set()
        self.sent: Counter[int] = Counter()
        self.excused: Counter[int] = Counter()
        self.snapshots: list[tuple[int, frozenset[int]]] = [(0, frozenset())]

    def end(self, offset: int) -> None:
        """Its fate is final, and not yet out of reach of a crash."""
        self.sent[offset] += 1
        self.final.add(offset)

    def flush(self) -> None:
        """All fates are out of reach of a crash."""
        self.flushed |= self.final

    def crash(self, snapshot: int) -> None:
        """What the journal did not have may be sent once more."""
        self.next, known = self.snapshots[snapshot]
        self.excused.update(self.final - self.flushed)
        self.final = set(known) | self.flushed
        self.snapshots = [self.snapshots[snapshot]]

    def lose_the_store(self, committed: int) -> None:
        """A start at the group's offset: what lies below it was final."""
        self.snapshots = [(committed, frozenset(range(committed)))]
        self.excused.subtract(each for each in self.final - self.flushed if each < committed)
        self.crash(0)

    def lowest_open(self) -> int:
        """Return the lowest offset that was read and is not final."""
        return min((each for each in range(self.next) if each not in self.final), default=self.next)


def _pop(what: deque[_T], data: st.DataObject) -> _T:
    place = data.draw(st.integers(0, len(what) - 1))
    popped = what[place]
    del what[place]
    return popped


class Fates(RuleBasedStateMachine):
    """Read, deliver, fail, give up, set aside, snapshot, crash, restore, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="fates-"))
        self.model = Model()
        self.stored: list[bytes] = [pickle.dumps((0, None))]
        self.journal: Journal | None = None
        self.committed = 0

    @initialize()
    def begin(self) -> None:
        """Start without a snapshot."""
        self._start(0, None)

    def _start(self, offset: int, state: Any) -> None:
        self.next = offset
        self.ledger = Ledger([SYNC], 1000)
        manifest = Manifest(self.directory, Snapshot(*unseal(state)[3]) if state is not None else None)
        self.journal = Journal(self.directory / "journal", manifest)
        overflow = Overflow(self.directory / "overflow", StateDisk(self.directory))
        self.outbox = Outbox(self.ledger, self.journal, manifest, overflow)
        self.deliveries = self.outbox.arrived
        self.letters = self.outbox.letters
        self.outbox.resume(unseal(state) if state is not None else None)
        drain: Any = SimpleNamespace(raise_errors=lambda: None)
        sink = AppsFlyerSink(self.outbox, drain, Shutdown(), self._snapshot_taken, lambda: None)
        self.partition = sink.build_part("sink", PART, state)

    def _snapshot_taken(self) -> None:
        assert self.journal is not None
        read = self.ledger.watermarks()
        self.journal.snapshot_taken({place: min(offset, self.committed) for place, offset in read.items()})

    def _take_delivery(self, data: st.DataObject) -> InFlight:
        return _pop(self.deliveries, data)

    def _let_go(self) -> None:
        self.outbox.close()

    @rule(count=st.integers(1, 6))
    def read(self, count: int) -> None:
        """Read the next events; some are filtered at once."""
        items: list[Delivery | DeadLetter] = []
        for offset in range(self.next, self.next + count):
            position = Position("t", 0, offset)
            self.ledger.open_all([position])
            if offset % FILTERED_EVERY == 0:
                self.ledger.filtered(position, 0, FilterReason.NOT_SELECTED)
                self.model.final.add(offset)
                self.model.flushed.add(offset)  # it is filtered again, and sent to nobody
            else:
                items.append(Delivery(SYNC, 0, "e", APP, b"{}", b"%d" % offset, None, position, 0))
        self.next = self.model.next = self.next + count
        self.partition.write_batch([items])

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """AppsFlyer accepts one."""
        in_flight = self._take_delivery(data)
        self.model.end(in_flight.delivery.position.offset)
        self.outbox.delivered(in_flight)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """One is tried and will be again."""
        in_flight = self._take_delivery(data)
        in_flight.attempts = in_flight.attempts._replace(made=in_flight.attempts.made + 1)
        self.deliveries.append(in_flight)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """One becomes a dead letter that is not stored yet."""
        in_flight = self._take_delivery(data)
        letter = dead_letter(in_flight.delivery, DeadLetterReason.REJECTED, "refused", in_flight.attempts, 1)
        self.outbox.given_up(in_flight, letter)

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def store(self, data: st.DataObject) -> None:
        """A dead letter is durable."""
        letter = _pop(self.letters, data)
        self.model.end(letter.position.offset)
        self.outbox.written([letter])

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def set_aside(self, data: st.DataObject) -> None:
        """The app is in trouble: one goes to the disk."""
        assert self.outbox.set_aside(self._take_delivery(data))

    @precondition(lambda self: self.outbox.set_aside_count)
    @rule(most=st.integers(1, 4))
    def take_back(self, most: int) -> None:
        """The app is well again."""
        self.deliveries += self.outbox.take_back(LANE, most)

    @rule()
    def flush(self) -> None:
        """The sender's round ends."""
        assert self.journal is not None
        self.journal.flush()
        self.model.flush()

    @rule()
    def snapshot(self) -> None:
        """An epoch ends."""
        self.stored.append(pickle.dumps((self.next, self.partition.snapshot())))
        self.model.flush()
        self.model.snapshots.append((self.model.next, frozenset(self.model.final)))

    @rule()
    def commit(self) -> None:
        """The consumer group gets the low watermark."""
        self.committed = max(self.committed, self.ledger.watermark("t", 0) or 0)

    @rule()
    def lose_the_store(self) -> None:
        """Kill -9 without a recovery store, or it is gone: the source begins at the group's offset."""
        assert self.journal is not None
        self.journal._file.close()
        self._let_go()
        self.model.lose_the_store(self.committed)
        (self.directory / MANIFEST).unlink()  # as the runbook says
        self.stored = [pickle.dumps((self.committed, None))]
        self._start(self.committed, None)

    @rule(committed=st.sampled_from([1, 2]))
    def crash_and_restore(self, committed: int) -> None:
        """Kill -9; the engine goes back to its last snapshot, or to the one before if that one was not committed."""
        assert self.journal is not None
        self.journal._file.close()
        self._let_go()
        place = max(len(self.stored) - committed, 0)
        self.model.crash(place)
        self.stored = [self.stored[place]]
        self._start(*pickle.loads(self.stored[0]))  # noqa: S301 - our own

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whatever was read and is not final is in somebody's hands."""
        if self.journal is None:
            return
        held = {each.delivery.position.offset for each in self.deliveries} | {
            each.position.offset for each in self.letters
        }
        missing = [each for each in range(self.model.next) if each not in self.model.final and each not in held]
        assert len(missing) <= self.outbox.set_aside_count

    @invariant()
    def nothing_is_sent_twice_without_an_excuse(self) -> None:
        """Only what ended after the last flush before a crash may end again."""
        assert all(count <= 1 + self.model.excused[offset] for offset, count in self.model.sent.items())

    @invariant()
    def the_watermark_passes_no_open_entry(self) -> None:
        """The group's offset never passes what is not final."""
        if self.journal is not None:
            watermark = self.ledger.watermark("t", 0)
            assert watermark is None or watermark <= self.model.lowest_open()

    def teardown(self) -> None:
        """Let everything come to its end: then each event has a fate, and the ledger agrees."""
        if self.journal is not None:
            while self.outbox.set_aside_count:
                self.deliveries += self.outbox.take_back(LANE, 100)
            for in_flight in self.deliveries:
                self.model.end(in_flight.delivery.position.offset)
                self.outbox.delivered(in_flight)
            for letter in self.letters:
                self.model.end(letter.position.offset)
                self.outbox.written([letter])
            assert self.model.lowest_open() == self.model.next
            assert self.ledger.pending(0) == len(self.outbox) == self.ledger.open_events == self.ledger.held_events
            assert self.ledger.pending(0) == 0
            self.nothing_is_sent_twice_without_an_excuse()
            self.journal.close()
            self._let_go()
        shutil.rmtree(self.directory)


TestFates = Fates.TestCase
TestFates.settings = examples(100, stateful_step_count=60, suppress_health_check=[HealthCheck.too_slow])
