"""The ledger: the one place that knows the fate of every event that was read.

An event has an entry for each enabled sync, and one more for each further name under which a sync sends it. An entry is
opened when the event is decoded and closed once, when its fate is final. What decode refuses has one entry of its own.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Lock

from flows.domain.arrivals import Arrivals
from flows.domain.brake import Brake
from flows.domain.event import Platform, Position
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.open_entries import REFUSAL_BIT, OpenEntries, oldest_ms
from flows.domain.warning import EventWarning


class SyncCounts:
    """What became of the entries of one sync."""

    def __init__(self) -> None:
        self.copies = 0
        """Entries beyond one per event."""
        self.resumed = 0
        """Those of the copies that an earlier run had read and left pending."""
        self.delivered = 0
        self.duplicate = 0
        self.filtered: Counter[FilterReason] = Counter()
        self.dead_lettered: Counter[DeadLetterReason] = Counter()
        self.warnings: Counter[EventWarning] = Counter()
        self.built: Counter[tuple[Platform, tuple[str, ...]]] = Counter()
        """Requests that were built, by their platform and the device identifiers that they lack: one count for each."""

    @property
    def requests(self) -> Counter[Platform]:
        """Requests that were built, by platform."""
        counts: Counter[Platform] = Counter()
        for (platform, _), count in list(self.built.items()):
            counts[platform] += count
        return counts

    @property
    def absent(self) -> Counter[str]:
        """Device identifiers that requests lacked."""
        counts: Counter[str] = Counter()
        for (_, identifiers), count in list(self.built.items()):
            for identifier in identifiers:
                counts[identifier] += count
        return counts


class Ledger:
    """Opens, closes and counts. Safe for use by several threads."""

    def __init__(self, sync_names: Sequence[str], max_pending: int, brake: Brake | None = None) -> None:
        self.enabled = tuple(sync_names)
        self.sync_names = self.enabled
        """Those that are enabled, and behind them those of which an earlier run left something."""
        self.read = 0
        """Events read, those that decode refused among them."""
        self.empty = 0
        """Records read that hold no event; none of them is among `read`, for they have no outcome."""
        self.refused: Counter[DeadLetterReason] = Counter()
        self.open_refusals = 0
        """Refusals that are not stored yet."""
        self.syncs = [SyncCounts() for _ in sync_names]
        self._max_pending = max_pending
        self.brake = brake or Brake(1.0, 1)
        self._entries = OpenEntries(len(self.sync_names))
        self._held_events = 0
        self._held_bytes = 0
        self._lock = Lock()
        self._every_sync = ((1 << len(self.sync_names)) - 1) << 1
        self._retired: list[SyncCounts] = []
        self.arrivals = Arrivals()
        """When what is open had arrived; whoever opens entries notes it here."""

    def is_enabled(self, sync: str) -> bool:
        """Return whether a sync gets what is read."""
        return sync in self.enabled

    def place_of(self, sync: str) -> int:
        """Return a sync's place, also of one that is not enabled any more, for what an earlier run left of it.

        Such a sync has entries of its leftovers alone. What is read is not selected by it, so that its numbers add up
        as those of the others do.
        """
        with self._lock:
            if sync not in self.sync_names:
                self._entries.widen(len(self.sync_names) + 1)
                self.sync_names = (*self.sync_names, sync)
                counts = SyncCounts()
                counts.filtered[FilterReason.NOT_SELECTED] = self.read - self.refused.total() - self.open_refusals
                self._retired.append(counts)
                self.syncs.append(counts)
            return self.sync_names.index(sync)

    def room(self) -> int:
        """Return how many more events may be read now. Held events take no room, for what they wait for is unread."""
        if self.brake.is_on:
            return 0
        return self._max_pending - (self._entries.events - self._held_events)

    def open_all(self, events: Iterable[Position], refused: Iterable[Position] = ()) -> None:
        """Open the entries of what was read together, one an event and enabled sync, and one of what decode refused.

        At once: the watermark never stands above what is still to be opened.
        """
        with self._lock:
            opened = self._entries.open(events, self._every_sync)
            refusals = self._entries.open(refused, REFUSAL_BIT)
            self.read += opened + refusals
            self.open_refusals += refusals
            for counts in self._retired:
                counts.filtered[FilterReason.NOT_SELECTED] += opened

    def read_nothing(self, position: Position) -> None:
        """Count a record that holds no event, a tombstone or an empty upload body; move the watermark past it."""
        with self._lock:
            self.empty += 1
            self._entries.pass_by(position)

    def open_copy(self, position: Position, sync: int, copy: int) -> None:
        """Open the entry of a further name under which a sync sends an event."""
        with self._lock:
            self._entries.add_copy(position, sync, copy)
            self.syncs[sync].copies += 1

    def resume(self, position: Position, sync: int, copy: int) -> None:
        """Open the entry of an event that an earlier run had read and left pending."""
        with self._lock:
            self._entries.add(position, sync, copy)
            self.syncs[sync].copies += 1
            self.syncs[sync].resumed += 1

    def resume_refused(self, position: Position) -> None:
        """Open the entry of a refusal that an earlier run had read and not yet stored."""
        with self._lock:
            self._entries.add_refusal(position)
            self.read += 1
            self.open_refusals += 1

    def filtered(self, position: Position, sync: int, reason: FilterReason, copy: int = 0) -> None:
        """Close an entry that the sync does not want."""
        with self._lock:
            self._entries.close(position, sync, copy)
            self.syncs[sync].filtered[reason] += 1

    def duplicate(self, position: Position, sync: int, copy: int) -> None:
        """Close an entry whose event was taken before."""
        with self._lock:
            self._entries.close(position, sync, copy)
            self.syncs[sync].duplicate += 1

    def delivered(self, position: Position, sync: int, copy: int) -> None:
        """Close an entry that AppsFlyer has accepted."""
        with self._lock:
            self._entries.close(position, sync, copy)
            self.syncs[sync].delivered += 1
            self.brake.delivered()

    def dead_lettered(
        self, position: Position, sync: int | None, copy: int, reason: DeadLetterReason, *, is_foreign: bool = False
    ) -> None:
        """Close an entry whose dead letter is durable; without a sync, that of what decode refused.

        A foreign record, which was never meant to be an event, is no reason for the brake.
        """
        with self._lock:
            if not is_foreign:
                self.brake.dead_lettered(reason)
            if sync is None:
                self._entries.close_refusal(position)
                self.refused[reason] += 1
                self.open_refusals -= 1
            else:
                self._entries.close(position, sync, copy)
                self.syncs[sync].dead_lettered[reason] += 1

    def held(self, change: int, change_bytes: int = 0) -> None:
        """Count events that wait in their user's state, and the memory that they take."""
        with self._lock:
            self._held_events += change
            self._held_bytes += change_bytes

    @property
    def held_events(self) -> int:
        """How many events wait in their users' state."""
        return self._held_events

    @property
    def held_bytes(self) -> int:
        """The memory that these take, about."""
        return self._held_bytes

    def built(self, sync: int, platform: Platform, warnings: Sequence[EventWarning], absent: tuple[str, ...]) -> None:
        """Count a request that was built, what it lacks and what it will cost."""
        with self._lock:
            counts = self.syncs[sync]
            counts.built[platform, absent] += 1
            for warning in warnings:
                counts.warnings[warning] += 1

    def pending(self, sync: int) -> int:
        """Return how many of a sync's entries are open: counted one by one, not derived from the other numbers."""
        with self._lock:
            masks = self._entries.masks()
        return self._entries.of_sync(masks, sync)

    def oldest_ms(self) -> dict[str, int]:
        """Return sync → when the oldest of its open entries had arrived, in ms since the epoch; without it: none is."""
        with self._lock:
            names, copied = self.sync_names, self._entries.copied()
        return oldest_ms(copied, names, self.arrivals)

    def pending_refusals(self) -> int:
        """Return how many refusals are not yet stored."""
        with self._lock:
            masks = self._entries.masks()
        return sum(bool(mask & REFUSAL_BIT) for mask in masks)

    @property
    def open_events(self) -> int:
        """How many events have an open entry."""
        return self._entries.events

    def watermark(self, source: str, partition: int) -> int | None:
        """Return the lowest offset of a partition that is not final; None if nothing of it was decoded."""
        with self._lock:
            return self._entries.watermark(source, partition)

    def pending_offsets(self, source: str, partition: int) -> tuple[list[int], int] | None:
        """Return the offsets that are not final, sorted, and the one after the last that was read; None before that."""
        with self._lock:
            found = self._entries.offsets(source, partition)
        return None if found is None else (sorted(set(found[0])), found[1])

    def watermarks(self) -> dict[tuple[str, int], int]:
        """Return the watermark of every source partition of which something was decoded."""
        return {place: offset for place in self._entries.places() if (offset := self.watermark(*place)) is not None}
