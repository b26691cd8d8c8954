"""Notes: what the group's offsets say beside where it stands, as metadata of each commit.

Kafka keeps at most `offset.metadata.max.bytes` of it, 4096 by default. The note names the topic's id, for a topic may
be deleted and made again; the state directory and the run that committed, for a group has one; and which records
above the offset are final, for a start whose state directory is lost.
"""

import zlib
from base64 import b85decode, b85encode
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

_VERSION: Final = 1
MOST_FINAL_BYTES: Final = 3000
"""What of the note may say which records are final: leaves room for the rest of it."""
_SEVEN_BITS: Final = 0x7F


class FinalAbove(NamedTuple):
    """Records above an offset that are final: those below `until`, apart from the pending ones."""

    until: int
    pending: tuple[int, ...]


class CommitMetadata(NamedTuple):
    """What a commit says of itself."""

    topic_id: str | None
    """Kafka's id of the topic; None where it has none."""
    source: str
    """The name that the records of this topic have in the state."""
    state: str
    """The id of the state directory."""
    run: str
    """The id of the process's run."""
    beat: int
    """Higher with each commit of a run: it shows that the process lives."""
    is_open: bool
    """Whether the run goes on after this commit."""
    final: str = ""
    """As `pack_final` returns it."""

    def text(self) -> str:
        """Return it as metadata of a commit."""
        return orjson.dumps([_VERSION, *self]).decode()


def read_note(metadata: str | None) -> CommitMetadata | None:
    """Return the note; None where there is none, or another program's."""
    try:
        version, *members = orjson.loads(metadata or "")
        return CommitMetadata(*members) if version == _VERSION else None
    except (ValueError, TypeError):
        return None


def pack_final(offset: int, pending: Sequence[int], until: int, most_bytes: int = MOST_FINAL_BYTES) -> str:
    """Return which records from `offset` up to `until` are final, all but the pending ones, in at most so many bytes.

    `pending` is sorted. Where it does not fit, `until` comes down to the first pending record that is left out.
    """
    count = len(pending)
    while True:
        text = _packed(offset, pending[:count], pending[count] if count < len(pending) else until)
        if len(text) <= most_bytes or not count:
            return text
        count = min(count - 1, count * most_bytes // len(text))


def unpack_final(offset: int, text: str) -> FinalAbove:
    """Return what `pack_final` has packed for this offset; nothing is final where it cannot be read."""
    try:
        numbers = list(_numbers(zlib.decompress(b85decode(text)))) if text else [0]
    except (ValueError, zlib.error):
        numbers = [0]
    until, *steps = numbers
    pending, place = [], offset
    for step in steps:
        place += step
        pending.append(place)
    return FinalAbove(offset + until, tuple(pending))


def _packed(offset: int, pending: Sequence[int], until: int) -> str:
    out = bytearray()
    _add(out, max(until - offset, 0))
    place = offset
    for each in pending:
        _add(out, each - place)
        place = each
    return b85encode(zlib.compress(bytes(out), 9)).decode()


def _add(out: bytearray, number: int) -> None:
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    out.append(number)


def _numbers(content: bytes) -> Iterable[int]:
    number = shift = 0
    for byte in content:
        number |= (byte & _SEVEN_BITS) << shift
        shift += 7
        if byte <= _SEVEN_BITS:
            yield number
            number = shift = 0
