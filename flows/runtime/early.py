"""The first step of every flow, before anything heavy is imported: loading the libraries takes half a second.

This module and what it imports stay light: nothing but the standard library, and none of it that loads OpenSSL.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flows.refusal import Refusal, say
from flows.runtime import environment, signals


@contextmanager
def starting(*, reloads: bool = False) -> Iterator[None]:
    """Let a flow start in the context. A refusal is said, and ends the process with its exit code.

    Other programs' variables are taken out, and a stop ends the process at once with 0, for nothing is started yet.
    With `reloads`, a wish to read the settings again waits until somebody handles it.
    """
    environment.take_out()
    signals.quit_at_once()
    if reloads:
        signals.let_reload_wait()
    try:
        yield
    except Refusal as refusal:
        raise SystemExit(say(refusal)) from None
