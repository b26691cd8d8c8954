"""Warm-up: records that stand before the first one to be sent, and only teach.

A stream without state of its own that begins at the group's committed offset knows nobody. So it begins to read some
time before that offset. What stands before it is final, for the group's offset never passes anything else: it teaches
identifiers and insert_ids, opens no entry, and is neither counted nor sent nor refused.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flows.domain.event import Event, Position, Record
from flows.domain.select import SyncTarget, Undecided

_MS_PER_HOUR = 3_600_000


class WarmUpEvent(NamedTuple):
    """An event that only teaches."""

    event: Event
    targets: tuple[SyncTarget, ...]
    """Where it was sent to, if it was."""
    undecided: Undecided | None = None
    """Where else it may have been sent to."""


class WarmUp:
    """Up to where each partition only teaches. Every worker of the process may ask it."""

    __slots__ = ("borders", "finals")

    def __init__(self) -> None:
        self.borders: dict[tuple[str, int], int] = {}
        """(source, partition) → offset of the first record that does more than teach. Empty where none only teaches."""
        self.finals: dict[tuple[str, int], tuple[int, frozenset[int]]] = {}
        """(source, partition) → up to where records only teach beyond the border, and which of them do more."""

    def begin(self, source: str, partition: int, border: int) -> None:
        """Let a partition's records below an offset only teach, for as long as the process lives."""
        self.borders[source, partition] = border

    def begin_final(self, source: str, partition: int, until: int, pending: Iterable[int]) -> None:
        """Let a partition's records below an offset only teach, apart from the pending ones."""
        self.borders.setdefault((source, partition), 0)
        self.finals[source, partition] = (until, frozenset(pending))

    def covers(self, position: Position) -> bool:
        """Return whether an event only teaches."""
        return self._covers(position.source, position.partition, position.offset)

    def split(self, records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
        """Return the records that only teach, and the others; both in their order."""
        lessons: list[Record] = []
        others: list[Record] = []
        for each in records:
            (lessons if self._covers(each.source, each.partition, each.offset) else others).append(each)
        return lessons, others

    def _covers(self, source: str, partition: int, offset: int) -> bool:
        place = (source, partition)
        if offset < self.borders.get(place, 0):
            return True
        final = self.finals.get(place)
        return final is not None and offset < final[0] and offset not in final[1]


def since_ms(last_ms: int | None, now_ms: int, hours: float) -> int:
    """Return the time from which on to learn: so many hours before the last final record, or before now if it is later.

    `last_ms` is that record's timestamp, None if it has none. Never below 0.
    """
    until_ms = now_ms if last_ms is None or last_ms <= 0 else min(last_ms, now_ms)
    return max(until_ms - int(hours * _MS_PER_HOUR), 0)


def begin_at(committed: Mapping[int, int], first: Mapping[int, int], found: Mapping[int, int]) -> dict[int, int]:
    """Return partition → the offset to begin at, for those that have something to learn from.

    Args:
        committed: partition → the group's offset.
        first: partition → the oldest offset that Kafka has.
        found: partition → the first offset that is young enough; below 0 if there is none.
    """
    begins = {}
    for partition, border in committed.items():
        wanted = found.get(partition, -1)
        begin = max(border if wanted < 0 else min(wanted, border), first[partition])
        if begin < border:
            begins[partition] = begin
    return begins
