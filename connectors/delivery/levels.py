"""Levels: the two limits that hold requests to one app back, on those at a time and on those per second.

Nobody says which of the two a server has, so both are sought, one step of one of them at a time.
"""

from math import ceil, inf
from typing import Final, NamedTuple

from connectors.delivery.level import DOUBLE, SHORT, Level, Mark
from connectors.delivery.spacing import Spacing

START: Final = 8
"""Requests at a time, at a start and after an outage; twice as many after each round trip. Only a 429 makes it fewer:
where answers are refusals whatever the load, as in an outage by halves, retries must not crawl."""
_FEWEST: Final = 1
_LOW_RATE: Final = 100.0
"""Requests per second; likewise."""
_LOWEST_RATE: Final = 10.0
LARGEST_RATE_STEP: Final = 0.5
_SMALLEST_RATE_STEP: Final = 5.0
"""Of several slices, one that has come to send little gets on."""
_RATE_BURST_SECONDS: Final = 0.005

_LOWERED: Final = 0.93
"""How much of what passed is taken for the new level."""
_FEW_AT_A_TIME: Final = 10
"""So few are too coarse for such a share."""

_LEAST_OWED: Final = 200
_MOST_OWED: Final = 2000
_OWED_SECONDS: Final = 20.0
_OWED_ROUNDS: Final = 5
"""The most answers that are waited for after refusals: what comes in 20 seconds, but in five rounds at a start."""


class ReplayLog(NamedTuple):
    """Where the levels were."""

    concurrency: Mark
    rate: Mark | None


class Levels:
    """How many may be under way, and how many may go per second. Time is given, in seconds of a steady clock."""

    __slots__ = (
        "_concurrency",
        "_is_turn_of_rate",
        "_rate",
        "_spacing",
        "_was_full_before",
        "_was_paced_before",
        "most_at_a_time",
        "was_full",
        "was_paced",
    )

    def __init__(self, most_at_a_time: int) -> None:
        """Start low, without a rate; never allow more than `most_at_a_time`."""
        self._concurrency = Level(
            START, _FEWEST, most_at_a_time, step=DOUBLE, largest_step=DOUBLE, smallest_step=_FEWEST
        )
        self._rate: Level | None = None
        self._spacing = Spacing(inf, _RATE_BURST_SECONDS)
        self.most_at_a_time = int(self._concurrency.value)
        """How many requests may be under way."""
        self.was_full = self.was_paced = False
        """Whether a request has waited for the one or the other since the last round ended,"""
        self._was_full_before = self._was_paced_before = False
        """or in the round before."""
        self._is_turn_of_rate = False

    @property
    def requests_per_second(self) -> float:
        """What may be sent; infinity where no limit was found."""
        return self._rate.value if self._rate is not None else inf

    def wait_seconds(self, now_s: float) -> float:
        """Return how long until the rate lets the next request go; 0 is now."""
        if self._rate is None:
            return 0.0
        wait = self._spacing.wait_seconds(now_s)
        if wait:
            self.was_paced = True
        return wait

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        if self._rate is not None:
            self._spacing.take(now_s)

    def end_round(self) -> tuple[bool, bool]:
        """Return whether a request has waited for the one and for the other in the round that ends."""
        was_full, was_paced = self.was_full, self.was_paced
        self._was_full_before, self._was_paced_before = was_full, was_paced
        self.was_full = self.was_paced = False
        return was_full, was_paced

    def put_in_force(self) -> None:
        """Let what was changed hold from now on."""
        self.most_at_a_time = int(self._concurrency.value)
        if self._rate is not None:
            self._spacing.interval_s = 1.0 / self._rate.value

    @property
    def is_probe(self) -> bool:
        """Whether one of them is a step above what was found clean."""
        return self._concurrency.is_probe or self.is_rate_probe

    @property
    def is_rate_probe(self) -> bool:
        """Whether the rate is."""
        return self._rate is not None and self._rate.is_probe

    @property
    def is_above_proven(self) -> bool:
        """Whether one of them has gone up from where it was for long."""
        return self._concurrency.is_above_proven or (self._rate is not None and self._rate.is_above_proven)

    @property
    def marks(self) -> ReplayLog:
        """Where they are."""
        return ReplayLog(self._concurrency.mark, self._rate.mark if self._rate is not None else None)

    # Up

    def raise_(self, answers: int, *, may_raise_concurrency: bool, was_paced: bool) -> bool:
        """Settle a step that was clean and go the next, of one of them; return whether that changed anything."""
        concurrency, rate = self._concurrency, self._rate
        has_settled = self.is_probe
        if rate is not None and rate.is_probe:
            rate.settle()
        elif concurrency.is_probe:
            concurrency.settle()
            self._is_turn_of_rate = False
        may_raise_concurrency &= concurrency.may_raise(answers)
        if (
            rate is not None
            and was_paced
            and rate.may_raise(answers)
            and (self._is_turn_of_rate or not may_raise_concurrency)
        ):
            concurrency.rest()
            rate.raise_()
            return True
        if rate is not None and (may_raise_concurrency or has_settled):
            rate.rest()
        if may_raise_concurrency:
            concurrency.raise_()
        elif has_settled:
            concurrency.rest()
        return may_raise_concurrency or has_settled

    def retreat(self) -> None:
        """Take the step back that has brought refusals; the other level's turn is next."""
        self._is_turn_of_rate = self._concurrency.is_probe
        if self._concurrency.is_probe:
            self._concurrency.retreat()
        elif self._rate is not None:
            self._rate.retreat()

    def owe(self, answers: int, round_trip_s: float) -> None:
        """Put the next step up off, of what is at its limit, after a refusal at the `answers`-th answer."""
        per_second = min(self.requests_per_second, self.most_at_a_time / max(round_trip_s, 0.001))
        most = min(max(_LEAST_OWED, int(_OWED_SECONDS * per_second)), _MOST_OWED)
        if self._rate is not None and (self.was_paced or self._was_paced_before):
            self._rate.owe(answers, most)
        if self._concurrency.is_probe or self.was_full or self._was_full_before:
            is_start = self._concurrency.is_doubling
            self._concurrency.owe(answers, _OWED_ROUNDS * self.most_at_a_time if is_start else most)

    def owe_nothing(self) -> None:
        """Forget refusals."""
        self._concurrency.owe_nothing()
        if self._rate is not None:
            self._rate.owe_nothing()

    # Down

    def fall_back(self) -> None:
        """Go back to where the last climb began."""
        for level in (self._concurrency, self._rate):
            if level is not None and level.is_above_proven:
                level.fall_back()

    def lower_to_what_passes(self, per_second: float, round_trip_s: float, share: float, *, says_so: bool) -> None:
        """Go down to a little less than what passes, of what requests wait for; far down only where a 429 says so.

        `per_second` is what passes, `share` what is refused.
        """
        is_paced, is_full = self.was_paced or self._was_paced_before, self.was_full or self._was_full_before
        # Of places that are full some may be held by requests that time out, so what passes is a share of all.
        at_a_time = self._concurrency.value * (1 - share) if is_full else per_second * round_trip_s
        self.lower_rate_to(per_second * _LOWERED if says_so else max(per_second * _LOWERED, _LOW_RATE))
        are_few = at_a_time < _FEW_AT_A_TIME
        if is_full or not is_paced:
            lower = ceil(at_a_time - 0.1) if are_few else round(at_a_time * _LOWERED)
            self._concurrency.lower_to(lower if says_so else max(lower, START))

    def lower_rate_to(self, requests_per_second: float, step: float = SHORT) -> None:
        """Go down to a rate, or let one hold where none did."""
        if self._rate is not None:
            self._rate.lower_to(requests_per_second, step)
        else:
            self._rate = Level(
                requests_per_second,
                _LOWEST_RATE,
                inf,
                step=step,
                largest_step=LARGEST_RATE_STEP,
                smallest_step=_SMALLEST_RATE_STEP,
            )

    def lower_concurrency(self, factor: float) -> bool:
        """Go down by a factor, though not further than where a start begins; return whether that was down."""
        if self._concurrency.value <= START:
            return False
        self._concurrency.lower_to(max(self._concurrency.value * factor, START))
        return True

    def start_again(self) -> None:
        """Begin as at a start, with the rate as it is."""
        self._concurrency.lower_to(START, DOUBLE)
        self.owe_nothing()

    def double_from_here(self) -> None:
        """Begin to look for the limit as at a start, but from where it is."""
        self._concurrency.go_to(Mark(self._concurrency.value, DOUBLE))
        self.owe_nothing()

    def restore_low(self, marks: ReplayLog) -> None:
        """Go back to where they were, but no further than where a start begins."""
        self._concurrency.go_to(Mark(min(marks.concurrency.value, START), SHORT))
        if self._rate is not None:
            before = marks.rate.value if marks.rate is not None else inf
            self._rate.go_to(Mark(max(self._rate.value, min(before, _LOW_RATE)), SHORT))

    def restore(self, marks: ReplayLog, *, rate_too: bool) -> None:
        """Go back to where they were."""
        self._concurrency.go_to(marks.concurrency)
        if not rate_too:
            return
        if marks.rate is None:
            self._rate = None
        elif self._rate is not None:
            self._rate.go_to(marks.rate)
