"""The brake: stops the flow when too many of the last events were refused, as after a bad deploy.

Without it, a mistake in the settings or in an app's release empties the whole topic into the dead letters.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from flows.domain.fate import DeadLetterReason

COUNTED: Final = frozenset(
    {
        DeadLetterReason.UNDECODABLE,
        DeadLetterReason.INVALID_EVENT,
        DeadLetterReason.TOO_LARGE,
        DeadLetterReason.REJECTED,
    }
)
"""What a bad deploy causes. A missing AppsFlyer id is no accident but a share of every app's users."""


class Brake:
    """Looks at the last events that were delivered or given up. Once on, it stays on until the process is restarted."""

    def __init__(self, share: float, events: int, tell: Callable[[int, int], None] | None = None) -> None:
        """Go on when more than `share` (0 to 1; 1 is never) of the last `events` were refused.

        `tell` is then called once, with how many were refused and how many were looked at.
        """
        self._tell = tell
        self._most = share * events
        self._last: deque[bool] = deque(maxlen=events)
        self._refused = 0
        self.is_on = False

    def delivered(self) -> None:
        """Note an event that AppsFlyer has accepted."""
        self._note(refused=False)

    def dead_lettered(self, reason: DeadLetterReason) -> None:
        """Note an event that was given up."""
        if reason in COUNTED:
            self._note(refused=True)

    def _note(self, *, refused: bool) -> None:
        last = self._last
        if len(last) == last.maxlen:
            self._refused -= last[0]
        last.append(refused)
        self._refused += refused
        if not self._refused:
            return
        if not self.is_on and len(last) == last.maxlen and self._refused > self._most:
            self.is_on = True
            if self._tell is not None:
                self._tell(self._refused, len(last))
