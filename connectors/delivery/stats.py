"""The tally: what AppsFlyer answered, and how long it took. The sender counts, metrics and health read.

Nothing is locked: only the sender's thread writes, and what is read may be one answer old.
"""

import time
from collections.abc import Callable
from typing import Final

from connectors.appsflyer.answers import AnswerClass, Verdict
from connectors.delivery.in_flight import InFlight
from flows.domain.histogram import Histogram

FIRST: Final = "first"
RETRY: Final = "retry"

AGE_BOUNDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14_400, 86_400)
"""60 is the p95 that Amplitude aims at; 14,400 is `retry_minutes` by default."""
REQUEST_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)


class LaneTally:
    """The answers to one lane's requests."""

    def __init__(self) -> None:
        self.answers: dict[tuple[int, Verdict], int] = {}
        """(status, 0 where there was none; what it means) → how many."""
        self.request_seconds = Histogram(REQUEST_BOUNDS)
        self.age_seconds = Histogram(AGE_BOUNDS)
        """From the event's arrival to its delivery."""
        self.delivered_first = 0
        self.delivered_later = 0
        self.delivered_ms = 0
        """When the last one was, in ms since the epoch; 0 is never."""
        self.last: tuple[int, AnswerClass, int] | None = None
        """The last answer: its status, what it means, and when it came, in ms since the epoch."""


class Tally:
    """The answers to the requests of all lanes."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.lanes: dict[str, LaneTally] = {}
        self.answered_at: float | None = None
        """`time.monotonic()` of the last answer."""

    def answered(self, lane: str, in_flight: InFlight, status: int, seconds: float, row: AnswerClass) -> None:
        """Count an answer, or that there was none, before it is counted as an attempt."""
        of_lane = self.lanes.get(lane)
        if of_lane is None:
            of_lane = self.lanes[lane] = LaneTally()
        now_ms = self._now_ms()
        kind = (status, row.verdict)
        of_lane.answers[kind] = of_lane.answers.get(kind, 0) + 1
        of_lane.request_seconds.add(seconds)
        of_lane.last = (status, row, now_ms)
        self.answered_at = time.monotonic()
        if row.verdict is Verdict.DELIVERED:
            of_lane.age_seconds.add((now_ms - in_flight.delivery.first_seen_ms) / 1000)
            of_lane.delivered_ms = now_ms
            # `made` does not count what failed while nothing got through; what was answered then is remembered.
            if in_flight.attempts.answer is None:
                of_lane.delivered_first += 1
            else:
                of_lane.delivered_later += 1
