"""Notices partitions that were added to the topic while the stream runs."""

from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException

from connectors.kafka.cluster import Cluster, Futures, topic_id
from connectors.kafka.errors import is_missing_topic, missing_topic, reason_of
from connectors.kafka.settings import KafkaSource
from connectors.shutdown import Shutdown

HURRY_SECONDS = 5.0
"""How often the cluster is asked while it seems lost, and once the topic seems to be gone."""
MISSED_TWICE = 2


class PartitionWatch:
    """Asks for the topic's partitions now and then; new ones make the process restart itself, which takes them in.

    Not thread-safe: runs under the consumer's lock.
    """

    def __init__(
        self,
        settings: KafkaSource,
        cluster: Cluster,
        *,
        known: int,
        owns: Callable[[int], bool],
        shutdown: Shutdown,
        interval_seconds: float,
        now: float,
        known_id: str | None = None,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._known = known
        self._topic_id = known_id
        self._confirmed_from = now
        self.is_another = False
        """Whether there is another topic of that name now."""
        self.failed_since: float | None = None
        """When the last question was asked, if it has failed."""
        self._owns = owns
        self._shutdown = shutdown
        self._interval_seconds = interval_seconds
        self._asked_at = now
        self._asked: Futures = []
        self._missed = 0

    @property
    def known(self) -> int:
        """How many partitions the topic has, as far as it is known."""
        return self._known

    def look(self, now: float, *, hurry: bool) -> bool:
        """Ask if it is time, and take the answer if it is there; return whether the cluster answered just now.

        Raises:
            KafkaSetupError: the topic was deleted.
        """
        if self._asked and self._asked[0].done():
            asked, self._asked = self._asked[0], []
            error = asked.exception()
            self.failed_since = None if error is None else self._asked_at
            if error is None:
                self._missed = 0
                self._confirmed_from = self._asked_at
                if topic_id(asked.result()) != self._topic_id:
                    self.is_another = True
                else:
                    self._take(len(asked.result().partitions))
                return True
            if isinstance(error, KafkaException) and is_missing_topic(reason_of(error)):
                self._missed += 1
                if self._missed >= MISSED_TWICE:
                    raise missing_topic(self._settings) from None
        seconds = HURRY_SECONDS if hurry or self._missed else self._interval_seconds
        if not self._asked and now - self._asked_at >= min(seconds, self._interval_seconds):
            self._ask(now)
        return False

    def confirms(self, since: float, now: float) -> bool:
        """Whether it was the same topic at that time or later; asks where it is not known. Does not block.

        Raises:
            KafkaSetupError: the topic was deleted.
        """
        self.look(now, hurry=False)
        if self._confirmed_from < since and not self._asked:
            self._ask(now)
        return self._confirmed_from >= since and not self.is_another

    def _ask(self, now: float) -> None:
        self._asked_at = now
        self._asked = self._cluster.ask_partitions()

    def _take(self, partitions: int) -> None:
        new = [each for each in range(self._known, partitions) if self._owns(each)]
        known, self._known = self._known, max(partitions, self._known)
        if new:
            structlog.get_logger().warning(
                "the topic has new partitions; restarting to read them",
                topic=self._settings.topic,
                partitions_before=known,
                partitions_now=partitions,
                new_partitions=new,
            )
            self._shutdown.request(restart=True)
