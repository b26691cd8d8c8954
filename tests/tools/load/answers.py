"""The endpoint's notes: a line for each answer, `SECONDS EVENT STATUS`, read while they are written."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self


class Answer(NamedTuple):
    """One answer that was given."""

    at_ms: int
    event: int
    """The event's number; -1 where the request held none."""
    status: int


class AnswerLog:
    """Reads what was added to the logs since the last time."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Open them. Raises OSError."""
        self._stack = ExitStack()
        self._files: list[BinaryIO] = [self._stack.enter_context(path.open("rb")) for path in paths]
        self._rests = [b""] * len(self._files)

    def read(self) -> Iterator[Answer]:
        """Yield the new answers; a line that is not whole yet waits for the next time."""
        for place, file in enumerate(self._files):
            content = self._rests[place] + file.read()
            whole, newline, self._rests[place] = content.rpartition(b"\n")
            if newline:
                yield from map(_answer, whole.split(b"\n"))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the logs."""
        self._stack.close()


def _answer(line: bytes) -> Answer:
    at, event, status = line.split(b" ")
    seconds, _, milliseconds = at.partition(b".")
    return Answer(int(seconds) * 1000 + int(milliseconds), -1 if event == b"-" else int(event), int(status))
