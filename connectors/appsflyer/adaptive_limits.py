"""Adaptive limits: how many requests at a time, and per second, an app's answers show that AppsFlyer takes.

Nobody says what the limits are, or whether they are on requests at a time or per second. So both are found: each is
raised in steps while it is what holds requests back, and a step that brings refusals or slow answers is taken back.
After a refusal a hundred answers are waited for before the next step, so that in the long run fewer than one in a
hundred is refused. Refusals or slow answers at a level that was clean lower it to what still passes. If they are no
fewer then, it is not the load that they come from: the level is restored, and they are taken for usual.
"""

from collections import deque
from math import ceil, sqrt
from typing import Final, NamedTuple

from connectors.appsflyer.level import DOUBLE, SHORT, Level, Mark
from connectors.appsflyer.spacing import Spacing

_NEVER: Final = float("-inf")
_NOT_YET: Final = float("inf")

_START: Final = 8
"""Requests at a time, at a start and after an outage; twice as many after each round trip. It is never fewer: where the
answers are refusals whatever the load, as in an outage by halves, retries must not crawl."""
_FLAPPING_SECONDS: Final = 10.0
"""Where nothing gets through so soon after requests got through again, it was too many that went at once."""

_ANSWERS_PER_REFUSAL: Final = 100
_LEAST_DEBT: Final = 200
_LARGEST_DEBT: Final = 2000
_DEBT_SECONDS: Final = 20.0
_DEBT_ROUNDS: Final = 5
"""The most answers that are waited for: as many as come in some seconds, but in five rounds at a start."""

_FEWEST_REFUSED: Final = 8
"""Refusals at a clean level that are enough to measure what passes."""
_FEWEST_AFTER_CLIMB: Final = 3
"""Refusals that are enough to take a climb back: the server may have saved some up, and taken more than its limit."""
_TOLERATED_SHARE: Final = 0.005
_FEWEST_PASSED: Final = 10
_LONGEST_WINDOW: Final = 2000
"""Answers, after which refusals that were too few to act on are forgotten."""
_LOWERED: Final = 0.93
"""How much of what passed is taken for the new level."""
_FEW_AT_A_TIME: Final = 10
"""So few are too coarse to be lowered by a twentieth."""

_HELPED: Final = 0.35
"""The share of the refusals that may be left where lowering has helped."""
_HARDLY_HELPED: Final = 0.8
_TRIES: Final = 4
_LARGEST_BACKGROUND: Final = 0.5
_BACKGROUND_SECONDS: Final = 60.0
"""How long refusals are taken for usual before that is put to the test again."""

_SLOW_SHARE: Final = 0.2
_SLOW_SECONDS: Final = 0.02
"""Answers are slow a fifth and 20 ms beyond the usual time: below it, batches gain more than they wait."""
_SLOW_FACTOR: Final = 0.7
_FEWEST_TIMES: Final = 10
_FEWEST_TIMES_OF_A_TRIAL: Final = 30
_MOST_TIMES: Final = 100
_LONG_ROUND_SECONDS: Final = 2.0
"""A round that lasts so long ends with fewer answers."""
_FEW_TIMES: Final = 3

_LOWEST_RATE: Final = 100.0
"""Requests per second; likewise."""
_LARGEST_RATE_STEP: Final = 0.5
_RATE_BURST_SECONDS: Final = 0.005
_RATE_TRIAL_SECONDS: Final = 1.0
"""How long a higher rate is tried, for a server may have saved up some of its limit."""


class _Trial(NamedTuple):
    """What was lowered, and what for: to be judged by what comes of it."""

    concurrency: Mark
    rate: Mark | None
    refused_share: float
    """0 where slow answers were the reason."""
    answers: int
    """How many it takes to tell."""
    seconds: float
    """How long answers took."""
    tries: int


class AdaptiveLimits:
    """The limits of one app in one process. Time is given, in seconds of a steady clock."""

    def __init__(self, most_at_a_time: int) -> None:
        """Start low; never allow more than `most_at_a_time`."""
        self._concurrency = Level(
            min(_START, most_at_a_time),
            min(_START, most_at_a_time),
            most_at_a_time,
            step=DOUBLE,
            largest_step=DOUBLE,
            smallest_step=1,
        )
        self._rate: Level | None = None
        self._spacing = Spacing(float("inf"), _RATE_BURST_SECONDS)
        self.most_at_a_time = int(self._concurrency.value)
        """How many requests may be under way."""
        self._kept_until_s: deque[float] = deque()
        """A request that is refused at once keeps its place for as long as answers take, or others would storm in."""
        self._was_full = self._was_paced = False
        """Whether a request has waited for the one or the other since the last round ended,"""
        self._was_full_before = self._was_paced_before = False
        """or in the round before."""

        self._changed_s = _NEVER
        """When a level changed last; since then:"""
        self._passed = self._refused = self._rounds = 0
        self._trial: _Trial | None = None

        self._window_s = _NOT_YET
        """From when on answers show what passes at this level: a round trip after the first refusal, or the change."""
        self._window_passed = self._window_refused = 0

        self._round_s = _NOT_YET
        """When this round begins, which is a round trip after a change; it lasts until there are enough answers."""
        self._times, self._enough = 0, _FEWEST_TIMES
        self._seconds = self._squares = 0.0
        self._round_trip_s = 0.0
        """The mean of the round before this."""
        self._usual_s: float | None = None
        """How long an answer takes when requests do not hold each other up."""

        self._background = 0.0
        """The share that is refused whatever the load."""
        self._background_s = _NEVER
        self._answers = 0
        self._debt = self._rate_debt = 0
        """How many answers there must be before the next step up of the one and of the other."""
        self._is_turn_of_rate = False
        self._down_s: float | None = None
        """Since when nothing gets through."""
        self._up_s = _NEVER
        """Since when something does; since then:"""
        self._passed_since_up = 0

    @property
    def requests_per_second(self) -> float:
        """What may be sent; infinity where no limit was found."""
        return self._rate.value if self._rate is not None else float("inf")

    # What the courier asks and tells

    def wait_seconds(self, now_s: float, in_flight: int) -> float | None:
        """Return how long until the next request may go, 0 is now; None: until one of those in flight is answered."""
        kept = self._kept_until_s
        while kept and kept[0] <= now_s:
            kept.popleft()
        if in_flight + len(kept) >= self.most_at_a_time:
            self._was_full = True
            return kept[0] - now_s if kept else None
        if self._rate is None:
            return 0.0
        wait = self._spacing.wait_seconds(now_s)
        if wait:
            self._was_paced = True
        return wait

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        if self._rate is not None:
            self._spacing.take(now_s)

    def passed(self, now_s: float, seconds: float) -> None:
        """Take note of an answer that shows no sign of too much load, and how long it took."""
        self._answers += 1
        self._passed += 1
        self._passed_since_up += 1
        if now_s >= self._window_s:
            self._window_passed += 1
        if not self._round_trip_s:
            self._round_trip_s, self._up_s, self._round_s = seconds, now_s, now_s + seconds
        if now_s >= self._round_s:
            self._times += 1
            self._seconds += seconds
            self._squares += seconds * seconds
            if self._times >= self._enough or (
                self._times >= _FEW_TIMES and now_s - self._round_s >= _LONG_ROUND_SECONDS
            ):
                self._end_round(now_s)

    def refused(self, now_s: float, seconds: float) -> None:
        """Take note of an answer that does (429, 5xx), or that none came in time."""
        if now_s >= self._window_s:
            self._window_refused += 1
        if self._down_s is not None:
            return
        if seconds < self._round_trip_s:
            self._kept_until_s.append(now_s + self._round_trip_s - seconds)
        if not self._background:
            self._owe()
        if now_s - seconds < self._changed_s:
            return  # sent before the last change, which has answered it
        self._refused += 1
        if self._trial is not None:
            return
        if self._concurrency.is_probe or (self._rate is not None and self._rate.is_probe):
            expected = self._background * (self._passed + self._refused)
            if self._refused > expected + 4 * sqrt(expected):
                self._retreat(now_s)
        else:
            self._weigh_refusals(now_s)

    def _weigh_refusals(self, now_s: float) -> None:
        """Tell whether a level that was taken for clean is too high."""
        if self._refused == 1:
            self._passed = 0
            self._open_window(now_s)
        expected = (self._background + _TOLERATED_SHARE) * (self._passed + self._refused)
        if self._refused < expected + 3 * sqrt(expected):
            return
        if self._concurrency.is_above_proven or (self._rate is not None and self._rate.is_above_proven):
            if self._refused >= _FEWEST_AFTER_CLIMB:
                self._fall_back(now_s)
        elif (
            self._refused >= _FEWEST_REFUSED
            and self._window_passed >= _FEWEST_PASSED
            and now_s - self._window_s >= self._round_trip_s
        ):
            self._lower_for_refusals(now_s, None)

    def opened(self, now_s: float) -> None:
        """Take note that nothing gets through."""
        self._down_s = now_s
        self._kept_until_s.clear()

    def closed(self, now_s: float) -> None:
        """Take note that requests get through again: after an outage begin anew, from below."""
        down_s, self._down_s = self._down_s, None
        if down_s is None or now_s - down_s <= self._round_trip_s:
            return  # what was on its way has passed
        if self._trial is not None:
            self._restore(self._trial)
        if down_s - self._up_s < _FLAPPING_SECONDS:
            self._lower_rate_to(self._passed_since_up / (now_s - self._up_s), _LARGEST_RATE_STEP)
        self._concurrency.go_to(Mark(min(_START, self._concurrency.value), DOUBLE))
        self._background = 0.0
        self._debt = self._rate_debt = 0
        self._up_s, self._passed_since_up = now_s, 0
        self._change(now_s)

    # Rounds

    def _end_round(self, now_s: float) -> None:
        seconds = self._round_trip_s = self._seconds / self._times
        error_s = sqrt(max(self._squares / self._times - seconds * seconds, 0.0) / self._times)
        was_full, was_paced = self._was_full, self._was_paced
        self._was_full_before, self._was_paced_before = was_full, was_paced
        self._was_full = self._was_paced = False
        self._rounds += 1
        is_slow = self._is_slow(seconds, error_s, was_full=was_full)
        if self._trial is not None:
            self._judge(self._trial, seconds, now_s)
        elif is_slow:
            if self._rounds > 1:  # the first still shows the load before
                self._lower_for_slowness(seconds, now_s)
        elif was_full or was_paced:
            is_clear = seconds - 2 * error_s < (self._usual_s or 0.0) + self._slack_s / 2
            self._raise(now_s, may_raise_concurrency=was_full and is_clear, was_paced=was_paced)
        elif self._concurrency.is_probe:  # the step was not used, so nothing is known of it
            self._retreat(now_s)
        if self._trial is None:
            self._forget(now_s)
        if self._changed_s != now_s:
            self._begin_round(now_s)

    def _begin_round(self, now_s: float) -> None:
        self._round_s = now_s
        self._times, self._seconds, self._squares = 0, 0.0, 0.0
        fewest = _FEWEST_TIMES if self._trial is None else _FEWEST_TIMES_OF_A_TRIAL
        self._enough = min(max(self.most_at_a_time // 2, fewest), _MOST_TIMES)

    def _change(self, now_s: float) -> None:
        """Put the levels in force, and begin to count what comes of them."""
        self.most_at_a_time = int(self._concurrency.value)
        if self._rate is not None:
            self._spacing.interval_s = 1.0 / self._rate.value
        self._changed_s = now_s
        self._passed = self._refused = self._rounds = 0
        self._window_s = _NOT_YET
        self._begin_round(now_s + self._round_trip_s)

    def _open_window(self, now_s: float) -> None:
        self._window_s = now_s + self._round_trip_s
        self._window_passed = self._window_refused = 0

    # Up

    def _raise(self, now_s: float, *, may_raise_concurrency: bool, was_paced: bool) -> None:
        concurrency, rate = self._concurrency, self._rate
        has_settled = False
        if rate is not None and rate.is_probe:
            if now_s - self._changed_s < _RATE_TRIAL_SECONDS:
                return
            rate.settle()
            has_settled = True
        elif concurrency.is_probe:
            concurrency.settle()
            has_settled, self._is_turn_of_rate = True, False
        may_raise_concurrency &= self._answers >= self._debt and not concurrency.is_highest
        may_raise_rate = was_paced and self._answers >= self._rate_debt
        if rate is not None and may_raise_rate and (self._is_turn_of_rate or not may_raise_concurrency):
            rate.raise_()
            concurrency.rest()
        elif may_raise_concurrency:
            concurrency.raise_()
            if rate is not None:
                rate.rest()
        elif has_settled:
            concurrency.rest()
            if rate is not None:
                rate.rest()
        else:
            return
        self._change(now_s)

    def _retreat(self, now_s: float) -> None:
        """Take the step back that has brought refusals; the other level's turn is next."""
        self._is_turn_of_rate = self._concurrency.is_probe
        if self._concurrency.is_probe:
            self._concurrency.retreat()
        elif self._rate is not None:
            self._rate.retreat()
        self._change(now_s)

    # Down

    def _owe(self) -> None:
        """Put the next step up off, of what is at its limit."""
        per_second = min(self.requests_per_second, self.most_at_a_time / max(self._round_trip_s, 0.001))
        most = min(max(_LEAST_DEBT, int(_DEBT_SECONDS * per_second)), _LARGEST_DEBT)
        if self._concurrency.is_doubling:
            most = _DEBT_ROUNDS * self.most_at_a_time
        if self._concurrency.is_probe or self._was_full or self._was_full_before:
            self._debt = min(max(self._debt, self._answers) + _ANSWERS_PER_REFUSAL, self._answers + most)
        if self._was_paced or self._was_paced_before:
            self._rate_debt = min(max(self._rate_debt, self._answers) + _ANSWERS_PER_REFUSAL, self._answers + most)

    def _fall_back(self, now_s: float) -> None:
        """Go back to where the last climb began."""
        for level in (self._concurrency, self._rate):
            if level is not None and level.is_above_proven:
                level.fall_back()
        self._change(now_s)

    def _lower_for_refusals(self, now_s: float, before: _Trial | None) -> None:
        """Lower the levels to what passes."""
        answers = self._window_passed + self._window_refused
        share = self._window_refused / answers
        passing = self._window_passed / (now_s - self._window_s)
        at_a_time = passing * self._round_trip_s
        enough = _FEWEST_REFUSED / share if share else 0
        self._trial = _Trial(
            before.concurrency if before is not None else self._concurrency.mark,
            before.rate if before is not None else self._rate.mark if self._rate is not None else None,
            share,
            min(int(enough), 5000),
            0.0,
            before.tries + 1 if before is not None else 1,
        )
        is_paced, is_full = self._was_paced or self._was_paced_before, self._was_full or self._was_full_before
        self._lower_rate_to(passing * _LOWERED, SHORT)
        if is_full or not is_paced:
            few = at_a_time < _FEW_AT_A_TIME
            self._concurrency.lower_to(ceil(at_a_time - 0.1) if few else round(at_a_time * _LOWERED))
        self._change(now_s)
        self._open_window(now_s)

    def _lower_rate_to(self, requests_per_second: float, step: float) -> None:
        if self._rate is not None:
            self._rate.go_to(Mark(min(requests_per_second, self._rate.value), step))
        else:
            self._rate = Level(
                requests_per_second,
                _LOWEST_RATE,
                float("inf"),
                step=step,
                largest_step=_LARGEST_RATE_STEP,
                smallest_step=0.0,
            )

    def _lower_for_slowness(self, seconds: float, now_s: float) -> None:
        if self._concurrency.is_lowest:
            self._usual_s = seconds
            return
        self._trial = _Trial(self._concurrency.mark, None, 0.0, 0, seconds, 1)
        self._concurrency.lower_to(self._concurrency.value * _SLOW_FACTOR)
        self._change(now_s)

    # What is usual

    def _judge(self, trial: _Trial, seconds: float, now_s: float) -> None:
        """Tell whether lowering has helped; if not, restore what was, and take it for usual from now on."""
        if not trial.refused_share:
            if self._rounds > 1:
                self._trial = None
                lowered = self._concurrency.value / trial.concurrency.value
                if seconds > trial.seconds * (1 + lowered) / 2:
                    self._usual_s = seconds
                    self._restore(trial)
                    self._change(now_s)
            return
        answers = self._window_passed + self._window_refused
        if answers < trial.answers:
            return
        self._trial = None
        share = self._window_refused / answers
        if share - self._background < _HELPED * (trial.refused_share - self._background):
            return
        if trial.tries < _TRIES or share > _LARGEST_BACKGROUND:
            self._lower_for_refusals(now_s, trial)
            return
        self._background, self._background_s = share, now_s
        self._debt = self._rate_debt = 0
        if share > _HARDLY_HELPED * trial.refused_share:
            self._restore(trial)
        self._concurrency.go_to(Mark(self._concurrency.value, DOUBLE))
        self._change(now_s)

    def _restore(self, trial: _Trial) -> None:
        self._trial = None
        self._concurrency.go_to(trial.concurrency)
        if not trial.refused_share:
            return
        if trial.rate is None:
            self._rate = None
        elif self._rate is not None:
            self._rate.go_to(trial.rate)

    def _forget(self, now_s: float) -> None:
        """Put what is taken for usual to the test again; let go of refusals that were too few to act on."""
        if self._background and now_s - self._background_s > _BACKGROUND_SECONDS:
            self._background = 0.0
        if self._passed > _LONGEST_WINDOW:
            self._passed = self._refused = 0
            self._window_s = _NOT_YET

    def _is_slow(self, seconds: float, error_s: float, *, was_full: bool) -> bool:
        """Return whether answers are slow for sure: by twice the standard error of their mean."""
        if self._usual_s is None or seconds + 2 * error_s < self._usual_s:
            self._usual_s = seconds + error_s
        elif not was_full:  # so it does not come from too many at a time
            self._usual_s += (seconds - self._usual_s) / 10
        return was_full and seconds - 2 * error_s > self._usual_s + self._slack_s

    @property
    def _slack_s(self) -> float:
        """How much longer than usual answers may take."""
        return (self._usual_s or 0.0) * _SLOW_SHARE + _SLOW_SECONDS
