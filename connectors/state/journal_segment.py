"""A segment of the journal: how fates stand in a file, and what of it is believed.

It consists of frames (see `segment_log.py`); the payload is a JSON list of
`[source, partition, place, sync, copy, fate, [first offset, and how much further each next one is]]`, where fate is
`delivered` or a dead letter's reason: some five bytes an entry under load, fifty where each is written alone. The first
frame has the id of the state directory in the place of a fate, and no offset, so that an earlier version, which writes
none, reads over it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import orjson
import structlog

from connectors.state.damage import SEND_AGAIN, DamagedStateError
from connectors.state.earlier_fates import Entry
from connectors.state.segment_log import frame, read_json_frames

log = structlog.get_logger()

_HEAD: Final = b'[["",'
"""What the first frame's payload begins with."""

Fate = tuple[str, int, int, int, str | None, int, str]
"""(source, partition, offset, place, sync, copy, fate)"""


def packed(fates: Sequence[tuple[Entry, str]]) -> tuple[bytes, dict[tuple[str, int], int]]:
    """Return fates as they stand in a segment, and source partition → the highest offset of them."""
    groups: dict[tuple[str, int, int, str | None, int, str], list[int]] = {}
    for ((source, partition, offset, place), sync, copy), fate in fates:
        group = (source, partition, place, sync, copy, fate)
        if group in groups:
            groups[group].append(offset)
        else:
            groups[group] = [offset]
    highest: dict[tuple[str, int], int] = {}
    records = []
    for group, offsets in groups.items():
        offsets.sort()
        highest[group[:2]] = max(offsets[-1], highest.get(group[:2], -1))
        steps = [after - before for before, after in pairwise(offsets)]
        records.append((*group, [offsets[0], *steps]))
    return frame(orjson.dumps(records)), highest


def head(state: str) -> bytes:
    """Return what a segment of the state directory of that id begins with."""
    return frame(orjson.dumps([("", 0, 0, None, 0, state, [])]))


def read_segment(path: Path) -> Iterator[Fate]:
    """Yield (source, partition, offset, place, sync, copy, fate).

    A torn end is left out, and said. So is a part that is damaged; what stands behind it is read. Raises
    DamagedStateError where it is whole, and no journal.
    """
    yield from read_content(path.read_bytes(), path)


def read_content(content: bytes, path: Path, state: str = "") -> Iterator[Fate]:
    """Yield as `read_segment` does; with the id of a state, what is damaged or of another state is refused, too."""

    def torn(size_bytes: int) -> None:
        log.warning("the journal's end is torn, as after a crash", segment=path.name, bytes=size_bytes)

    def damaged(start: int, end: int) -> None:
        if state:
            raise DamagedStateError(f"{path} is damaged at byte {start}; {SEND_AGAIN}")
        log.error(
            "the journal is damaged: what was delivered and stood there may be sent twice",
            file=str(path),
            at_byte=start,
            bytes=end - start,
            do="look after the disk; see docs/runbook.md, «Damaged state»",
        )

    for payload in read_json_frames(content, torn, damaged):
        try:
            if payload.startswith(_HEAD):
                _check_state(orjson.loads(payload)[0][5], state, path)
            else:
                yield from _entries(payload)
        except (ValueError, TypeError, IndexError) as problem:
            raise DamagedStateError(f"{path} is no journal; move it out of the state directory") from problem


def _check_state(found: str, state: str, path: Path) -> None:
    if state and found != state:
        raise DamagedStateError(f"{path} is of another state directory ({found}, this is {state}); {SEND_AGAIN}")


def _entries(payload: bytes) -> Iterator[Fate]:
    for source, partition, place, sync, copy, fate, steps in orjson.loads(payload):
        offset = 0
        for step in steps:
            offset += step
            yield source, partition, offset, place, sync, copy, fate
