"""Round: how long answers take, from so many of them that their mean says something."""

from math import inf, sqrt
from typing import Final

_FEWEST: Final = 10
_FEWEST_OF_A_TRIAL: Final = 30
_MOST: Final = 100
"""How many answers are enough: half of those at a time, but not fewer or more."""
_LONG_SECONDS: Final = 2.0
_FEW: Final = 3
"""A round that lasts long ends with few answers."""


class Round:
    """The answers from a moment on, until there are enough. Time is given, in seconds of a steady clock."""

    __slots__ = ("_begins_s", "_count", "_enough", "_seconds", "_squares")

    def __init__(self) -> None:
        """Begin at once, with a first answer that is enough: so a round trip is known as soon as may be."""
        self._begins_s, self._enough = -inf, 1
        self._count, self._seconds, self._squares = 0, 0.0, 0.0

    def begin(self, start_s: float, at_a_time: int, *, is_trial: bool) -> None:
        """Count the answers that come from a moment on, until they are enough; a trial takes more."""
        self._begins_s = start_s
        self._enough = min(max(at_a_time // 2, _FEWEST_OF_A_TRIAL if is_trial else _FEWEST), _MOST)
        self._count, self._seconds, self._squares = 0, 0.0, 0.0

    def add(self, now_s: float, seconds: float) -> bool:
        """Take note how long an answer took that came now; return whether that ends the round."""
        if now_s < self._begins_s:
            return False
        self._count = count = self._count + 1
        self._seconds += seconds
        self._squares += seconds * seconds
        return count >= self._enough or (count >= _FEW and now_s - self._begins_s >= _LONG_SECONDS)

    @property
    def mean_s(self) -> float:
        """How long an answer took on average."""
        return self._seconds / self._count

    @property
    def error_s(self) -> float:
        """The standard error of the mean."""
        mean_s = self.mean_s
        return sqrt(max(self._squares / self._count - mean_s * mean_s, 0.0) / self._count)
