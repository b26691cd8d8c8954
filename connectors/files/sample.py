"""A sample of the archives: the first lines of some of them, from the first to the last; or all lines."""

import glob
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connectors.clock import now_ms
from connectors.files.archive import Line, Skipped, read_archive
from connectors.files.damage import UnreadableError
from connectors.files.natural import natural_key
from connectors.files.settings import FilesSource
from flows.domain.event import Record

_MOST_FILES: Final = 10
_MOST_SECONDS: Final = 5.0


class Archives(NamedTuple):
    """What was read of them."""

    records: Sequence[Record]
    is_whole: bool
    """Whether these are all lines of all files."""
    files: int
    unreadable: Sequence[str]
    """The files of which nothing can be read, with the reason."""
    lines: int
    """How many lines they all may have: exact where all were read, else by the size of the files."""


def sample_archives(source: FilesSource, limit: int) -> Archives:
    """Read up to `limit` lines of up to ten files, evenly spread; takes some seconds at the most."""
    paths = _in_order(source)
    step = max(1, (len(paths) - 1) / (_MOST_FILES - 1))
    chosen = list(dict.fromkeys(paths[round(place * step)] for place in range(min(len(paths), _MOST_FILES))))
    deadline = time.monotonic() + _MOST_SECONDS
    records: list[Record] = []
    unreadable: list[str] = []
    is_whole = len(chosen) == len(paths)
    for place, path in enumerate(chosen):
        most = len(records) + (limit - len(records)) // (len(chosen) - place)
        try:
            for line in read_archive(path, lambda *_: None):
                if time.monotonic() > deadline or len(records) >= most:
                    is_whole = False
                    break
                if not isinstance(line, Skipped):
                    records.append(_record(path, line))
        except UnreadableError as error:
            unreadable.append(_unreadable(path, error))
            is_whole = False
    lines = len(records) if is_whole else _estimated(records, paths)
    return Archives(records, is_whole, len(paths), unreadable, lines)


def all_lines(source: FilesSource, on_damage: Callable[[str], None]) -> Iterator[Record]:
    """Yield every line of every file, from the first to the last; what cannot be read is told, and left out."""
    for path in _in_order(source):

        def report(member: str | None, number: int | None, problem: str, path: str = path) -> None:
            place = "".join((f"!{member}" if member else "", f", line {number}" if number else ""))
            on_damage(f"{Path(path).name}{place}: {problem}")

        try:
            for line in read_archive(path, report):
                if not isinstance(line, Skipped):
                    yield _record(path, line)
        except UnreadableError as error:
            on_damage(_unreadable(path, error))


def _in_order(source: FilesSource) -> list[str]:
    return sorted({path for pattern in source.paths for path in matches(pattern)}, key=natural_key)


def _record(path: str, line: Line) -> Record:
    return Record(line.value, None, path, 0, line.number, now_ms())


def _unreadable(path: str, error: UnreadableError) -> str:
    return f"{Path(path).name}: {error}"


def _estimated(records: Sequence[Record], paths: Sequence[str]) -> int:
    """Return how many such lines the files may hold, which is about as exact as zlib is like what has packed them."""
    if not records:
        return 0
    values = b"\n".join(record.value or b"" for record in records)
    plain, packed = len(values) / len(records), len(zlib.compress(values)) / len(records)
    total = 0.0
    for path in paths:
        try:
            size_bytes = Path(path).stat().st_size
        except OSError:
            continue
        total += size_bytes / (packed if path.lower().endswith((".gz", ".zip")) else plain)
    return max(len(records), round(total))


def matches(pattern: str) -> list[str]:
    """Return the files that a pattern of the settings names."""
    # A name may hold what would be a glob's special characters.
    return [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207 (absolute)
