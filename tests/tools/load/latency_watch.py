"""Joins the endpoint's answers with the broker's timestamps: how long each event took."""

from collections import Counter
from collections.abc import Iterable

from tests.tools.load.answers import Answer
from tests.tools.load.produced import Produced

_OK = 200


class LatencyWatch:
    """Counts latencies over the whole run and between two looks."""

    def __init__(self, produced: Produced) -> None:
        self._produced = produced
        self._unknown: list[Answer] = []
        self.whole: Counter[int] = Counter()
        """Latencies in ms of every event, counted from the broker's timestamp to the answer."""
        self.answered = 0
        self.unnumbered = 0
        """Answers to requests that held no event's number, as when it was trimmed."""
        self.statuses: Counter[int] = Counter()

    def take(self, answers: Iterable[Answer]) -> Counter[int]:
        """Take new answers; return the latencies that became known by them."""
        fresh: Counter[int] = Counter()
        earlier, self._unknown = self._unknown, []
        for answer in earlier:
            self._join(answer, fresh)
        for answer in answers:
            self.answered += 1
            self.statuses[answer.status] += 1
            if answer.event < 0:
                self.unnumbered += 1
            else:
                self._join(answer, fresh)
        self.whole.update(fresh)
        return fresh

    def _join(self, answer: Answer, fresh: Counter[int]) -> None:
        broker_ms = self._produced.broker_ms(answer.event)
        if broker_ms:
            fresh[max(answer.at_ms - broker_ms, 0)] += 1
        else:  # the broker's acknowledgement has not reached the generator yet
            self._unknown.append(answer)
