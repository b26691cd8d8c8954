"""SIGTERM and SIGINT while there is nothing to stop yet: the process ends at once with 0, for nothing was started.

Python needs some ten milliseconds before the first line of ours runs, and `python -m bytewax.run` about a hundred. A
signal in that time ends the process with 143, as any other program; where the process is PID 1, the kernel drops it,
and only the next one counts. From there on none is missed: `python -m flows run` becomes Bytewax with the signals
blocked, so that one that comes on the way waits until it is handled.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connectors.shutdown import Shutdown

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
RELOAD: Final = signal.SIGHUP
"""Asks a running stream to read its settings again."""


def quit_at_once() -> None:
    """From now on, and if one waits already, end at once with 0. To be called before anything heavy is imported."""
    for each in SIGNALS:
        signal.signal(each, _quit)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def stop_on_signals(shutdown: "Shutdown", drain_seconds: float | None = None) -> None:
    """From now on let SIGTERM and SIGINT ask for a clean stop, and a second one stop at once.

    With `drain_seconds`, who has typed Ctrl-C at a terminal is told what it waits for.
    """
    waits_for = (
        f"\nstopping: it waits for the answers to what is under way, for at most {drain_seconds or 0:g} s; what is "
        "left is kept. Ctrl-C again stops at once, and what is under way may then be sent twice\n"
    ).encode()

    def handle(number: int, _frame: FrameType | None) -> None:
        if shutdown.restart:  # it stops already, and is not to begin again
            shutdown.restart = False
            return
        if shutdown.requested:
            os._exit(128 + number)
        if number == signal.SIGINT and drain_seconds is not None and os.isatty(2):
            os.write(2, waits_for)  # no log: its lock may be held by what this interrupts
        shutdown.request()

    for each in SIGNALS:
        signal.signal(each, handle)


def keep_waiting() -> None:
    """Let signals wait, until the program that this process becomes by exec handles them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def let_reload_wait() -> None:
    """Let the wish to read the settings again wait, for before somebody handles it it would end the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {RELOAD})


def on_reload(ask: Callable[[], None]) -> None:
    """From now on call `ask` for each such wish, the one that waits included."""
    signal.signal(RELOAD, lambda _number, _frame: ask())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {RELOAD})


@contextmanager
def for_the_main_thread() -> Iterator[None]:
    """Keep all of these signals from the threads that are started within: only the main thread is to get them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, RELOAD})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _quit(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)
