"""Open entries: which events have no final fate yet, per source partition, as bits. The ledger locks around it."""

from collections.abc import Iterable, Sequence
from typing import Final

from flows.domain.arrivals import Arrivals
from flows.domain.event import Position

_PLACE_BITS: Final = 20
"""A record is at most 1 MB, so it holds fewer than 2^20 events."""
REFUSAL_BIT: Final = 1
"""The entry of what decode refused. An event is refused or belongs to the syncs, never both."""


class LedgerError(Exception):
    """An entry was closed twice, closed without being open, or opened twice: a defect, so the process must stop."""


class _OpenPartition:
    """Of one source partition: event → bits, one a sync and copy, or the refusal's."""

    __slots__ = ("next_offset", "open")

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.next_offset: int | None = None


class OpenEntries:
    """Opens and closes. Not safe for use by several threads."""

    def __init__(self, sync_count: int) -> None:
        self.events = 0
        """How many events have an open entry."""
        self._partitions: dict[tuple[str, int], _OpenPartition] = {}
        self._width = max(1, sync_count)

    def open(self, positions: Iterable[Position], bits: int) -> int:
        """Open entries of each event that was read; return how many events. Raises LedgerError."""
        count = 0
        partition = None
        place: tuple[str, int] = ("", -1)
        for position in positions:
            source, number, offset, index = position
            if partition is None or place != (source, number):
                place = (source, number)
                partition = self._partition(position)
            key = offset << _PLACE_BITS | index
            if key in partition.open:
                raise LedgerError(f"{position} was opened twice")
            if partition.next_offset is None or partition.next_offset <= offset:
                partition.next_offset = offset + 1
            count += 1
            if bits:
                partition.open[key] = bits
        if bits:
            self.events += count
        return count

    def pass_by(self, position: Position) -> None:
        """Move the watermark past a record that holds no event."""
        partition = self._partition(position)
        partition.next_offset = max(position.offset + 1, partition.next_offset or 0)

    def add(self, position: Position, sync: int, copy: int) -> None:
        """Open a further entry of an event, or one of an event that an earlier run had read. Raises LedgerError."""
        self._add(position, 1 << (1 + sync + copy * self._width))

    def add_refusal(self, position: Position) -> None:
        """Open the entry of a refusal that an earlier run had read. Raises LedgerError."""
        self._add(position, REFUSAL_BIT)

    def add_copy(self, position: Position, sync: int, copy: int) -> None:
        """Open a further entry of an event that has one. Raises LedgerError."""
        partition = self._partitions.get((position.source, position.partition))
        if partition is None or not partition.open.get(_key(position), 0):
            raise LedgerError(f"{position} got a copy, but no entry of it is open")
        self.add(position, sync, copy)

    def close(self, position: Position, sync: int, copy: int) -> None:
        """Close an entry. Raises LedgerError."""
        self._close(position, 1 << (1 + sync + copy * self._width))

    def close_refusal(self, position: Position) -> None:
        """Close the entry of what decode refused. Raises LedgerError."""
        self._close(position, REFUSAL_BIT)

    def widen(self, sync_count: int) -> None:
        """Make room for one more sync in the bits of what is open; it is rare, and as a rule at the start."""
        old = self._width
        self._width = sync_count
        row = (1 << old) - 1
        for partition in self._partitions.values():
            for key, bits in partition.open.items():
                widened, rest, copy = bits & REFUSAL_BIT, bits >> 1, 0
                while rest:
                    widened |= (rest & row) << (1 + copy * self._width)
                    rest, copy = rest >> old, copy + 1
                partition.open[key] = widened

    def masks(self) -> list[int]:
        """Return the bits of every event."""
        return [mask for partition in self._partitions.values() for mask in partition.open.values()]

    def of_sync(self, masks: Sequence[int], sync: int) -> int:
        """Return how many of these bits are a sync's."""
        copies = max((mask.bit_length() for mask in masks), default=0) // self._width + 1
        bits = sum(1 << (1 + sync + copy * self._width) for copy in range(copies))
        return sum((mask & bits).bit_count() for mask in masks)

    def copied(self) -> tuple[int, list[tuple[tuple[str, int], list[tuple[int, int]]]]]:
        """Return a copy, for `oldest_ms`, which takes its time."""
        return self._width, [(place, list(partition.open.items())) for place, partition in self._partitions.items()]

    def places(self) -> list[tuple[str, int]]:
        """Return the source partitions of which something was read."""
        return list(self._partitions)

    def watermark(self, source: str, partition: int) -> int | None:
        """Return the lowest offset of a partition that is not final; None if nothing of it was read."""
        of_partition = self._partitions.get((source, partition))
        if of_partition is None:
            return None
        if of_partition.open:
            return min(of_partition.open) >> _PLACE_BITS
        return of_partition.next_offset

    def offsets(self, source: str, partition: int) -> tuple[list[int], int] | None:
        """Return the offsets of a partition's open entries, and the one after the last that was read."""
        of_partition = self._partitions.get((source, partition))
        if of_partition is None or of_partition.next_offset is None:
            return None
        return [key >> _PLACE_BITS for key in of_partition.open], of_partition.next_offset

    def _partition(self, position: Position) -> _OpenPartition:
        partition = self._partitions.get(position[:2])
        if partition is None:
            partition = self._partitions[position[:2]] = _OpenPartition()
        return partition

    def _add(self, position: Position, bits: int) -> None:
        partition = self._partition(position)
        key = _key(position)
        known = partition.open.get(key, 0)
        if known & bits:
            raise LedgerError(f"{position} was opened twice")
        partition.open[key] = known | bits
        self.events += not known

    def _close(self, position: Position, bit: int) -> None:
        partition = self._partitions.get(position[:2])
        key = _key(position)
        bits = partition.open.get(key, 0) if partition is not None else 0
        if partition is None or not bits & bit:
            raise LedgerError(f"{position} was closed, but its entry is not open")
        open_entries = partition.open
        if bits == bit:
            del open_entries[key]
            self.events -= 1
        else:
            open_entries[key] = bits ^ bit


def oldest_ms(
    copied: tuple[int, list[tuple[tuple[str, int], list[tuple[int, int]]]]], names: Sequence[str], arrivals: Arrivals
) -> dict[str, int]:
    """Return sync → when the oldest of its open entries had arrived, in ms since the epoch; without it: none is."""
    width, places = copied
    row = (1 << width) - 1
    oldest: dict[str, int] = {}
    for place, entries in places:
        entries.sort()
        arrivals.forget_below(place, entries[0][0] >> _PLACE_BITS if entries else None)
        unseen = row
        for key, bits in entries:
            rest, found = bits >> 1, 0
            while rest:
                found |= rest & row
                rest >>= width
            if not found & unseen:
                continue
            time_ms = arrivals.of(place, key >> _PLACE_BITS)
            if time_ms is None:
                continue
            for sync, name in enumerate(names):
                if found & unseen & 1 << sync:
                    oldest[name] = min(oldest.get(name, time_ms), time_ms)
            unseen &= ~found
            if not unseen:
                break
    return oldest


def _key(position: Position) -> int:
    return position.offset << _PLACE_BITS | position.place
