"""Adaptive limit: how many requests at a time an app's answers show that AppsFlyer takes.

Nobody says what the limit is, or whether it is on requests at a time or per second. So one number is found, as TCP
finds its window: additive increase while it is what holds requests back and nothing speaks against it, multiplicative
decrease after a refusal (429, 503) or after answers that have become slow. A limit per second is met by it as well,
because requests are spaced over the time that an answer takes.

Sources: RFC 5681 (slow start, additive increase, multiplicative decrease), RFC 6298 (mean and deviation of response
times), Netflix's concurrency-limits (gradient of the response time).
"""

from collections import deque
from math import ceil, inf, sqrt
from typing import Final

from connectors.delivery.token_bucket import TokenBucket

START: Final = 8
"""Where a start begins, and below which neither 503 nor slow answers lead: so few do not hold each other up."""
ANSWERS_PER_REFUSAL: Final = 100
"""So many requests pass before the next increase: in the long run about one in a hundred is refused."""
_LONGEST_OWED_SECONDS: Final = 10.0
_FEWEST_OWED: Final = 20
LOWEST: Final = 0.25
_REFUSED_FACTOR: Final = 0.9
_SLOW_FACTOR: Final = 0.8
_START_FACTOR: Final = 0.5
"""By which an increase is taken back that has doubled the limit."""
_STEP_GROWTH: Final = 1.5
_FEWEST_ANSWERS: Final = 10
_MOST_ANSWERS: Final = 100
_SLOW: Final = 1.2
"""Answers that take so many times as long as at START are slow,"""
_DEVIATIONS: Final = 3.0
"""if the difference is so many standard errors."""
_PACE: Final = 1.25
"""How much faster than evenly spaced requests may go, because answers differ in how long they take."""


class AdaptiveLimit:
    """The limit of one app in one process. Time is given, in seconds of a steady clock."""

    def __init__(self, most_at_a_time: int) -> None:
        """Start low; never allow more than `most_at_a_time`."""
        self._highest = float(most_at_a_time)
        self._limit = min(float(START), self._highest)
        self._is_doubling = True
        self._step = 1.0
        self._mean_s = 0.0
        """How long an answer took on average in the last round; 0 before the first."""
        self._normal_s = inf
        """How long at START, where requests do not hold each other up."""
        self._bucket = TokenBucket(inf)
        self._kept_until_s: deque[float] = deque()
        """A request that is refused at once keeps its place for as long as answers take, or others would storm in."""
        self._owed = 0
        """How many requests are to pass before the next increase."""
        self._is_down = False
        self._begin_round(-inf)

    @property
    def most_at_a_time(self) -> int:
        """How many requests may be under way."""
        return ceil(self._limit)

    @property
    def requests_per_second(self) -> float:
        """What may be sent; infinity where only the number at a time holds requests back."""
        return 1 / self._bucket.interval_s if self._bucket.interval_s else inf

    def wait_seconds(self, now_s: float, in_flight: int) -> float | None:
        """Return how long until the next request may go, 0 is now; None: until one of those in flight is answered."""
        kept = self._kept_until_s
        while kept and kept[0] <= now_s:
            kept.popleft()
        if in_flight + len(kept) >= self._limit:
            self._was_full = True
            return kept[0] - now_s if kept else None
        wait_s = self._bucket.wait_seconds(now_s)
        self._was_full = self._was_full or wait_s > 0
        return wait_s

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        self._bucket.take(now_s)

    def passed(self, now_s: float, seconds: float) -> None:
        """Take note of an answer that shows no sign of too much load, and how long it took."""
        self._owed = max(self._owed - 1, 0)
        if now_s < self._since_s + self._mean_s:
            return  # sent before the last change, or answered sooner than others that were sent since
        self._count += 1
        self._sum_s += seconds
        self._squares += seconds * seconds
        if self._count >= min(max(self._limit, _FEWEST_ANSWERS), _MOST_ANSWERS) or not self._mean_s:
            self._end_round(now_s)

    def refused(self, now_s: float, seconds: float, *, says_so: bool) -> None:
        """Take note of an answer that does; `says_so`: it can mean nothing else, being a 429."""
        if self._is_down:
            return
        if seconds < self._mean_s:
            self._kept_until_s.append(now_s + self._mean_s - seconds)
        most_owed = int(_LONGEST_OWED_SECONDS * self._limit / max(self._mean_s, 0.001))
        self._owed = min(self._owed + ANSWERS_PER_REFUSAL, max(most_owed, _FEWEST_OWED))
        if now_s - seconds >= self._since_s:
            self._decrease(now_s, _REFUSED_FACTOR, LOWEST if says_so else START)

    def opened(self, now_s: float) -> None:
        """Take note that nothing gets through."""
        self._is_down = True
        self._kept_until_s.clear()
        self._begin_round(now_s)

    def closed(self, now_s: float) -> None:
        """Take note that requests get through again: begin as at a start, or lower, as it may have been the load."""
        self._is_down = False
        self._owed = 0
        self._is_doubling = True
        self._set(now_s, max(min(self._limit / 2, START), LOWEST))

    def _end_round(self, now_s: float) -> None:
        self._mean_s = mean_s = self._sum_s / self._count
        error_s = sqrt(max(self._squares / self._count - mean_s * mean_s, 0.0) / self._count)
        if self._count >= _FEWEST_ANSWERS and (self._limit <= START or mean_s + _DEVIATIONS * error_s < self._normal_s):
            self._normal_s = mean_s + _DEVIATIONS * error_s
        if not self._was_full:
            self._begin_round(now_s)
        elif mean_s - _DEVIATIONS * error_s > _SLOW * self._normal_s:
            self._decrease(now_s, _SLOW_FACTOR, START)
        elif self._owed:
            self._begin_round(now_s)
        elif self._is_doubling:
            self._set(now_s, self._limit * 2)
        else:
            self._set(now_s, self._limit + self._step)
            self._step *= _STEP_GROWTH

    def _decrease(self, now_s: float, factor: float, lowest: float) -> None:
        factor = _START_FACTOR if self._is_doubling else factor
        self._is_doubling = False
        self._step = min(1.0, self._limit / 10)
        self._set(now_s, min(max(self._limit * factor, lowest), self._limit))

    def _set(self, now_s: float, limit: float) -> None:
        self._limit = min(limit, self._highest)
        is_spaced = self._mean_s and self._limit < self._highest
        self._bucket.interval_s = self._mean_s / (self._limit * _PACE) if is_spaced else 0.0
        self._begin_round(now_s)

    def _begin_round(self, now_s: float) -> None:
        """Count anew, of the requests that are sent from now on."""
        self._since_s = now_s
        self._count, self._sum_s, self._squares, self._was_full = 0, 0.0, 0.0, False
