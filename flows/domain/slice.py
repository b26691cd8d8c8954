"""Slices: which part of the Kafka partitions a process owns, and how it is typed."""

import argparse
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the Kafka partitions this process owns."""

    index: int
    """From 0 to count - 1."""
    count: int

    def __str__(self) -> str:
        """Print as it is typed."""
        return f"{self.index}/{self.count}"


def parse_slice(text: str) -> Slice:
    """Read `i/N`. Raises argparse's error for anything else."""
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise argparse.ArgumentTypeError(f"found {text!r}; expected i/N with i from 0 to N-1; write for example 0/4")
    return Slice(int(match[1]), int(match[2]))
