"""Documents: the JSON values in lines of text, one a line or one over several lines, as people paste them."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import orjson

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_MOST_BYTES: Final = 16 << 20


class Document(NamedTuple):
    """One value, or one line that is none."""

    line: int
    """Where it begins."""
    value: bytes
    is_whole: bool
    """Whether it is JSON."""


def documents(lines: Iterable[tuple[int, bytes]]) -> Iterator[Document]:
    """Yield what stands in numbered lines. A line that is JSON is one; one that begins JSON goes on in those after it.

    Where what was begun is never closed, each of its lines stands for itself: one broken line costs itself only.
    """
    begun: list[tuple[int, bytes]] = []
    depth = size_bytes = 0
    for number, line in lines:
        is_whole = line.lstrip()[:1] in (b"{", b"[") and _is_json(line)
        if begun and is_whole and line[:1] in (b"{", b"["):  # nothing within a document begins at the line's edge
            yield from _singly(begun)
            begun, depth, size_bytes = [], 0, 0
        if not begun and (is_whole or line.lstrip()[:1] not in (b"{", b"[")):
            yield Document(number, line, is_whole or _is_json(line))
            continue
        begun.append((number, line))
        depth += _opened(line)
        size_bytes += len(line)
        if depth > 0 and size_bytes <= _MOST_BYTES:
            continue
        value = b"\n".join(each for _, each in begun)
        if depth == 0 and _is_json(value):
            yield Document(begun[0][0], value, is_whole=True)
        else:
            yield from _singly(begun)
        begun, depth, size_bytes = [], 0, 0
    yield from _singly(begun)


def _singly(lines: Iterable[tuple[int, bytes]]) -> Iterator[Document]:
    for number, line in lines:
        yield Document(number, line, _is_json(line))


def _opened(line: bytes) -> int:
    """Return how many objects and lists the line opens, less those that it closes."""
    outside = _STRING.sub(b"", line)
    return outside.count(b"{") + outside.count(b"[") - outside.count(b"}") - outside.count(b"]")


def _is_json(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True
