"""What was taken and is not final yet: in memory, or set aside on disk where an app's trouble keeps too much back."""

import shutil
from collections.abc import Collection
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import structlog

from connectors.delivery.delivery import Attempts, Delivery, attempts_of
from connectors.delivery.items import (
    Item,
    Key,
    key_of,
    open_entry,
    pack,
    say_disabled,
    size_bytes,
    sync_disabled,
    unpack,
)
from connectors.state.journal import DELIVERED, Journal
from connectors.state.layout import spill_directory
from connectors.state.manifest import Manifest
from connectors.state.spill import Mark, Spill
from connectors.state.step_states import SinkState
from flows.domain.fate import DeadLetter, DeadLetterReason
from flows.domain.foreign import is_foreign
from flows.domain.ledger import Ledger

log = structlog.get_logger()

MOST_SET_ASIDE: Final = 500_000
"""Per app; then the source waits for it. The ledger's entry of each stays in memory, some 150 bytes."""
TAKEN_BACK_BYTES: Final = 8 << 20
"""What is moved back from the disk at a time, at the most."""


class _Outbox(NamedTuple):
    item: Item
    attempts: Attempts


class Outbox:
    """What was taken and is not final yet. The worker adds; sender and dead-letter queue take away."""

    def __init__(self, ledger: Ledger, journal: Journal, spill_directory: Path, manifest: Manifest) -> None:
        self._ledger = ledger
        self._journal = journal
        self._spill_directory = spill_directory
        self._manifest = manifest
        self._spills: dict[str, Spill] = {}
        self._moving = Lock()
        """Held while something moves to or from a spill, for a snapshot must find it in exactly one place."""
        self._places = {name: place for place, name in enumerate(ledger.sync_names)}
        self._items: dict[Key, _Outbox] = {}
        self.size_bytes = 0
        """The memory that they take, about. Moved without a lock, as `Level` is."""
        self._disabled_lanes: tuple[str, ...] = ()
        """What waits on disk for syncs that are not enabled any more."""

    def __len__(self) -> int:
        """Return how many are in memory."""
        return len(self._items)

    @property
    def set_aside_count(self) -> int:
        """How many wait on disk."""
        return sum(spill.size for spill in list(self._spills.values()))

    def besides(self, syncs: Collection[str]) -> int:
        """Return how many are in memory and set aside that are not requests of these syncs, without knowing when."""
        if not syncs:
            return len(self._items) + self.set_aside_count
        waiting = sum(
            not (isinstance(each.item, Delivery) and each.item.sync in syncs) for each in list(self._items.values())
        )
        aside = sum(flow.size for lane, flow in list(self._spills.items()) if lane.partition("/")[0] not in syncs)
        return waiting + aside

    def set_aside_of(self, lane: str) -> int:
        """Return how many of a lane's wait on disk."""
        spill = self._spills.get(lane)
        return spill.size if spill is not None else 0

    def add(self, item: Item, attempts: Attempts = Attempts()) -> None:  # noqa: B008 - frozen
        """Take an item."""
        size = size_bytes(item)
        self._items[key_of(item)] = _Outbox(item, attempts)
        self.size_bytes += size

    def delivered(self, delivery: Delivery) -> None:
        """AppsFlyer has it."""
        key = key_of(delivery)
        self._journal.record(key, DELIVERED)
        self._ledger.delivered(delivery.position, self._places[delivery.sync], delivery.copy)
        size = size_bytes(delivery)
        del self._items[key]
        self.size_bytes -= size

    def attempted(self, delivery: Delivery, attempts: Attempts) -> None:
        """It was tried, and will be again."""
        self._items[key_of(delivery)] = _Outbox(delivery, attempts)

    def given_up(self, letter: DeadLetter) -> None:
        """It becomes a dead letter, which is not durable yet."""
        self._items[key_of(letter)] = _Outbox(letter, Attempts())

    def written(self, letter: DeadLetter) -> None:
        """Its dead letter is durable."""
        key = key_of(letter)
        self._journal.record(key, letter.reason.value)
        self._close_dead_lettered(letter, letter.reason)
        size = size_bytes(letter)
        del self._items[key]
        self.size_bytes -= size

    def recalled(self, item: Item) -> bool:
        """Return whether an earlier run brought it to its end already; it is then counted as what it was."""
        fate = self._earlier_fate(item)
        if fate is None:
            return False
        if fate == DELIVERED and item.sync is not None:
            self._ledger.delivered(item.position, self._place(item.sync), item.copy)
        else:
            self._close_dead_lettered(item, DeadLetterReason(fate))
        return True

    def _earlier_fate(self, item: Item) -> str | None:
        return self._journal.recall(key_of(item))

    def _close_dead_lettered(self, item: Item, reason: DeadLetterReason) -> None:
        place = None if item.sync is None else self._place(item.sync)
        foreign = place is None and isinstance(item, DeadLetter) and is_foreign(item.value)
        self._ledger.dead_lettered(item.position, place, item.copy, reason, is_foreign=foreign)

    def _place(self, sync: str) -> int:
        place = self._places.get(sync)
        if place is None:
            place = self._places[sync] = self._ledger.place_of(sync)
        return place

    def set_aside(self, delivery: Delivery, attempts: Attempts) -> bool:
        """Move it to the disk, where it takes no room; return False where that cannot be."""
        with self._moving:
            spill = self._spill(delivery.lane)
            if spill.size >= MOST_SET_ASIDE:
                return False
            try:
                spill.append((pack(delivery), tuple(attempts)))
            except OSError as problem:
                log.warning("the overflow cannot be written; other apps may have to wait", why=problem.strerror)
                return False
            size = size_bytes(delivery)
            del self._items[key_of(delivery)]
            self.size_bytes -= size
            self._ledger.held(1)
            return True

    def take_back(self, lane: str, most: int) -> list[tuple[Delivery, Attempts]]:
        """Move up to so many of a lane's back to memory, the oldest first, and return them; fewer of large ones."""
        spill = self._spills.get(lane)
        if spill is None or not spill.size:
            return []
        taken: list[tuple[Delivery, Attempts]] = []
        with self._moving:
            for packed, so_far in spill.take(most, TAKEN_BACK_BYTES):
                self._ledger.held(-1)
                delivery = unpack(packed)
                if isinstance(delivery, Delivery) and not self.recalled(delivery):
                    self.add(delivery, attempts_of(so_far))
                    taken.append((delivery, attempts_of(so_far)))
        return taken

    def disabled(self, most: int) -> list[DeadLetter]:
        """Move up to so many of what is set aside for syncs that are not enabled any more back, as dead letters."""
        letters: list[DeadLetter] = []
        for lane in self._disabled_lanes:
            for delivery, attempts in self.take_back(lane, most - len(letters)):
                letters.append(sync_disabled(delivery, attempts))
                self.given_up(letters[-1])
        if letters and not any(self.set_aside_of(lane) for lane in self._disabled_lanes):
            self._disabled_lanes = ()
        return letters

    @property
    def has_disabled(self) -> bool:
        """Whether something is set aside for syncs that are not enabled any more."""
        return bool(self._disabled_lanes)

    def state(self) -> tuple[Any, ...]:
        """Return everything as builtins: see `SinkState`.

        What waits in a spill is durable then. Raises OSError.
        """
        with self._moving:
            items = [(pack(each.item), tuple(each.attempts)) for each in list(self._items.values())]
            marks = {lane: spill.mark() for lane, spill in self._spills.items()}
            return SinkState(items, marks, self._manifest.next_snapshot()).packed()

    def snapshot_taken(self) -> None:
        """Remove what no snapshot needs any more."""
        with self._moving:
            for spill in self._spills.values():
                spill.snapshot_taken()

    def resume_spills(self, marks: dict[str, Mark]) -> None:
        """Open the overflows where a snapshot says they stood, and the entries of what waits there.

        Raises DamagedStateError where one is not what was written, or OSError.
        """
        for lane, mark in marks.items():
            sync = lane.partition("/")[0]
            spill = self._spills[lane] = Spill(self._directory(lane), mark)
            for packed, _ in spill.peek():
                open_entry(self._ledger, unpack(packed))
            self._ledger.held(spill.size)
            if spill.size and not self._ledger.is_enabled(sync):
                say_disabled(sync, spill.size)
                self._disabled_lanes = (*self._disabled_lanes, lane)

    def forget_spills(self) -> None:
        """Remove what an earlier run set aside: without a snapshot it is read from the source again."""
        shutil.rmtree(self._spill_directory, ignore_errors=True)

    def _spill(self, lane: str) -> Spill:
        spill = self._spills.get(lane)
        if spill is None:
            spill = self._spills[lane] = Spill(self._directory(lane))
        return spill

    def _directory(self, lane: str) -> Path:
        return spill_directory(self._spill_directory, lane)
