"""Adaptive limits: how many requests at a time, and per second, an app's answers show that AppsFlyer takes.

Nobody says what the limits are, or whether they are on requests at a time or per second. So both are found: each is
raised in steps while it is what holds requests back, and a step that brings refusals or slow answers is taken back.
After a refusal a hundred answers are waited for before the next step, so that in the long run about one in a hundred is
refused. Refusals or slow answers at a level that was clean lower it to what still passes. If they are no fewer then, it
is not the load that they come from: the level is restored, and they are taken for usual. A 429 never is.
"""

from collections import deque
from math import inf
from typing import Final

from connectors.delivery.latency import Latency
from connectors.delivery.levels import LARGEST_RATE_STEP, Levels
from connectors.delivery.refusals import FEWEST_REFUSED, Refusals
from connectors.delivery.round import Round
from connectors.delivery.trial import Trial, Verdict

_FLAPPING_SECONDS: Final = 10.0
"""Where nothing gets through so soon after requests got through again, it was too many that went at once."""
_FEWEST_AFTER_CLIMB: Final = 3
"""Refusals that are enough to take a climb back: the server may have saved some up, and taken more than its limit."""
_SLOW_FACTOR: Final = 0.7
_RATE_TRIAL_SECONDS: Final = 1.0
"""How long a higher rate is tried, for a server may have saved up some of its limit."""


class AdaptiveLimits:
    """The limits of one app in one process. Time is given, in seconds of a steady clock."""

    __slots__ = (
        "_answers_up",
        "_changed_s",
        "_down_s",
        "_kept_until_s",
        "_latency",
        "_levels",
        "_refusals",
        "_round",
        "_round_trip_s",
        "_rounds",
        "_trial",
        "_up_s",
    )

    def __init__(self, most_at_a_time: int) -> None:
        """Start low; never allow more than `most_at_a_time`."""
        self._levels = Levels(most_at_a_time)
        self._kept_until_s: deque[float] = deque()
        """A request that is refused at once keeps its place for as long as answers take, or others would storm in."""
        self._changed_s = -inf
        """When a level changed last."""
        self._refusals = Refusals()
        self._trial: Trial | None = None
        self._round = Round()
        """Begins a round trip after a change."""
        self._rounds = 0
        """How many have ended since a level changed."""
        self._round_trip_s = 0.0
        """The mean of the round before this; 0 before the first answer."""
        self._latency = Latency()
        self._down_s: float | None = None
        """Since when nothing gets through."""
        self._up_s = -inf
        """Since when something does,"""
        self._answers_up = 0
        """and how many answers there had been then."""

    @property
    def most_at_a_time(self) -> int:
        """How many requests may be under way."""
        return self._levels.most_at_a_time

    @property
    def requests_per_second(self) -> float:
        """What may be sent; infinity where no limit was found."""
        return self._levels.requests_per_second

    # What the sender asks and tells

    def wait_seconds(self, now_s: float, in_flight: int) -> float | None:
        """Return how long until the next request may go, 0 is now; None: until one of those in flight is answered."""
        kept = self._kept_until_s
        while kept and kept[0] <= now_s:
            kept.popleft()
        levels = self._levels
        if in_flight + len(kept) >= levels.most_at_a_time:
            levels.was_full = True
            return kept[0] - now_s if kept else None
        return levels.wait_seconds(now_s)

    def take(self, now_s: float) -> None:
        """Count a request that goes now."""
        self._levels.take(now_s)

    def passed(self, now_s: float, seconds: float) -> None:
        """Take note of an answer that shows no sign of too much load, and how long it took."""
        self._refusals.passed(now_s)
        if self._round.add(now_s, seconds):
            self._end_round(now_s)

    def refused(self, now_s: float, seconds: float, *, says_so: bool) -> None:
        """Take note of an answer that does; `says_so`: it can mean nothing else, being a 429."""
        refusals = self._refusals
        refusals.came(now_s, says_so=says_so)
        if self._down_s is not None:
            return
        if seconds < self._round_trip_s:
            self._kept_until_s.append(now_s + self._round_trip_s - seconds)
        if says_so or not refusals.usual_share:
            self._levels.owe(refusals.answers, self._round_trip_s)
        if now_s - seconds < self._changed_s:
            return  # sent before the last change, which has answered it
        refusals.add(says_so=says_so)
        if self._trial is None:
            self._act_on_refusals(now_s, says_so=says_so)

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
        answers = self._refusals.answers
        if down_s - self._up_s < _FLAPPING_SECONDS:
            self._levels.lower_rate_to((answers - self._answers_up) / (now_s - self._up_s), LARGEST_RATE_STEP)
        self._levels.start_again()
        self._refusals.nothing_is_usual()
        self._up_s, self._answers_up = now_s, answers
        self._change(now_s)

    # Rounds

    def _end_round(self, now_s: float) -> None:
        mean_s, error_s = self._round.mean_s, self._round.error_s
        if not self._round_trip_s:  # the very first answer is the fastest of the first, so that it says little
            self._round_trip_s, self._up_s = mean_s, now_s
            self._begin_round(now_s + mean_s)
            return
        self._round_trip_s = mean_s
        self._rounds += 1
        was_full, was_paced = self._levels.end_round()
        self._latency.note(mean_s, error_s, was_full=was_full)
        if self._trial is not None:
            self._judge(self._trial, mean_s, now_s)
        elif was_full and self._latency.is_slow(mean_s, error_s):
            if self._rounds > 1:  # the first still shows the load before
                self._lower_for_slowness(mean_s, now_s)
        elif was_full or was_paced:
            is_clear = was_full and not self._latency.is_slow(mean_s, error_s, 0.5)
            self._raise(now_s, may_raise_concurrency=is_clear, was_paced=was_paced)
        elif self._levels.is_probe and not self._levels.is_rate_probe:  # not used, so nothing is known of it
            self._levels.retreat()
            self._change(now_s)
        if self._trial is None:
            self._refusals.forget(now_s)
        if self._changed_s != now_s:
            self._begin_round(now_s)

    def _begin_round(self, start_s: float) -> None:
        self._round.begin(start_s, self.most_at_a_time, is_trial=self._trial is not None)

    def _change(self, now_s: float) -> None:
        """Put the levels in force, and begin to count what comes of them."""
        self._levels.put_in_force()
        self._changed_s = now_s
        self._rounds = 0
        self._refusals.begin()
        self._begin_round(now_s + self._round_trip_s)

    # Up

    def _raise(self, now_s: float, *, may_raise_concurrency: bool, was_paced: bool) -> None:
        if self._levels.is_rate_probe and now_s - self._changed_s < _RATE_TRIAL_SECONDS:
            return
        answers = self._refusals.answers
        if self._levels.raise_(answers, may_raise_concurrency=may_raise_concurrency, was_paced=was_paced):
            self._change(now_s)

    # Down

    def _act_on_refusals(self, now_s: float, *, says_so: bool) -> None:
        levels, refusals = self._levels, self._refusals
        if levels.is_probe:
            if refusals.are_beyond_usual(says_so=says_so):
                levels.retreat()
                self._change(now_s)
            return
        if refusals.count == 1:
            refusals.begin_with_the_first(now_s + self._round_trip_s)
        if not refusals.are_too_many(says_so=says_so):
            return
        count = refusals.relevant(says_so=says_so)
        if levels.is_above_proven:
            if count >= _FEWEST_AFTER_CLIMB:
                levels.fall_back()
                self._change(now_s)
        elif count >= FEWEST_REFUSED and refusals.show_what_passes(now_s, self._round_trip_s):
            self._lower_for_refusals(now_s)

    def _lower_for_refusals(self, now_s: float, trial: Trial | None = None) -> None:
        refusals = self._refusals
        if trial is None:
            self._trial = Trial(self._levels.marks, refusals.share)
        else:
            self._trial = trial._replace(refused_share=refusals.share, tries=trial.tries + 1)
        passing = refusals.passing_per_second(now_s)
        self._levels.lower_to_what_passes(passing, self._round_trip_s, refusals.share, says_so=refusals.say_so)
        self._change(now_s)
        refusals.open_window(now_s + self._round_trip_s)

    def _lower_for_slowness(self, seconds: float, now_s: float) -> None:
        before = self._levels.marks
        if not self._levels.lower_concurrency(_SLOW_FACTOR):  # so few do not hold each other up
            self._latency.take_for_usual(seconds)
            return
        self._trial = Trial(before, seconds=seconds)
        self._change(now_s)

    # What is usual

    def _judge(self, trial: Trial, seconds: float, now_s: float) -> None:
        """Tell whether lowering has helped; if not, restore what was, and take it for usual from now on."""
        if trial.is_for_slowness:
            if self._rounds > 1:
                self._trial = None
                if trial.slow_verdict(seconds, self.most_at_a_time) is Verdict.RESTORE:
                    self._latency.take_for_usual(seconds)
                    self._restore(trial)
                    self._change(now_s)
            return
        refusals = self._refusals
        if not trial.is_told(refusals.window_answers):
            return
        self._trial = None
        verdict = trial.verdict(refusals.share, refusals.usual_share, says_so=refusals.say_so)
        if verdict is Verdict.AGAIN:
            self._lower_for_refusals(now_s, trial)
        elif verdict is Verdict.STAY_LOW:
            self._levels.restore_low(trial.before)
            self._change(now_s)
        elif verdict is not Verdict.HELPED:
            refusals.take_for_usual(now_s)
            if verdict is Verdict.RESTORE:
                self._restore(trial)
            self._levels.double_from_here()
            self._change(now_s)

    def _restore(self, trial: Trial) -> None:
        self._trial = None
        self._levels.restore(trial.before, rate_too=not trial.is_for_slowness)
