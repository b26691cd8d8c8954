"""Skew: a few users do much of everything (Zipf's law)."""

from itertools import accumulate, count, islice
from random import Random
from typing import Protocol


class Users(Protocol):
    """Draws whose events come next."""

    count: int
    """How many users there are, numbered from 0 on."""

    def draw(self, count: int) -> list[int]:
        """Return that many user numbers."""
        ...


class Skew:
    """Draws user numbers from 0 on; user k is drawn in proportion to 1 / (k + 1) ** exponent."""

    def __init__(self, users: int, exponent: float, rng: Random) -> None:
        """An exponent of 0 draws every user alike."""
        self.count = users
        self._users = range(users)
        self._rng = rng
        self._cumulated: list[float] | None = None
        if exponent:
            self._cumulated = list(accumulate((rank + 1) ** -exponent for rank in self._users))

    def draw(self, count: int) -> list[int]:
        """Return that many user numbers."""
        if self._cumulated is None:
            return [self._rng.randrange(len(self._users)) for _ in range(count)]
        return self._rng.choices(self._users, cum_weights=self._cumulated, k=count)


class InTurn:
    """One user after another, and from the beginning again."""

    def __init__(self, users: int) -> None:
        self.count = users
        self._numbers = count()

    def draw(self, count: int) -> list[int]:
        """Return that many user numbers."""
        return [number % self.count for number in islice(self._numbers, count)]
