"""Where the partitions end: asked of Kafka now and then, for what is there and was not read yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.kafka.cluster import Cluster, failure
from connectors.kafka.passing import Passing

if TYPE_CHECKING:
    from concurrent.futures import Future

EVERY_SECONDS = 5.0
"""One small request to each broker; what is read in between is known without it."""
AWAITED_EVERY_SECONDS = 1.0
"""While events wait until what is there now has been read."""


class Ends:
    """Asks for the partitions' ends. Not thread-safe, apart from reading its attributes."""

    def __init__(self, cluster: Cluster, partitions: Sequence[int], passing: Passing | None = None) -> None:
        """`passing` is told when Kafka was asked, and what it has answered."""
        self._cluster = cluster
        self._partitions = partitions
        self._passing = passing
        self._asked: dict[int, Future[Any]] = {}
        self._asked_at = 0.0
        self._ask_at = 0.0
        self.known: dict[int, int] = {}
        self.answered_at: float | None = None
        """When Kafka last answered all of it, by the clock that `look` is given."""

    def look(self, now: float) -> None:
        """Take the answers that are there; ask if it is time. Does not block."""
        if self._asked and all(each.done() for each in self._asked.values()):
            asked, self._asked = self._asked, {}
            is_awaited = self._passing is not None and self._passing.read_clock.is_awaited
            self._ask_at = now + (AWAITED_EVERY_SECONDS if is_awaited else EVERY_SECONDS)
            answers = {partition: each.result().offset for partition, each in asked.items() if failure(each) is None}
            self.known = self.known | answers
            if len(answers) == len(asked):
                self.answered_at = now
            if self._passing is not None:
                self._passing.answered(self._asked_at, answers)
        if not self._asked and now >= self._ask_at:
            self._asked_at = now
            self._asked = self._cluster.ask_ends(self._partitions)
        if self._passing is not None:
            self._passing.look()
