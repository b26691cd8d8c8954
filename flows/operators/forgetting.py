"""Forgetting: when each remembered user is to be looked at again.

Users are listed once each, by the time at which they may be forgotten, and looked at while events come: a stream
without any events forgets nobody until the next.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

_STEPS: Final = 64
"""How many different times are kept apart: a user is forgotten at most 1/64 of the remembered time late."""


class Forgetting:
    """Who is to be looked at when."""

    def __init__(self, remember_s: int) -> None:
        self._step_s = max(remember_s // _STEPS, 1)
        self._due: dict[int, deque[str]] = {}
        self.size = 0
        """How many are listed."""

    def note(self, key: str, due_s: int) -> None:
        """List a user that may be forgotten at that time. Each is to be listed again only after `due` has named it."""
        step = due_s // self._step_s + 1
        self._due.setdefault(step, deque()).append(key)
        self.size += 1

    def keep(self, known: Callable[[str], bool]) -> None:
        """Strike those off the list who are not known any more."""
        seen: set[str] = set()
        for step, keys in list(self._due.items()):
            kept = deque(key for key in dict.fromkeys(keys) if key not in seen and known(key))
            seen.update(kept)
            self._due[step] = kept
        self.size = len(seen)

    def due(self, now_s: int, most: int) -> Iterator[str]:
        """Yield the users whose time has come, at most so many; they are listed no more."""
        now = now_s // self._step_s
        for step in [each for each in list(self._due) if each <= now]:
            keys = self._due[step]
            while keys and most > 0:
                most -= 1
                self.size -= 1
                yield keys.popleft()
            if not keys and step < now:  # nothing is listed any more for a time that is over
                self._due.pop(step, None)
