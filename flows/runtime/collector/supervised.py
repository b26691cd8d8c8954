"""Supervised: becomes the program that is named, which the kernel stops if whoever started it dies.

`python -m flows.runtime.collector.supervised ARGUMENT…` becomes `python ARGUMENT…`. Without it, a `serve` that was
killed would leave a stream behind, which keeps its state directory to itself.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Become the program; it keeps what is set here."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            raise SystemExit(0)  # it died in between
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])  # noqa: S606 - our own command, without a shell


if __name__ == "__main__":
    main()
