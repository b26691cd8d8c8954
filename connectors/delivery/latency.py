"""Latency: how long answers usually take, and whether they are slow for sure."""

from typing import Final

_SLOW_SHARE: Final = 0.2
_SLOW_SECONDS: Final = 0.02
"""Answers are slow a fifth and 20 ms beyond the usual time: below it, batches gain more than they wait."""
_STANDARD_ERRORS: Final = 2.0
"""A mean that is further off than so many times its standard error is no chance."""


class Latency:
    """What is known of a server's latency from the means of many answers."""

    __slots__ = ("_usual_s",)

    def __init__(self) -> None:
        self._usual_s: float | None = None

    def note(self, mean_s: float, error_s: float, *, was_full: bool) -> None:
        """Take a mean and its standard error; `was_full`: as many requests as may be were under way."""
        if self._usual_s is None or mean_s + _STANDARD_ERRORS * error_s < self._usual_s:
            self._usual_s = mean_s + error_s
        elif not was_full:  # so that it takes longer does not come from too many at a time
            self._usual_s += (mean_s - self._usual_s) / 10

    def take_for_usual(self, mean_s: float) -> None:
        """Take note that answers take so long whatever the load."""
        self._usual_s = mean_s

    def is_slow(self, mean_s: float, error_s: float, tolerance: float = 1.0) -> bool:
        """Return whether answers take longer than usual, by more than the slack or a share of it."""
        usual_s = self._usual_s or 0.0
        slack_s = usual_s * _SLOW_SHARE + _SLOW_SECONDS
        return mean_s - _STANDARD_ERRORS * error_s > usual_s + tolerance * slack_s
