"""Sign-in limit: how often an address may give a wrong token."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

WRONG_ATTEMPTS: Final = 5
WINDOW_SECONDS: Final = 60.0
_MOST_ADDRESSES: Final = 1024


class SignInLimit:
    """Counts wrong tokens for each address, of the last minute, in bounded memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str) -> float:
        """Return how long an address has to wait until its next attempt is looked at; 0 is not at all."""
        wrong = self._wrong.get(address)
        if wrong is None or len(wrong) < WRONG_ATTEMPTS:
            return 0.0
        return max(wrong[0] + WINDOW_SECONDS - self._clock(), 0.0)

    def note_wrong(self, address: str) -> None:
        """Count a wrong token; the address that was wrong longest ago makes room."""
        wrong = self._wrong.setdefault(address, deque(maxlen=WRONG_ATTEMPTS))
        wrong.append(self._clock())
        self._wrong.move_to_end(address)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)
