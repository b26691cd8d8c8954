"""Punctuation: a mark in the stream, behind all that a worker has read before it."""

from typing import NamedTuple


class Punctuation(NamedTuple):
    """Of what the source held at a time, nothing is behind this mark, as far as this worker has read it."""

    worker: int
    read_to_ms: int
    """The time, in ms of reading: see `connectors.read_clock`."""
