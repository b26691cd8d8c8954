"""Keys: what is pressed at a terminal, without Enter; a wait that a key ends."""

import os
import select
import termios
import time
import tty
from types import TracebackType
from typing import Final, Self

_QUIT: Final = frozenset(b"qQ\x04")
"""The last one is Ctrl-D."""


class Keys:
    """Takes the keys of a terminal while it is entered, and gives it back as it was; what is none has no keys."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor) if os.isatty(descriptor) else None

    def __enter__(self) -> Self:
        """Take them; Ctrl-C stays a signal."""
        if self._before is not None:
            tty.setcbreak(self._descriptor, termios.TCSADRAIN)  # what was pressed before is kept
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back as it was."""
        if self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def is_quit_within(self, seconds: float) -> bool:
        """Wait for so long; return True at once where `q` is pressed, or where the terminal is gone."""
        if self._before is None:
            time.sleep(seconds)
            return False
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._descriptor], [], [], left)[0]:
                try:
                    pressed = os.read(self._descriptor, 64)
                except OSError:  # the terminal is gone
                    return True
                if not pressed or not _QUIT.isdisjoint(pressed):
                    return True
        return False
