"""Damage: a file of the state that is not what was written: a start says so and refuses, for to go on loses events."""

from pathlib import Path
from typing import Final

READ_AGAIN: Final = (
    "put it back as it was, or move recovery, users, overflow and manifest.json out of the state directory and keep "
    "journal: then the events are read again from the group's committed offsets (docs/runbook.md, «Damaged state»)"
)
"""What to do where the source still has the events."""

SEND_AGAIN: Final = (
    "put it back as it was, or remove manifest.json from the state directory to go on without it: then what was "
    "delivered and stood there may be sent twice (docs/runbook.md, «Damaged state»)"
)
"""What to do where a journal is not whole."""


class DamagedStateError(Exception):
    """A file below the state directory is damaged, missing or foreign; the message names it and says what to do."""


def unusable(problem: OSError, directory: Path) -> str:
    """Return what is wrong with a file or directory of the state that the system refuses, and what to do."""
    return (
        f"{problem.filename or directory} cannot be used: {problem.strerror}; let the stream's account read and write "
        "it, and put back as it was what should be a file or a directory there"
    )
