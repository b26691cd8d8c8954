"""The directory of an inbox: which file in it is the inbox, and how another takes its place.

A file of SQLite must not be renamed under a process that has it open while another takes its name: who closes the first
would remove the other's log. So each file has a number of its own, and the highest is the inbox.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from connectors.state.durable import sync_entries

_NAME: Final = re.compile(r"events-(\d{6,})\.sqlite")
_BESIDE: Final = ("", "-wal", "-shm")
ASIDE: Final = ".damaged"
"""What a file that was set aside ends with."""
WRITER_LOCK: Final = "writer.lock"
READER_LOCK: Final = "reader.lock"
OPEN: Final = "open"
"""The mark of a file that a collector writes to, or wrote to when it was killed."""
SUSPECT: Final = "suspect"
"""The mark of a file that the stream cannot read on."""


def inbox_file(directory: Path) -> Path | None:
    """Return the file that is the inbox; None where there is none yet."""
    return max((each for each in _entries(directory) if _NAME.fullmatch(each.name)), key=_number, default=None)


def next_file(directory: Path) -> Path:
    """Return where the next file is to be made: its number was never used."""
    numbers = [int(found[1]) for each in _entries(directory) if (found := _NAME.match(each.name))]
    return directory / f"events-{max(numbers, default=0) + 1:06}.sqlite"


def older_files(path: Path) -> list[Path]:
    """Return the files that were the inbox before this one, and were not set aside, because a crash came between."""
    return [each for each in _entries(path.parent) if _NAME.fullmatch(each.name) and _number(each) < _number(path)]


def mark(path: Path, what: str) -> None:
    """Leave a mark beside a file, for good. Raises OSError."""
    os.close(os.open(_mark(path, what), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    sync_entries(path.parent)


def is_marked(path: Path, what: str) -> bool:
    """Return whether a mark is beside a file."""
    return _mark(path, what).exists()


def unmark(path: Path, what: str) -> None:
    """Take a mark away. Raises OSError."""
    _mark(path, what).unlink(missing_ok=True)


def has_log(path: Path) -> bool:
    """Return whether there is anything in the log beside a file."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def set_aside(path: Path) -> Path:
    """Give a file, and what SQLite keeps beside it, a name by which it is not the inbox; return it. Raises OSError."""
    for what in (OPEN, SUSPECT):
        unmark(path, what)
    aside = path.with_name(f"{path.name}{ASIDE}")
    for end in reversed(_BESIDE):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + end))
    sync_entries(path.parent)
    return aside


def put_in_place(fresh: Path, path: Path) -> None:
    """Let a file that is whole and closed be the inbox. Raises OSError."""
    descriptor = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)
    sync_entries(path.parent)


def _mark(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _entries(directory: Path) -> Iterator[Path]:
    try:
        yield from directory.iterdir()
    except FileNotFoundError:
        return


def _number(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0
