"""The log of users: what is remembered of each, appended whenever it has changed, and all of it read at a start.

The engine's own store looks at every key whenever it takes a snapshot, and at a start once for every thousand of them;
beyond some ten thousand users that is all that a process would do. So the users are here, and the engine stores only
how far this log was written: a generation. A start goes back to the generation that the engine goes back to.

Format of a segment: frames (see `connectors/ledger/frames.py`); the payload is a pickle of builtins,
`(generation, [(key, state or None for a user that is forgotten), …])`. The last frame of a generation has no records:
without it a generation is not whole.
"""

import os
import pickle
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from connectors.durable import sync_entries, write_anew
from connectors.ledger.frames import append_whole, frame, read_frames
from connectors.ledger.plain import load_plain

_SUFFIX: Final = ".users"
_FLOOR: Final = "floor"
"""The file that holds the lowest generation that can be gone back to."""
_CHUNK: Final = 500
_ANEW: Final = "start with a new state directory, from the group's committed offsets"
_KEPT_GENERATIONS: Final = 3
"""The engine may go back to an older snapshot than the last."""
_SPARE_RECORDS: Final = 20_000
"""A log is not rewritten before so many records of it are out of date."""
_LEAST_REWRITTEN: Final = 1000
_REWRITES: Final = 200
"""A rewriting takes at most so many snapshots."""
_LONGEST_KEPT_S: Final = 86_400
"""What is out of date goes within a day in which the log is written to, however little it is: it may be a person's."""
_FIRST_KEPT_S: Final = 3600
"""Sooner after a start, for nobody knows how long ago the log was written anew; but not with each of several starts."""

State = tuple[Any, ...]
"""A user as it is stored, of builtins."""
Record = tuple[str, State | None]


class Everybody(Protocol):
    """Those who are remembered."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def keys(self) -> Sequence[str]:
        """Return their keys, as they are now."""
        ...

    def state_of(self, key: str) -> State | None:
        """Return one of them as they are to be stored; None if they are forgotten meanwhile."""
        ...


class UserLogError(Exception):
    """The log does not fit what is to be resumed; the message says why, and what to do."""


class _Segment(NamedTuple):
    path: Path
    records: int


class UserLog:
    """The log of some users. Not safe for use by several threads.

    When much of it is out of date, a part of everybody is written anew with each snapshot, until nothing older is
    needed: no snapshot has to wait for all of them.
    """

    def __init__(self, directory: Path, everybody: Everybody) -> None:
        """Look at nothing yet: `resume` comes first."""
        self._directory = directory
        self._everybody = everybody
        self._generation = 0
        self._sealed: list[_Segment] = []
        self._number = 0
        self._records = 0
        """Of the segment that is written to."""
        self._descriptor = -1
        self._rewriting: Iterator[str] | None = None
        self._share = 0
        self._outdated: list[_Segment] = []
        """Segments that nothing needs any more, but a start from an older generation."""
        self._outdated_since = 0
        self._rewrite_at_s = 0
        """When it is written anew at the latest, in seconds since the epoch."""

    def resume(self, generation: int, take: Callable[[str, State | None], None]) -> None:
        """Go back to a generation, 0 for the beginning, and give every record up to it to `take`, oldest first.

        What was written after it is removed. Raises UserLogError, or OSError.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        sync_entries(self._directory.parent)
        sync_entries(self._directory.parent.parent)
        paths = sorted(self._directory.glob(f"*{_SUFFIX}"))
        self._check(generation)
        reached, end = 0, 0
        for place, path in enumerate(paths if generation else ()):
            records, last, end, is_over = _read(path, generation, take)
            reached = max(reached, last)
            self._sealed.append(_Segment(path, records))
            if is_over:
                paths_behind = paths[place + 1 :]
                break
            if path != paths[-1] and end != path.stat().st_size:
                raise UserLogError(f"{path} is damaged at byte {end}; {_ANEW}")
        else:
            paths_behind = [] if generation else paths
        if reached != generation:
            raise UserLogError(
                f"{self._directory} holds users up to snapshot {reached}, and the recovery store goes on at "
                f"{generation}: they are not of the same run; put both back, or {_ANEW}"
            )
        for path in reversed(paths_behind):
            path.unlink()
        self._generation = generation
        if not self._sealed:
            self._begin()
            return
        last_segment = self._sealed.pop()
        self._number, self._records = int(last_segment.path.stem), last_segment.records
        self._descriptor = os.open(last_segment.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, end)
        os.fsync(self._descriptor)
        sync_entries(self._directory)  # else what was removed may come back, behind what is written now

    def save(self, changed: Sequence[Record], now_s: int) -> int:
        """Make durable what has changed, and return the generation that holds it. Raises OSError, with nothing done."""
        if not changed and self._rewriting is None:
            return self._generation
        records = [*changed, *self._rewritten(len(changed), now_s)]
        generation = self._generation + 1
        chunks = (records[place : place + _CHUNK] for place in (*range(0, len(records), _CHUNK), len(records)))
        data = b"".join(frame(pickle.dumps((generation, chunk), pickle.HIGHEST_PROTOCOL)) for chunk in chunks)
        try:
            append_whole(self._descriptor, data)
            os.fdatasync(self._descriptor)
        except OSError:
            if self._rewriting is not None:  # its part is in no log yet
                self._rewriting = iter(self._everybody.keys())
            raise
        self._generation = generation
        self._records += len(records)
        self._remove_outdated()
        return generation

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _rewritten(self, changed: int, now_s: int) -> list[Record]:
        """Return the next part of everybody where the log is being written anew; begin with that where it is time."""
        if self._rewriting is None:
            if self._outdated or not self._is_to_be_rewritten(changed, now_s):
                return []
            self._sealed.append(_Segment(self._path(self._number), self._records))
            self.close()
            self._begin()
            keys = self._everybody.keys()
            self._rewriting = iter(keys)
            self._share = max(len(keys) // _REWRITES, _LEAST_REWRITTEN)
        part = list(islice(self._rewriting, max(self._share, changed)))
        if not part:  # the last part is with the generation before
            self._rewriting = None
            self._outdated, self._sealed = self._sealed, []
            self._outdated_since = self._generation
            self._rewrite_at_s = now_s + _LONGEST_KEPT_S
        return [(key, state) for key in part if (state := self._everybody.state_of(key)) is not None]

    def _is_to_be_rewritten(self, changed: int, now_s: int) -> bool:
        written = self._records + sum(each.records for each in self._sealed)
        people = len(self._everybody)
        if now_s >= self._rewrite_at_s:
            if not self._rewrite_at_s:
                self._rewrite_at_s = now_s + _FIRST_KEPT_S
            elif written > people:
                return True
        return written + changed > 2 * people + _SPARE_RECORDS

    def _remove_outdated(self) -> None:
        if not self._outdated or self._generation < self._outdated_since + _KEPT_GENERATIONS:
            return
        write_anew(self._directory / _FLOOR, str(self._outdated_since).encode())
        with suppress(OSError):
            while self._outdated:
                self._outdated[0].path.unlink(missing_ok=True)
                del self._outdated[0]
        self._sealed[:0] = self._outdated  # who was forgotten must not come back: the oldest goes first, or none
        self._outdated = []

    def _check(self, generation: int) -> None:
        place = self._directory / _FLOOR
        if not generation:
            place.unlink(missing_ok=True)
        elif place.exists() and generation < int(place.read_text(encoding="ascii")):
            raise UserLogError(
                f"{self._directory} was written anew since snapshot {generation}, which the recovery store goes on at: "
                f"they are not of the same run; put both back, or {_ANEW}"
            )

    def _begin(self) -> None:
        self._number += 1
        self._records = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path(self._number), flags, 0o600)
        sync_entries(self._directory)  # else a crash of the machine may take the file with all that was written to it

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:09d}{_SUFFIX}"


def _read(path: Path, generation: int, take: Callable[[str, State | None], None]) -> tuple[int, int, int, bool]:
    """Read a segment up to a generation: how many records, the last generation, where it ends, whether more follows."""
    records, last, end = 0, 0, 0
    with path.open("rb") as file:
        for payload, behind in read_frames(file):
            of_generation, chunk = load_plain(payload)
            if of_generation > generation:
                return records, last, end, True
            for key, state in chunk:
                take(key, state)
            records, end = records + len(chunk), behind
            if not chunk:
                last = of_generation
    return records, last, end, False


def read_log(directory: Path, generation: int) -> Iterator[Record]:
    """Yield every record up to a generation, oldest first, without touching anything.

    Raises FileNotFoundError where the log was written anew since that generation, at the latest at the end; or OSError.
    """
    yield from _records(directory, generation)
    floor = directory / _FLOOR
    if floor.exists() and generation < int(floor.read_text(encoding="ascii")):
        raise FileNotFoundError(f"{directory} was written anew since snapshot {generation}")


def _records(directory: Path, generation: int) -> Iterator[Record]:
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        with path.open("rb") as file:
            for payload, _ in read_frames(file):
                of_generation, chunk = load_plain(payload)
                if of_generation > generation:
                    return
                yield from chunk


def write_log(directory: Path, records: Iterable[Record]) -> int:
    """Write a log that no flow has used yet; return the generation to resume it from. Raises OSError."""
    directory.mkdir(parents=True)
    records = iter(records)
    with (directory / f"{1:09d}{_SUFFIX}").open("xb") as file:
        while chunk := list(islice(records, _CHUNK)):
            file.write(frame(pickle.dumps((1, chunk), pickle.HIGHEST_PROTOCOL)))
        file.write(frame(pickle.dumps((1, []), pickle.HIGHEST_PROTOCOL)))
        file.flush()
        os.fsync(file.fileno())
    return 1


def erase(directory: Path, keys: Collection[str]) -> set[str]:
    """Take every record of some users out of a log that no flow has open; return who was remembered. Raises OSError.

    What stood there is overwritten on the disk.
    """
    remembered: set[str] = set()
    paths = sorted(directory.glob(f"*{_SUFFIX}"))
    for path in paths:
        frames: list[bytes] = []
        is_touched = False
        end = 0
        with path.open("rb") as file:
            for payload, end in read_frames(file):  # noqa: B007 - where the last one ends
                generation, chunk = load_plain(payload)
                kept = [(key, state) for key, state in chunk if key not in keys]
                for key, state in chunk:
                    if key in keys:
                        (remembered.discard if state is None else remembered.add)(key)
                if len(kept) < len(chunk):
                    is_touched = True
                    if not kept:
                        continue
                    payload = pickle.dumps((generation, kept), pickle.HIGHEST_PROTOCOL)  # noqa: PLW2901
                frames.append(frame(payload))
        if path != paths[-1] and end != path.stat().st_size:  # to write it anew would hide it from the next start
            raise OSError(f"{path} is damaged at byte {end}; {_ANEW}")
        if is_touched:
            _replace(path, b"".join(frames))
    return remembered


def _replace(path: Path, content: bytes) -> None:
    """Write a file anew, and overwrite what it held."""
    with path.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        write_anew(path, content)
        while size > 0:
            size -= old.write(bytes(min(size, 1 << 20)))
        old.flush()
        os.fsync(old.fileno())
