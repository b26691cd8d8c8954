"""Heard: a mark that travels through the stream behind all that a worker has read before it."""

from typing import NamedTuple


class Heard(NamedTuple):
    """Of what the source held at a time, nothing is behind this mark, as far as this worker has read it."""

    worker: int
    heard_ms: int
    """The time, in ms of reading: see `connectors.hearing`."""
