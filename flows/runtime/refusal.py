"""Refusal: the end of a process that cannot go on from its state, from within the engine."""

import os
import sys
from pathlib import Path
from typing import Final, NoReturn

import structlog

from connectors.state.damage import READ_AGAIN, DamagedStateError, unusable

log = structlog.get_logger()

_SPEAKING: Final = (DamagedStateError, ValueError, OSError)
"""What says itself what is wrong."""


def refuse_state(problem: Exception) -> NoReturn:
    """Say why the state cannot be taken up, and end with 2: nothing was read or sent."""
    why = unusable(problem, Path()) if isinstance(problem, OSError) and problem.filename else str(problem)
    if not isinstance(problem, _SPEAKING):
        why = f"the recovery store holds what this version cannot read ({type(problem).__name__}); {READ_AGAIN}"
    log.error("the stream cannot go on from its state", why=why)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(2)  # an exception would come out of the engine as a panic of a hundred lines
