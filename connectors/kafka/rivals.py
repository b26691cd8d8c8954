"""Rivals: other runs that commit for the same group.

They are looked for before each commit, in a thread, because Kafka may be away.
"""

import threading
from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.kafka.claim import Claim
from connectors.kafka.note import read_note

_ANSWER_SECONDS: Final = 5.0


class Rivals:
    """Of one run. Not thread-safe: its own thread only asks."""

    def __init__(self, claim: Claim, consumer: Consumer, topic: str) -> None:
        self._claim = claim
        self._consumer = consumer
        self._topic = topic
        self._looking: threading.Thread | None = None
        self._is_taken = False
        self.has_claimed = False
        """Whether Kafka has taken a commit of this run: before that, the last one is of another."""

    @property
    def are_looked_for(self) -> bool:
        """Whether a look was begun, and its answer not taken yet."""
        return self._looking is not None

    def look(self, partitions: Iterable[int]) -> None:
        """Begin to ask who has committed last for these partitions."""
        places = [TopicPartition(self._topic, each) for each in partitions] if self.has_claimed else []
        self._looking = threading.Thread(target=self._ask, args=(places,), daemon=True)
        self._looking.start()

    def is_looking(self, wait_seconds: float = 0.0) -> bool:
        """Whether the answer is still to come, after so many seconds at the most."""
        if self._looking is not None and wait_seconds:
            self._looking.join(wait_seconds)
        return self._looking is not None and self._looking.is_alive()

    def are_found(self) -> bool:
        """Take the answer: whether another run has committed. Where Kafka has not given one, none has."""
        self._looking = None
        return self._is_taken

    def _ask(self, places: list[TopicPartition]) -> None:
        if not places:
            return
        try:
            found = self._consumer.committed(places, timeout=_ANSWER_SECONDS)
        except (KafkaException, RuntimeError):  # away, or closed meanwhile
            return
        self._is_taken = any(each.error is None and self._claim.is_other(read_note(each.metadata)) for each in found)
