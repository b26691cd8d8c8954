"""Trial: levels were lowered because of refusals or slow answers; has it helped?"""

from enum import Enum, auto
from typing import Final, NamedTuple

from connectors.delivery.levels import ReplayLog
from connectors.delivery.refusals import FEWEST_REFUSED

_MOST_ANSWERS: Final = 5000
_HELPED: Final = 0.35
"""The share of the refusals that may be left where lowering has helped."""
_HARDLY_HELPED: Final = 0.8
_TRIES: Final = 4
_LITTLE: Final = 0.1
_LARGEST_USUAL: Final = 0.5
"""Where more than half is refused, it is never taken for usual."""


class Verdict(Enum):
    """What came of a trial."""

    HELPED = auto()
    """It was the load: stay low."""
    AGAIN = auto()
    """Lower once more."""
    STAY = auto()
    """Some of it was the load; what is left is not: stay low, and take it for usual."""
    STAY_LOW = auto()
    """Answers say that it is too much (429), little of it, and lower does not help: go no higher, but do not crawl."""
    RESTORE = auto()
    """It was not the load: restore the levels, and take it for usual."""


class Trial(NamedTuple):
    """What was lowered, and what for."""

    before: ReplayLog
    """Where the levels were."""
    refused_share: float = 0.0
    """0 where slow answers were the reason."""
    seconds: float = 0.0
    """How long answers took, where they were the reason."""
    tries: int = 1

    def is_told(self, answers: int) -> bool:
        """Return whether so many answers are enough: were it not the load, eight of them would be refusals."""
        return answers >= min(FEWEST_REFUSED / self.refused_share, _MOST_ANSWERS)

    @property
    def is_for_slowness(self) -> bool:
        """Whether slow answers were the reason, and not refusals."""
        return not self.refused_share

    def verdict(self, share: float, usual_share: float, *, says_so: bool) -> Verdict:
        """Judge by the share that is refused now; `says_so`: all of it by 429."""
        if share - usual_share < _HELPED * (self.refused_share - usual_share):
            return Verdict.HELPED
        if self.tries < _TRIES or share > (_LITTLE if says_so else _LARGEST_USUAL):
            return Verdict.AGAIN
        if says_so:
            return Verdict.STAY_LOW
        return Verdict.RESTORE if share > _HARDLY_HELPED * self.refused_share else Verdict.STAY

    def slow_verdict(self, seconds: float, at_a_time: int) -> Verdict:
        """Judge by how long answers take now that so many are under way: were it the load, less in proportion."""
        lowered = at_a_time / self.before.concurrency.value
        return Verdict.RESTORE if seconds > self.seconds * (1 + lowered) / 2 else Verdict.HELPED
