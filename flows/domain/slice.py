"""Slices: which part of the Kafka partitions a process owns, and how it is written."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the Kafka partitions this process owns; by default all of them."""

    index: int = 0
    """From 0 to count - 1."""
    count: int = 1

    def __str__(self) -> str:
        """Print as it is typed."""
        return f"{self.index}/{self.count}"

    def owns(self, partition: int) -> bool:
        """Return whether a partition is one of its own."""
        return partition % self.count == self.index


ALL: Final = Slice()
"""The one slice where there are no others."""


def read_slice(text: str) -> Slice:
    """Read `i/N`. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise ValueError("expected i/N with i from 0 to N-1")
    return Slice(int(match[1]), int(match[2]))
