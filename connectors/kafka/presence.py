"""Whether Kafka answers, and whether its topic is still the one that was found at the start."""

import logging
import time

from connectors.kafka.errors import OtherTopicError
from connectors.kafka.settings import KafkaSource
from connectors.kafka.watch import PartitionWatch
from connectors.limited_log import LimitedLog
from connectors.shutdown import Shutdown

SILENCE_SECONDS = 0.25
"""Nobody deletes a topic, makes it again and fills it beyond the old position within this time."""


class Presence:
    """Of one topic. Not thread-safe, apart from its properties.

    After a silence the topic may be another: deleted, made again and filled beyond the old position. librdkafka goes on
    there. So what comes after a silence waits until Kafka has said that the topic is the same.
    """

    def __init__(
        self, settings: KafkaSource, watch: PartitionWatch, shutdown: Shutdown, log: LimitedLog, *, restarts: bool
    ) -> None:
        """With `restarts` the process restarts to read a topic that was made again; else it ends with an error."""
        self._settings = settings
        self._watch = watch
        self._shutdown = shutdown
        self._log = log
        self._restarts = restarts
        self._silent_since = time.monotonic()
        self._lost_since: float | None = None
        self._is_left = False
        self.unconfirmed_since: float | None = None
        """Since when what was fetched waits; None if nothing does."""

    @property
    def is_lost(self) -> bool:
        """Whether no broker answers at the moment."""
        return self._lost_since is not None

    @property
    def is_another(self) -> bool:
        """Whether there is another topic of that name now."""
        return self._watch.is_another

    def came(self, now: float) -> None:
        """Take note that something was fetched."""
        if now - self._silent_since > SILENCE_SECONDS:
            self.unconfirmed_since = now
        self._silent_since = now

    def doubt(self, now: float) -> None:
        """Let what was fetched wait, because Kafka does not have the offset that is next."""
        self.unconfirmed_since = now

    def lose(self, now: float) -> None:
        """Take note that no broker answers."""
        if self._lost_since is None:
            self._lost_since = now

    def confirm(self, now: float) -> None:
        """End the wait if the topic is known to be the same. Does not block.

        Raises:
            KafkaSetupError: it was deleted, or is another and the process does not restart.
        """
        if self._watch.confirms(self.unconfirmed_since or 0.0, now):
            self.unconfirmed_since = None
            self._find()
        elif self._fails_since_silence():
            self.lose(now)  # who has all that fits fetches no more, and librdkafka tells him nothing
        self._leave_another(now)

    def look(self, now: float) -> None:
        """Look at the topic if it is time to, and say if Kafka is away. Does not block. Raises as `confirm`."""
        answered = self._watch.look(now, hurry=self.is_lost)
        self._leave_another(now)
        if answered:
            self._find()
        if self._lost_since is not None:
            self._log.say(
                logging.WARNING,
                "waiting for kafka",
                bootstrap_servers=self._settings.bootstrap_servers,
                lost_seconds=round(now - self._lost_since),
            )

    def _fails_since_silence(self) -> bool:
        failed_since, silent_since = self._watch.failed_since, self.unconfirmed_since
        return failed_since is not None and silent_since is not None and failed_since >= silent_since

    def _find(self) -> None:
        if self._lost_since is not None:
            self._lost_since = None
            self._log.say(logging.INFO, "kafka is back", topic=self._settings.topic)

    def _leave_another(self, now: float) -> None:
        if not self._watch.is_another or self._is_left:
            return
        self._is_left = True
        self.unconfirmed_since = self.unconfirmed_since or now
        topic = self._settings.topic
        if not self._restarts:
            raise OtherTopicError(
                f"source.topic: {topic!r} was deleted and made again; where it is read from is not known any more. "
                "Give it another source.group_id and state directory to begin anew."
            )
        self._log.say(
            logging.ERROR,
            "the topic was deleted and made again; restarting to read the new one from its first record",
            topic=topic,
        )
        self._shutdown.request(restart=True)
