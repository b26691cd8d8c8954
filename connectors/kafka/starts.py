"""Starts: where the reading of each partition begins."""

import threading
from typing import NamedTuple

from connectors.kafka.claim import Claim
from connectors.kafka.found_topic import FoundTopic
from connectors.kafka.lookback import begins_of_warm_up
from connectors.kafka.offsets import Available, starting_offset
from connectors.kafka.origins import Origins
from connectors.kafka.position import ResumePosition
from connectors.kafka.read_rules import ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.topic_reader import Learning
from connectors.shutdown import Shutdown


class Start(NamedTuple):
    """Where a partition begins."""

    partition: int
    source: str
    """The name that its records have in the state."""
    position: ResumePosition
    """Its offset may be out of range."""
    has: Available
    """What Kafka had of it when the topic was found."""
    committed: int | None
    """What the group has."""
    claims: bool
    """Whether the group is told at once where it begins."""
    begun_from: str
    """What says so, for the log."""
    is_decided: bool
    """False if a stop was requested before Kafka has said where to begin."""

    def at(self, offset: int) -> "Start":
        """Return it with the offset at which it was begun: what is behind its warm-up has none."""
        border = self.position.warm_up_until
        return self._replace(
            position=self.position._replace(offset=offset, warm_up_until=border if offset < border else 0)
        )


class Starts:
    """Of the partitions of one topic, for one run.

    A partition begins at Bytewax's saved position, else at the group's committed offset, else at `settings.start`. If
    it begins at the group's offset and the reader looks back, it reads what is before that first.
    """

    def __init__(
        self,
        settings: KafkaSource,
        found: FoundTopic,
        origins: Origins,
        claim: Claim | None,
        learning: Learning | None,
        rules: ReadRules,
        shutdown: Shutdown,
    ) -> None:
        self._settings = settings
        self._found = found
        self._committed = found.committed
        self._origins = origins
        self._claim = claim
        self._learning = learning
        self._warm_up = learning.warm_up if learning is not None and learning.looks_back else None
        self._rereads = rules.rereads
        self._shutdown = shutdown
        self._lock = threading.Lock()
        self._begins: dict[int, int] | None = None

    def of(self, partition: int, stored: ResumePosition | None) -> Start:
        """Return where it begins. The first that looks back waits until Kafka has said where each begins."""
        has, group = self._found.available[partition], self._committed.get(partition)
        if self._rereads and stored is not None and group is not None and stored.offset < group <= has.end:
            stored = None
        origin, is_another = self._origins.of(partition, stored)
        if is_another:
            stored, group = ResumePosition(has.first), None
        source = origin.source if origin is not None else self._settings.topic
        final = stored.final if stored is not None else None
        if stored is None and self._learning is not None:
            final = self._origins.final_of(partition, group)
        resume, border = (stored.offset, stored.warm_up_until) if stored is not None else (None, 0)
        is_decided = True
        if resume is None and group is not None and self._warm_up is not None:
            begins = self._begins_of_warm_up()
            is_decided = begins is not None
            resume, border = (begins[partition], group) if begins and partition in begins else (None, 0)
        if border and self._warm_up is not None:
            self._warm_up.begin(source, partition, border)
        if final is not None and self._learning is not None:
            self._learning.warm_up.begin_final(source, partition, final.until, final.pending)
        is_added = resume is None and group is None and self._claim is not None and self._claim.kept.is_added(partition)
        if is_added:
            resume = has.first  # `start` says where the topic begins to be read, which it has long begun to be
        if is_another:
            begun_from = "a topic made again"
        elif is_added:
            begun_from = "a partition that was added"
        elif stored is not None:
            begun_from = "state"
        else:
            begun_from = "group" if group is not None else self._settings.start
        return Start(
            partition,
            source,
            ResumePosition(starting_offset(resume, group, has, self._settings.start), border, origin, final),
            has,
            group,
            claims=self._claim is not None and group is None and (stored is None or is_another),
            begun_from=begun_from,
            is_decided=is_decided,
        )

    def _begins_of_warm_up(self) -> dict[int, int] | None:
        """Return partition → the offset to begin to learn at; None if a stop was requested before Kafka has said it."""
        with self._lock:
            if self._begins is None:
                found = self._found
                self._begins = begins_of_warm_up(
                    found.secret, found.cluster, self._shutdown, found.available, self._committed
                )
            return self._begins
