"""Level: the most of something that the other side takes, found by going up in steps until it does not."""

from typing import Final, NamedTuple

SHORT: Final = 0.02
"""The first step up from where the limit is known to be near, as a share of the level; each clean one doubles it."""
DOUBLE: Final = 1.0
ANSWERS_PER_REFUSAL: Final = 100
"""How many answers are waited for before the next climb, for each refusal that the last one has brought."""
_LONGEST_FALL: Final = 0.7


class Mark(NamedTuple):
    """Where a level was."""

    value: float
    step: float


class Level:
    """A level between two bounds, and those below it that were found clean."""

    __slots__ = (
        "_clean",
        "_highest",
        "_is_climbing",
        "_largest_step",
        "_lowest",
        "_owed",
        "_proven",
        "_smallest_step",
        "_step",
        "is_probe",
        "value",
    )

    def __init__(
        self, value: float, lowest: float, highest: float, *, step: float, largest_step: float, smallest_step: float
    ) -> None:
        """Start at a value. Steps are shares of the value, but for `smallest_step`, which is an amount."""
        self._lowest, self._highest = lowest, highest
        self._largest_step, self._smallest_step = largest_step, smallest_step
        self._owed = 0
        self._step: float
        self._clean: float
        self._proven: float
        self._is_climbing: bool
        self.is_probe = False
        """Whether the value is a step above what was found clean, and under trial."""
        self.value = value
        self.go_to(Mark(value, step))

    @property
    def is_doubling(self) -> bool:
        """Whether nothing is known of the limit yet."""
        return self._step >= DOUBLE

    @property
    def is_above_proven(self) -> bool:
        """Whether it has gone up from where it was for long."""
        return self.value > self._proven

    @property
    def mark(self) -> Mark:
        """Where it is."""
        return Mark(self.value, self._step)

    def owe(self, answers: int, most: int) -> None:
        """Take note of a refusal: at the `answers`-th answer, and not to wait for more than `most` from there."""
        owed = max(self._owed, answers) + ANSWERS_PER_REFUSAL
        self._owed = max(self._owed, min(owed, answers + most))

    def owe_nothing(self) -> None:
        """Forget refusals."""
        self._owed = 0

    def may_raise(self, answers: int) -> bool:
        """Return whether there is a step up, and answers enough since the last refusals."""
        return answers >= self._owed and self.value < self._highest

    def raise_(self) -> None:
        """Go a step up, to see whether that is clean."""
        if not self._is_climbing:
            self._is_climbing, self._proven = True, self.value
        self._clean = self.value
        self.value = min(self.value + max(self.value * self._step, self._smallest_step), self._highest)
        self.is_probe = True

    def settle(self) -> None:
        """Take note that the step was clean: the next one is twice as long."""
        self._clean = self.value
        self.is_probe = False
        self._step = min(self._step * 2, self._largest_step)

    def rest(self) -> None:
        """Take note that no step follows at once."""
        self._is_climbing = False

    def retreat(self) -> None:
        """Go back to what was clean before this step; the next one is short."""
        self.value = self._clean
        self._step = SHORT
        self.is_probe = self._is_climbing = False

    def fall_back(self) -> None:
        """Go back towards where the climb began."""
        self.go_to(Mark(max(self._proven, self.value * _LONGEST_FALL), SHORT))

    def lower_to(self, value: float, step: float = SHORT) -> None:
        """Go down to a value, if that is down."""
        self.go_to(Mark(min(value, self.value), step))

    def go_to(self, mark: Mark) -> None:
        """Go where it was, or within its bounds wherever told to."""
        self.value = self._clean = self._proven = min(max(mark.value, self._lowest), self._highest)
        self._step = mark.step
        self.is_probe = self._is_climbing = False
