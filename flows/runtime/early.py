"""The first step of every flow, before anything heavy is imported: loading the libraries takes half a second.

This module and what it imports stay light: nothing but the standard library, and none of it that loads OpenSSL.
"""

from flows.runtime import environment, signals


def begin(*, reloads: bool = False) -> None:
    """Take out other programs' variables, and let a stop end the process at once with 0, for nothing is started yet.

    With `reloads`, a wish to read the settings again waits until somebody handles it.
    """
    environment.take_out()
    signals.quit_at_once()
    if reloads:
        signals.let_reload_wait()
