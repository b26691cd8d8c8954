"""Lines out of a byte stream in bounded memory, whatever the stream holds."""

from collections.abc import Callable, Iterator
from typing import Final

from connectors.files.damage import DamagedError

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""What is kept of a line. Decode refuses a line that is over 1 MB, so that no event is lost by cutting here."""
CHUNK_BYTES: Final = 64 * 1024
"""What is read at a time: small enough that reading one chunk never blocks for long."""


def split_lines(read: Callable[[int], bytes], max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    r"""Yield the stream's lines, each with its `\n`; the last one has none if the stream ends without.

    `read(size)` returns at most `size` bytes, and b"" only at the end. It may raise DamagedError, which is raised again
    here, but only after the piece of a line that came before it. A longer line keeps its first `max_line_bytes` bytes.
    Yields b"" for each chunk that ends no line, so that who asks for lines gets a word in during a very long one.
    """
    pieces: list[bytes] = []
    size_bytes = 0
    damage: DamagedError | None = None
    while damage is None:
        try:
            chunk = read(CHUNK_BYTES)
        except DamagedError as error:
            damage, chunk = error, b""
        if not chunk:
            break
        *ends, rest = chunk.split(b"\n")
        if ends:
            pieces.append(ends[0][: max_line_bytes - size_bytes])
            yield b"".join(pieces) + b"\n"
            for line in ends[1:]:
                yield line[:max_line_bytes] + b"\n"
            pieces, size_bytes = [], 0
        else:
            yield b""
        rest = rest[: max_line_bytes - size_bytes]
        if rest:
            pieces.append(rest)
            size_bytes += len(rest)
    if pieces:
        yield b"".join(pieces)
    if damage is not None:
        raise damage
