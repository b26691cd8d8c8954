"""Refusals: how many answers say that it is too much, of how many, and what share of them no load explains."""

from math import inf, sqrt
from typing import Final

FEWEST_REFUSED: Final = 8
"""So many refusals say what share of the requests is refused."""
_FEWEST_PASSED: Final = 10
_TOLERATED_SHARE: Final = 0.005
_LONG_AGO: Final = 2000
"""Answers, after which refusals that were too few to act on are forgotten."""
_USUAL_SECONDS: Final = 60.0
"""How long refusals are taken for usual before that is put to the test again."""


class Refusals:
    """Counts at the levels in force. Time is given, in seconds of a steady clock.

    Some servers refuse a share of the requests whatever the load, as one that is half broken does with 503. That share
    can be taken for usual. A 429 never is: it says that this client sends too much.
    """

    __slots__ = (
        "_answers_then",
        "_said",
        "_usual_share",
        "_usual_until_s",
        "_window_passed",
        "_window_refused",
        "_window_s",
        "_window_said",
        "answers",
        "count",
    )

    def __init__(self) -> None:
        self.answers = 0
        """How many requests passed, of all."""
        self._answers_then = 0
        """How many had when the count began."""
        self.count = 0
        """How many were refused since then, that were sent since then;"""
        self._said = 0
        """and of these, by a 429."""
        self._window_s = inf
        """From when on answers show what passes at these levels; inf where nothing has asked for it."""
        self._window_passed = self._window_refused = self._window_said = 0
        self._usual_share = 0.0
        self._usual_until_s = -inf

    def begin(self) -> None:
        """Count anew: the levels have changed."""
        self._answers_then, self.count, self._said = self.answers, 0, 0
        self._window_s = inf

    def begin_with_the_first(self, window_from_s: float) -> None:
        """Count from this first refusal on, and measure what passes."""
        self._answers_then = self.answers
        self.open_window(window_from_s)

    def open_window(self, from_s: float) -> None:
        """Measure what passes, from a moment on."""
        self._window_s = from_s
        self._window_passed = self._window_refused = self._window_said = 0

    def passed(self, now_s: float) -> None:
        """Count a request that passed."""
        self.answers += 1
        if now_s >= self._window_s:
            self._window_passed += 1

    def came(self, now_s: float, *, says_so: bool) -> None:
        """Count a refusal for what passes; `says_so`: a 429."""
        if now_s >= self._window_s:
            self._window_refused += 1
            self._window_said += says_so

    def add(self, *, says_so: bool) -> None:
        """Count a refusal of a request that was sent at these levels."""
        self.count += 1
        self._said += says_so

    def relevant(self, *, says_so: bool) -> int:
        """Return how many speak of the load: what is usual does not, but for those that say so."""
        return self._said if says_so else self.count

    def are_beyond_usual(self, *, says_so: bool) -> bool:
        """Return whether they are certainly more than what is usual."""
        usual = 0.0 if says_so else self._usual_share
        refused = self.relevant(says_so=says_so)
        expected = usual * (self.answers - self._answers_then + refused)
        return refused > expected + 4 * sqrt(expected)

    def are_too_many(self, *, says_so: bool) -> bool:
        """Return whether they are certainly more than what is usual and what is tolerated."""
        usual = 0.0 if says_so else self._usual_share
        refused = self.relevant(says_so=says_so)
        expected = (usual + _TOLERATED_SHARE) * (self.answers - self._answers_then + refused)
        return refused >= expected + 3 * sqrt(expected)

    def show_what_passes(self, now_s: float, round_trip_s: float) -> bool:
        """Return whether the window tells what passes at these levels."""
        has_both = self._window_passed >= _FEWEST_PASSED and self._window_refused > 0
        return has_both and now_s - self._window_s >= round_trip_s

    def passing_per_second(self, now_s: float) -> float:
        """Return what passes, by the window."""
        return self._window_passed / (now_s - self._window_s)

    @property
    def window_answers(self) -> int:
        """How many answers the window has seen."""
        return self._window_passed + self._window_refused

    @property
    def share(self) -> float:
        """The share that is refused, by the window."""
        return self._window_refused / self.window_answers

    @property
    def say_so(self) -> bool:
        """Whether all of the window's refusals are 429: a server that says 503 as well may be broken."""
        return self._window_said == self._window_refused

    # What is usual

    @property
    def usual_share(self) -> float:
        """The share that is taken to be refused whatever the load."""
        return self._usual_share

    def take_for_usual(self, now_s: float) -> None:
        """Take what the window shows for what is refused whatever the load."""
        self._usual_share, self._usual_until_s = self.share, now_s + _USUAL_SECONDS

    def nothing_is_usual(self) -> None:
        """Forget what was."""
        self._usual_share = 0.0

    def forget(self, now_s: float) -> None:
        """Put what is taken for usual to the test again; let go of refusals that were too few to act on."""
        if now_s > self._usual_until_s:
            self._usual_share = 0.0
        if self.answers - self._answers_then > _LONG_AGO:
            self.begin()
