"""The outbox: what was taken and is not final yet, in memory or set aside on disk; the only writer of its fate."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Event, Lock
from types import MappingProxyType
from typing import Any, Final, Protocol

from connectors.delivery.delivery import Attempts, Delivery, attempts_of
from connectors.delivery.in_flight import FRESH, InFlight
from connectors.delivery.items import (
    Item,
    Key,
    key_of,
    open_entry,
    pack,
    resume_items,
    say_disabled,
    size_bytes,
    sync_disabled,
    unpack,
)
from connectors.delivery.overflow import Overflow
from connectors.state.journal import DELIVERED, Journal
from connectors.state.manifest import Manifest
from connectors.state.step_states import SinkState
from flows.domain.fate import DeadLetter, DeadLetterReason
from flows.domain.foreign import is_foreign
from flows.domain.ledger import Ledger

_LETTERS_AT_A_TIME: Final = 500
"""Of what was set aside for a sync that is not enabled any more, so that it does not all come to memory."""


class FateObserver(Protocol):
    """Told each final fate before the journal is, as a replay remembers them across runs."""

    def final(self, item: Item, fate: str) -> None:
        """Take note of a fate: `DELIVERED`, or a dead letter's reason."""

    def earlier_fate(self, item: Item) -> str | None:
        """Return the fate that it met elsewhere meanwhile, if any."""

    def flush(self) -> None:
        """Make durable what was noted. Raises OSError."""


def _wake_nobody() -> None:
    pass


class Outbox:
    """Owns the journal and the overflow, and closes the ledger's entries.

    The worker's thread takes; the sender's takes from `arrived`, the dead-letter queue's from `letters`, and both say
    here what became of it.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        manifest: Manifest,
        overflow: Overflow,
        observer: FateObserver | None = None,
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._manifest = manifest
        self._overflow = overflow
        self._observer = observer
        self._moving = Lock()
        """Held while something moves to or from the overflow, for a snapshot must find it in exactly one place."""
        self._places = {name: place for place, name in enumerate(ledger.sync_names)}
        self._items: dict[Key, InFlight | DeadLetter] = {}
        self.size_bytes = 0
        """The memory that they take, about. Moved without a lock, as a `Gauge` is."""
        self._taken_up: tuple[list[Item], dict[Key, Attempts]] = ([], {})
        """What an earlier run left, until the flow begins."""
        self._disabled_lanes: tuple[str, ...] = ()
        """What waits on disk for syncs that are not enabled any more."""
        self.arrived: deque[InFlight] = deque()
        """What is to be sent, for the sender."""
        self.letters: deque[DeadLetter] = deque()
        """What is to be written, for the dead-letter queue."""
        self.letters_arrived = Event()
        self.wake_sender: Callable[[], None] = _wake_nobody
        self.is_awaited = False
        """Whether the sender waits, so that it is to be woken for what arrives."""

    def __len__(self) -> int:
        """Return how many are in memory."""
        return len(self._items) + len(self._taken_up[0])

    @property
    def set_aside_count(self) -> int:
        """How many wait on disk."""
        return self._overflow.size

    def set_aside_of(self, lane: str) -> int:
        """Return how many of a lane's wait on disk."""
        return self._overflow.size_of(lane)

    def besides(self, syncs: Collection[str]) -> int:
        """Return how many are in memory and set aside that are not requests of these syncs, without knowing when."""
        if not syncs:
            return len(self._items) + self.set_aside_count
        waiting = sum(
            not (isinstance(each, InFlight) and each.delivery.sync in syncs) for each in list(self._items.values())
        )
        return waiting + sum(
            size for lane, size in self._overflow.sizes().items() if lane.partition("/")[0] not in syncs
        )

    @property
    def may_send(self) -> bool:
        """Whether anything may be sent now: not while the brake is on."""
        return not self._ledger.brake.is_on

    def take(self, items: Iterable[Item], attempts: Mapping[Key, Attempts] = MappingProxyType({})) -> None:
        """Take what reached the end of the flow; what an earlier run brought to its end already is counted so."""
        deliveries: list[InFlight] = []
        letters: list[DeadLetter] = []
        for item in items:
            if self._is_recalled(item):
                continue
            if isinstance(item, Delivery):
                deliveries.append(self._add(item, attempts.get(key_of(item), FRESH) if attempts else FRESH))
            else:
                self._items[key_of(item)] = item
                self.size_bytes += size_bytes(item)
                letters.append(item)
        if deliveries:
            self.arrived.extend(deliveries)
            if self.is_awaited:
                self.wake_sender()
        if letters:
            self._write_later(letters)

    def delivered(self, in_flight: InFlight) -> None:
        """AppsFlyer has it."""
        delivery = in_flight.delivery
        if self._observer is not None:
            self._observer.final(delivery, DELIVERED)
        self._journal.record(in_flight.entry, DELIVERED)
        self._ledger.delivered(delivery.position, self._places[delivery.sync], delivery.copy)
        del self._items[in_flight.entry]
        self.size_bytes -= in_flight.size_bytes

    def given_up(self, in_flight: InFlight, letter: DeadLetter) -> None:
        """It becomes a dead letter, which is final once it is durable."""
        self._items[in_flight.entry] = letter
        self._write_later([letter])

    def written(self, letters: Iterable[DeadLetter]) -> None:
        """These dead letters are durable."""
        for letter in letters:
            entry, fate = key_of(letter), letter.reason.value
            if self._observer is not None:
                self._observer.final(letter, fate)
            self._journal.record(entry, fate)
            self._close_dead_lettered(letter, letter.reason)
            del self._items[entry]
            self.size_bytes -= size_bytes(letter)
        self.wake_sender()  # its thread writes the journal

    def settle(self) -> None:
        """Make durable what was said so far; the sender calls it in each round. Raises OSError where it cannot."""
        if self._disabled_lanes and not self.letters:
            self._give_up_disabled()
        if self._observer is not None:
            self._observer.flush()
        self._journal.flush()

    def set_aside(self, in_flight: InFlight) -> bool:
        """Move it to the disk, where it takes no room; return False where that cannot be."""
        with self._moving:
            if not self._overflow.append(in_flight):
                return False
            del self._items[in_flight.entry]
            self.size_bytes -= in_flight.size_bytes
            self._ledger.held(1)
            return True

    def take_back(self, lane: str, most: int) -> list[InFlight]:
        """Move up to so many of a lane's back to memory, the oldest first, and return them; fewer of large ones.

        None is returned only where none waits: those that an earlier run brought to their end are passed over.
        """
        if not self._overflow.size_of(lane):
            return []
        taken: list[InFlight] = []
        with self._moving:
            while most > 0 and not taken and self._overflow.size_of(lane):
                for packed, so_far in self._overflow.take(lane, most):
                    self._ledger.held(-1)
                    delivery = unpack(packed)
                    if isinstance(delivery, Delivery) and not self._is_recalled(delivery):
                        taken.append(self._add(delivery, attempts_of(so_far)))
        return taken

    def state(self) -> tuple[Any, ...]:
        """Return everything as builtins, for a snapshot: see `SinkState`.

        What waits in a spill is durable then, and what no snapshot needs any more is gone. Raises OSError.
        """
        with self._moving:
            items = [
                (pack(each.delivery), tuple(each.attempts))
                if isinstance(each, InFlight)
                else (pack(each), tuple(FRESH))
                for each in list(self._items.values())
            ]
            return SinkState(items, self._overflow.marks(), self._manifest.next_snapshot()).packed()

    def resume(self, state: tuple[Any, ...] | None) -> None:
        """Take up what an earlier run left: its state, None where there is none. None of it goes on before `begin`.

        Raises ValueError for the state of another version, DamagedStateError where a spill is not what was written,
        or OSError.
        """
        if state is None:
            self._overflow.forget()
            return
        packed, marks, _ = SinkState.unpacked(state)
        attempts = {key_of(unpack(each)): attempts_of(so_far) for each, so_far in packed}
        items = resume_items(self._ledger, [each for each, _ in packed], attempts)
        for lane, mark in marks.items():
            for each in self._overflow.resume(lane, mark):
                open_entry(self._ledger, unpack(each))
            self._ledger.held(self._overflow.size_of(lane))
        self._taken_up = items, attempts

    def begin(self) -> None:
        """Let what an earlier run left go on, now that the flow runs: a start that fails has sent and written nothing.

        What is broken off by such an end would be sent twice, at each further start.
        """
        (items, attempts), self._taken_up = self._taken_up, ([], {})
        self.take(items, attempts)
        disabled: list[str] = []
        for lane, size in self._overflow.sizes().items():
            sync = lane.partition("/")[0]
            if self._ledger.is_enabled(sync):  # the sender only looks after lanes that it has seen
                self.arrived.extend(self.take_back(lane, 1))
            elif size:
                say_disabled(sync, size)
                disabled.append(lane)
        self._disabled_lanes = tuple(disabled)  # at once: from here on it is the sender's
        self.wake_sender()

    def close(self) -> None:
        """Close the overflow's files; what waits there stays."""
        self._overflow.close()

    def _give_up_disabled(self) -> None:
        """Make dead letters of some of what is set aside for syncs that are not enabled any more."""
        room = _LETTERS_AT_A_TIME
        for lane in self._disabled_lanes:
            for in_flight in self.take_back(lane, room):
                room -= 1
                self.given_up(in_flight, sync_disabled(in_flight.delivery, in_flight.attempts))
        if not any(map(self.set_aside_of, self._disabled_lanes)):
            self._disabled_lanes = ()

    def _add(self, delivery: Delivery, attempts: Attempts) -> InFlight:
        in_flight = InFlight(delivery, attempts)
        self._items[in_flight.entry] = in_flight
        self.size_bytes += in_flight.size_bytes
        return in_flight

    def _write_later(self, letters: list[DeadLetter]) -> None:
        self.letters.extend(letters)
        self.letters_arrived.set()

    def _is_recalled(self, item: Item) -> bool:
        """Return whether it was brought to its end before; it is then counted as what it was."""
        fate = self._journal.recall(key_of(item))
        if fate is None and self._observer is not None:
            fate = self._observer.earlier_fate(item)
        if fate is None:
            return False
        if fate == DELIVERED and item.sync is not None:
            self._ledger.delivered(item.position, self._place(item.sync), item.copy)
        else:
            self._close_dead_lettered(item, DeadLetterReason(fate))
        return True

    def _close_dead_lettered(self, item: Item, reason: DeadLetterReason) -> None:
        place = None if item.sync is None else self._place(item.sync)
        foreign = place is None and isinstance(item, DeadLetter) and is_foreign(item.value)
        self._ledger.dead_lettered(item.position, place, item.copy, reason, is_foreign=foreign)

    def _place(self, sync: str) -> int:
        place = self._places.get(sync)
        if place is None:
            place = self._places[sync] = self._ledger.place_of(sync)
        return place
