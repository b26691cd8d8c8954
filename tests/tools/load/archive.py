"""Traffic out of a real archive: its events again and again, as if they happened now."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.files.archive import Line, read_archive
from tests.tools.load.traffic import MARK, Message

_TIMES: Final = ("event_time", "client_event_time", "time")


class EmptyArchiveError(Exception):
    """The archive holds no line; the message names it."""


class Archive:
    """Sends an archive's events in their order, then from the beginning. Damage is skipped, as the stream skips it.

    An event keeps all of its properties and users. It gets its number, a new time, and a new `insert_id`, for it would
    else be a duplicate of the last round. A line that is no event is sent as it is: the stream will meet such lines.
    """

    def __init__(self, path: Path, run: str) -> None:
        """Raises EmptyArchiveError, or connectors.files.damage.UnreadableError."""
        self._run = run
        if next(_lines(path), None) is None:
            raise EmptyArchiveError(f"{path}: there is no line in it")
        self._lines = chain.from_iterable(_lines(each) for each in repeat(path))

    def messages(self, first: int, count: int, now_ms: int) -> Iterator[Message]:
        """Yield the events with these numbers."""
        moment = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"
        for number in range(first, first + count):
            line = next(self._lines)
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                yield Message(None, line)
                continue
            yield self._message(row, number, moment, now_ms)

    def _message(self, row: dict[str, Any], number: int, moment: str, now_ms: int) -> Message:
        for name in _TIMES:
            if row.get(name) is not None:
                row[name] = now_ms if isinstance(row[name], int) else moment
        row["insert_id" if "insert_id" in row else "$insert_id"] = f"{self._run}-{number}"
        properties = row.get("event_properties")
        if properties is None or isinstance(properties, dict):
            row["event_properties"] = {**(properties or {}), MARK: number}
        key = row.get("user_id") or row.get("device_id")
        return Message(str(key).encode("utf-8", "replace") if key else None, orjson.dumps(row))


def _lines(path: Path) -> Iterator[bytes]:
    for each in read_archive(str(path), lambda *_: None):
        if isinstance(each, Line):
            yield each.value
