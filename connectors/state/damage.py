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


_LEAST_DIGITS: Final = 9
"""With fewer it is another name of the same number."""


class DamagedStateError(Exception):
    """A file below the state directory is damaged, missing or foreign; the message names it and says what to do."""


def unusable(problem: OSError, directory: Path) -> str:
    """Return what is wrong with a file or directory of the state that the system refuses, and what to do."""
    return (
        f"{problem.filename or directory} cannot be used: {problem.strerror}; let the stream's account read and write "
        "it, and put back as it was what should be a file or a directory there"
    )


def numbered_files(directory: Path, suffix: str) -> list[Path]:
    """Return the files `NUMBER.suffix` of a directory, lowest number first.

    Raises DamagedStateError where another file has that suffix.
    """
    paths = list(directory.glob(f"*{suffix}"))
    for path in paths:
        is_number = path.stem.isascii() and path.stem.isdecimal() and len(path.stem) >= _LEAST_DIGITS
        if not (is_number and path.is_file()):
            raise DamagedStateError(f"{path} is no file of the stream's; move it out of the state directory")
    return sorted(paths, key=lambda path: int(path.stem))
