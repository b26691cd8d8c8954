"""What a rekeying has read, and by what its records are keyed. What of them is written, the ledger knows."""

from collections import Counter
from collections.abc import Sequence
from threading import Lock

from flows.domain.repartition import KeyedBy, KeyedRecord


class RekeyCounts:
    """Counts what is read. Safe for use by several threads."""

    def __init__(self) -> None:
        self.records = 0
        """Records read."""
        self.split = 0
        """Those of them that fell into several: upload bodies."""
        self.empty = 0
        """Those of them that held nothing: upload bodies without events."""
        self.by: Counter[KeyedBy] = Counter()
        """Records to write."""
        self._lock = Lock()

    def add(self, batch: Sequence[list[KeyedRecord]]) -> None:
        """Count what each record of a batch becomes."""
        by = Counter(each.by for keyed in batch for each in keyed)
        split = sum(len(keyed) > 1 for keyed in batch)
        empty = sum(not keyed for keyed in batch)
        with self._lock:
            self.records += len(batch)
            self.split += split
            self.empty += empty
            self.by.update(by)
