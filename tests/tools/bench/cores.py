"""Cores: what is measured has one to itself, everything else shares the other."""

import os
from collections.abc import Sequence
from typing import Final

MEASURED: Final = 0
"""The process under test."""
SERVING: Final = 1
"""The endpoint, the broker and this harness."""


class TooFewCoresError(Exception):
    """The machine cannot hold the two apart."""


def take_serving_core() -> None:
    """Move this process to the serving core; what it starts goes there too, unless it is started `on` another.

    Raises TooFewCoresError where there are not both.
    """
    if not {MEASURED, SERVING} <= os.sched_getaffinity(0):
        raise TooFewCoresError("two cores are needed, 0 and 1: one for what is measured, one for broker and endpoint")
    os.sched_setaffinity(0, {SERVING})


def on(cores: Sequence[int], command: Sequence[str]) -> list[str]:
    """Return the command that runs another one on these cores alone."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
