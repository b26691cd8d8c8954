"""What a collector tells about itself: its pages and its metrics are made of this."""

from collections.abc import Sequence
from typing import Protocol

from connectors.collector.counts import CollectorCounts
from connectors.event_writer import Waiting
from connectors.tee.counts import TeeCounts


class Child(Protocol):
    """The stream that runs beside a collector."""

    starts: int
    """How many times it was started."""
    exit_code: int | None
    """How it ended last."""
    last_words: Sequence[str]
    """Its last lines at that time."""

    @property
    def is_running(self) -> bool:
        """Whether it runs."""

    @property
    def is_missing(self) -> bool:
        """Whether it does not run, although it is to."""


class CollectorView(Protocol):
    """One collector. Any thread may read it."""

    @property
    def counts(self) -> CollectorCounts:
        """What was counted."""

    @property
    def blocked(self) -> str | None:
        """Why nothing can be stored now."""

    @property
    def waiting(self) -> Waiting | None:
        """What is stored and has not met its fate, as of some seconds ago; None where the collector does not know."""

    @property
    def tee_counts(self) -> TeeCounts | None:
        """What became of copies for Amplitude; None where nothing goes there."""

    @property
    def is_closing(self) -> bool:
        """Whether it stops."""

    @property
    def child(self) -> Child | None:
        """The stream, where it is to run beside the collector; it is started when a sync is enabled."""
