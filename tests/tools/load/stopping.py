"""The wish to stop, by Ctrl-C or SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class Shutdown:
    """Whether somebody wishes to stop. A second wish breaks off at once; everything that was started still ends."""

    def __init__(self) -> None:
        self._is_wished = False

    def __call__(self) -> bool:
        """Return whether it is wished."""
        return self._is_wished

    @contextmanager
    def on_signals(self) -> Iterator[Self]:
        """Listen for it while the context lasts."""
        before = {each: signal.signal(each, self._wish) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _wish(self, number: int, _frame: object) -> None:
        if self._is_wished:
            raise KeyboardInterrupt(number)
        self._is_wished = True
