"""Refusal: a flow that cannot go on from its state. It has not started yet: nothing was read or sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from connectors.state.damage import READ_AGAIN, DamagedStateError, unusable
from connectors.state.engine_store import StoreError
from flows.refusal import Refusal

_SPEAKING: Final = (DamagedStateError, StoreError, ValueError, OSError)
"""What says itself what is wrong."""


@contextmanager
def refusing_state() -> Iterator[None]:
    """Raise Refusal where a state cannot be taken up, whatever comes of one that is not what was written."""
    try:
        yield
    except Exception as problem:
        raise Refusal(f"the stream cannot go on from its state: {_why(problem)}") from problem


def _why(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.filename:
        return unusable(problem, Path())
    if isinstance(problem, _SPEAKING):
        return str(problem)
    return f"the recovery store holds what this version cannot read ({type(problem).__name__}); {READ_AGAIN}"
