"""What earlier runs brought to its end: millions of entries in little memory, each of which is asked for once.

Nearly all of them were delivered, and lie close together: a bit each. The few dead letters have a place of their own.
"""

from typing import Final

from flows.domain.event import Position

DELIVERED: Final = "delivered"

Entry = tuple[Position, str | None, int]
"""(event, sync or None where decode refused it, copy)"""

_CHUNK_BITS: Final = 13
_CHUNK_BYTES: Final = 1 << (_CHUNK_BITS - 3)
_MASK: Final = (1 << _CHUNK_BITS) - 1

_Place = tuple[str, int, int, str | None, int]
"""(source, partition, place in the record, sync, copy)"""


class EarlierFates:
    """Entry → fate, the last one that it was given. Not safe for use by several threads at a time."""

    def __init__(self) -> None:
        self._delivered: dict[_Place, dict[int, bytearray]] = {}
        """Place → number of a chunk of offsets → one bit an offset."""
        self._others: dict[Entry, str] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._count

    def add(self, entry: Entry, fate: str) -> None:
        """Note the fate of an entry."""
        self.take(entry)
        self._count += 1
        if fate != DELIVERED:
            self._others[entry] = fate
            return
        (source, partition, offset, place), sync, copy = entry
        chunks = self._delivered.setdefault((source, partition, place, sync, copy), {})
        bits = chunks.get(offset >> _CHUNK_BITS)
        if bits is None:
            bits = chunks[offset >> _CHUNK_BITS] = bytearray(_CHUNK_BYTES)
        bits[(offset & _MASK) >> 3] |= 1 << (offset & 7)

    def take(self, entry: Entry) -> str | None:
        """Return the fate of an entry and forget it; None if there is none."""
        if not self._count:
            return None
        (source, partition, offset, place), sync, copy = entry
        chunks = self._delivered.get((source, partition, place, sync, copy))
        bits = chunks.get(offset >> _CHUNK_BITS) if chunks is not None else None
        bit = 1 << (offset & 7)
        at = (offset & _MASK) >> 3
        if bits is not None and bits[at] & bit:
            bits[at] ^= bit
            self._count -= 1
            return DELIVERED
        fate = self._others.pop(entry, None)
        self._count -= fate is not None
        return fate

    def forget(self, source: str, partition: int) -> None:
        """Forget a partition whose offsets begin anew: they name other events now."""
        for place in [each for each in self._delivered if each[:2] == (source, partition)]:
            chunks = self._delivered.pop(place)
            self._count -= sum(int.from_bytes(bits).bit_count() for bits in chunks.values())
        for entry in [each for each in self._others if each[0][:2] == (source, partition)]:
            del self._others[entry]
            self._count -= 1

    def clear(self) -> None:
        """Forget all."""
        self._delivered.clear()
        self._others.clear()
        self._count = 0
