"""Segments: the files of a log of users, their format, and what is done to them while no flow writes them.

A segment consists of frames (see `connectors/state/segment_log.py`); the payload is a pickle of builtins,
`(generation, [(key, state or None for a user that is forgotten), …])`. The last frame of a generation has no records:
without it a generation is not whole. Each generation is the one before and 1, so that a part that is gone is noticed.
The first frame of a segment is `("state", the id of the state directory)`; an earlier version's has none.
"""

import os
import pickle
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.state.damage import DamagedStateError
from connectors.state.durable import overwrite_anew, write_anew
from connectors.state.layout import USER_SEGMENTS
from connectors.state.plain import load_plain
from connectors.state.segment_log import frame, read_frames

_FLOOR: Final = "floor"
"""The file that holds the lowest generation that can be gone back to, and its CRC-32; an earlier version's has none."""
_STATE: Final = "state"
_CHUNK: Final = 500
_ANEW: Final = "start with a new state directory, from the group's committed offsets"
_BACK_OR_ANEW: Final = f"put it back as it was, or {_ANEW}"

StoredUser = tuple[Any, ...]
"""A user as it is stored, of builtins."""
UserRecord = tuple[str, StoredUser | None]
Take = Callable[[str, StoredUser | None], None]


class UserLogError(DamagedStateError):
    """The log does not fit what is to be resumed; the message says why, and what to do."""


class Segment(NamedTuple):
    """A file of the log."""

    path: Path
    records: int


class Extent(NamedTuple):
    """How far a log goes up to a generation."""

    segments: list[Segment]
    end: int
    """Where the generation ends in the last of them, in bytes."""
    behind: list[Path]
    """Segments of later generations alone."""


def generation_frames(generation: int, records: Iterable[UserRecord]) -> Iterator[bytes]:
    """Yield a generation as it stands in a segment."""
    records = iter(records)
    while True:
        chunk = list(islice(records, _CHUNK))
        yield frame(pickle.dumps((generation, chunk), pickle.HIGHEST_PROTOCOL))
        if not chunk:
            return


def state_frame(state: str) -> bytes:
    """Return the frame that a segment begins with."""
    return frame(pickle.dumps((_STATE, state), pickle.HIGHEST_PROTOCOL))


def read_log(directory: Path, generation: int, take: Take, state: str = "") -> Extent:
    """Give every record up to a generation to `take`, oldest first; 0 is before the first. Touches nothing.

    With the id of a state, segments of another one are refused.

    Raises UserLogError where the log does not hold the whole of it, FileNotFoundError where it is written anew at the
    moment, or OSError.
    """
    paths = _paths(directory)
    if not generation:
        return Extent([], 0, paths)
    floor = _check_floor(directory, generation)
    segments: list[Segment] = []
    reached: int | None = None
    end = 0
    behind: list[Path] = []
    for place, path in enumerate(paths):
        records, reached, end, is_over = _read(path, generation, take, state, reached, floor)
        segments.append(Segment(path, records))
        if is_over:
            behind = paths[place + 1 :]
            break
        if end != path.stat().st_size and (path != paths[-1] or reached != generation):
            raise UserLogError(f"{path} is damaged at byte {end}; {_BACK_OR_ANEW}")
    _check_floor(directory, generation)  # again, for a flow may have written it anew meanwhile
    reached = reached or 0
    if reached != generation:
        raise UserLogError(
            f"{directory} holds users up to snapshot {reached}, and the recovery store goes on at "
            f"{generation}: they are not of the same run; put both back, or {_ANEW}"
        )
    return Extent(segments, end, behind)


def write_log(directory: Path, records: Iterable[UserRecord]) -> int:
    """Write a log that no flow has used yet; return the generation to resume it from. Raises OSError."""
    directory.mkdir(parents=True)
    generation = 1
    with USER_SEGMENTS.path(directory, 1).open("xb") as file:
        file.writelines(generation_frames(generation, records))
        file.flush()
        os.fsync(file.fileno())
    return generation


def stored_records(directory: Path) -> Iterator[UserRecord]:
    """Yield every record of a log that no flow has open, whatever its generation. Raises OSError."""
    for path in _paths(directory):
        with path.open("rb") as file:
            for payload, _ in read_frames(file):
                generation, chunk = load_plain(payload)
                if generation != _STATE:
                    yield from chunk


def erase(directory: Path, keys: Collection[str]) -> set[str]:
    """Take every record of some users out of a log that no flow has open; return who was remembered. Raises OSError.

    What stood there is overwritten on the disk.
    """
    remembered: set[str] = set()
    paths = _paths(directory)
    for path in paths:
        frames: list[bytes] = []
        is_touched = False
        end = 0
        with path.open("rb") as file:
            for payload, end in read_frames(file):  # noqa: B007 - where the last one ends
                generation, chunk = load_plain(payload)
                if generation == _STATE:
                    frames.append(frame(payload))
                    continue
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
            raise OSError(f"{path} is damaged at byte {end}; {_BACK_OR_ANEW}")
        if is_touched:
            overwrite_anew(path, b"".join(frames))
    return remembered


def set_floor(directory: Path, generation: int) -> None:
    """Note that no older generation can be gone back to. Raises OSError."""
    digits = b"%d" % generation
    write_anew(directory / _FLOOR, b"%b %08x\n" % (digits, zlib.crc32(digits)))


def remove_floor(directory: Path) -> None:
    """Let a log begin anew. Raises OSError."""
    (directory / _FLOOR).unlink(missing_ok=True)


def _check_floor(directory: Path, generation: int) -> int:
    """Return the lowest generation that can be gone back to. Raises UserLogError where this one is lower."""
    place = directory / _FLOOR
    written = place.read_bytes() if place.exists() else b"0"
    digits, has_checksum, checksum = written.partition(b" ")
    if not digits.isdigit() or (has_checksum and checksum != b"%08x\n" % zlib.crc32(digits)):
        raise UserLogError(f"{place} is damaged; {_BACK_OR_ANEW}")
    floor = int(digits)
    if generation < floor:
        raise UserLogError(
            f"{directory} was written anew since snapshot {generation}, which the recovery store goes on at: "
            f"they are not of the same run; put both back, or {_ANEW}"
        )
    return floor


def _paths(directory: Path) -> list[Path]:
    """Return the segments, oldest first. Raises DamagedStateError where one is missing or foreign."""
    paths = USER_SEGMENTS.paths(directory)
    numbers = [int(path.stem) for path in paths]
    if numbers and numbers[0] != 1 and not (directory / _FLOOR).exists():  # it begins with the first
        missing = f"{USER_SEGMENTS.path(directory, 1)} or {directory / _FLOOR}"
        raise UserLogError(f"{missing} is missing; {_BACK_OR_ANEW}")
    for number, following in pairwise(numbers):
        if following != number + 1:
            raise UserLogError(f"{USER_SEGMENTS.path(directory, number + 1)} is missing; {_BACK_OR_ANEW}")
    return paths


def _read(
    path: Path, generation: int, take: Take, state: str, reached: int | None, floor: int
) -> tuple[int, int | None, int, bool]:
    """Read a segment up to a generation, where the segments before have reached another one; None is nothing yet.

    Returns how many records, the last whole generation, where it ends, and whether more follows. Raises UserLogError.
    """
    records, end = 0, 0
    with path.open("rb") as file:
        for payload, behind in read_frames(file):
            try:
                of_generation, chunk = load_plain(payload)
                is_head = of_generation == _STATE
                if not is_head and of_generation > generation:
                    return records, reached, end, True
            except Exception as problem:  # whatever pickle meets in bytes that are none of its own
                raise UserLogError(f"{path} holds what no stream has written ({problem}); {_BACK_OR_ANEW}") from problem
            if is_head:
                if state and chunk != state:
                    raise UserLogError(
                        f"{path} is of another state directory ({chunk}, this is {state}); {_BACK_OR_ANEW}"
                    )
                end = behind
                continue
            if of_generation > (max(floor, 1) if reached is None else reached + 1):
                raise UserLogError(
                    f"{path} or a file before it lacks snapshot {of_generation - 1}: a part is gone; {_BACK_OR_ANEW}"
                )
            for key, stored in chunk:
                take(key, stored)
            records, end = records + len(chunk), behind
            if not chunk:
                reached = of_generation
    return records, reached, end, False
