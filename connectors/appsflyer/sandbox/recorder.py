"""The record of what arrived: counts, the latest requests in memory, and an NDJSON file. Keys never get here."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from connectors.appsflyer.sandbox.tally import SandboxTally

BODIES_WHEN_DROPPING: Final = 200_000
"""How many different bodies are told apart where memory is to stay bounded: about 20 MB."""
_NOT_RECORDED_KEPT: Final = 1_000
_TEXT_KEPT_CHARACTERS: Final = 2_000
_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


class Arrival(NamedTuple):
    """One request and what was made of it."""

    time: float
    """Seconds since the epoch."""
    app_id: str | None
    status: int | None
    """None where no answer was given."""
    recorded: bool
    notes: Sequence[str]
    fault: str | None
    attempt: int
    body: bytes
    is_json: bool
    event_value: str | None
    """The text of `eventValue` if it holds a JSON object."""


class Recorder:
    """Counts arrivals, remembers the latest and writes them down.

    `file` is appended to. `keep_requests` is how many are remembered; 0 remembers none, and bounds the memory for
    telling bodies apart too. `schedule` is asked to call `flush` soon, whenever lines begin to wait for it. An OSError
    of the file is kept in `failure`.
    """

    def __init__(self, file: Path | None, keep_requests: int, schedule: Callable[[Callable[[], None]], object]) -> None:
        """Open the file. Raises OSError."""
        self._file: BinaryIO | None = None if file is None else _open(file)
        self._keep_requests = keep_requests
        self._schedule = schedule
        self._waiting: list[bytes] = []
        self.failure: OSError | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything but the file."""
        self._tally = SandboxTally(None if self._keep_requests else BODIES_WHEN_DROPPING)
        self._latest: deque[bytes] = deque(maxlen=self._keep_requests)
        self._not_recorded: deque[bytes] = deque(maxlen=min(self._keep_requests, _NOT_RECORDED_KEPT))

    def attempt(self, key: int) -> int:
        """Return which arrival of this body it is, counted from 1. `key` is the body's hash; call once per request."""
        return self._tally.bodies.arrived(key)

    def add(self, arrival: Arrival, key: int) -> None:
        """Record one request; `key` as for `attempt`."""
        tally = self._tally
        accepted = arrival.status == 200  # noqa: PLR2004  # HTTP's OK
        tally.count(
            status=arrival.status,
            recorded=arrival.recorded,
            app_id=arrival.app_id,
            notes=arrival.notes,
            fault=arrival.fault,
        )
        if accepted:
            tally.bodies.accepted(key)
        if self._file is None and not self._keep_requests:
            return
        line = _line(arrival, tally.requests)
        self._latest.append(line)
        if accepted and not arrival.recorded:
            self._not_recorded.append(line)
        if self._file is not None:
            if not self._waiting:
                self._schedule(self.flush)
            self._waiting.append(line)

    def flush(self) -> None:
        """Write what waits. If that fails, `failure` says why, and the record is no longer complete."""
        if self._file is None or not self._waiting:
            return
        content = memoryview(b"\n".join([*self._waiting, b""]))
        self._waiting.clear()
        try:
            while content:
                content = content[self._file.write(content) :]
        except OSError as error:
            self.failure = error

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def summary(self) -> dict[str, Any]:
        """Return the counts."""
        return self._tally.summary()

    def requests(self, since: int = 0) -> bytes:
        """Return the remembered requests numbered above `since`, oldest first, as a JSON array."""
        # Numbers follow each other, so the place of a number in the memory is known.
        first = self._tally.requests - len(self._latest)
        lines = list(self._latest)[max(0, since - first) :]
        return b"[" + b",".join(lines) + b"]"

    def not_recorded(self) -> bytes:
        """Return what was answered with 200 though AppsFlyer would not record it, oldest first, as a JSON array."""
        return b"[" + b",".join(self._not_recorded) + b"]"

    def newest(self, count: int) -> list[dict[str, Any]]:
        """Return the newest remembered requests, newest first."""
        lines = list(self._latest)[-count:]
        return [orjson.loads(line) for line in reversed(lines)]


def _open(file: Path) -> BinaryIO:
    # What arrives may be about real people: it is for the account alone that started the sandbox.
    return open(file, "ab", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600))


def _line(arrival: Arrival, number: int) -> bytes:
    entry: dict[str, Any] = {
        "number": number,
        "received_at": datetime.fromtimestamp(arrival.time, UTC).isoformat(timespec="milliseconds"),
        "app_id": arrival.app_id,
        "status": arrival.status,
        "recorded": arrival.recorded,
        "notes": list(arrival.notes),
        "fault": arrival.fault,
        "attempt": arrival.attempt,
    }
    if arrival.is_json:
        # The bytes go in as they came. Line breaks in valid JSON stand between its tokens only.
        entry["body"] = orjson.Fragment(arrival.body.translate(_BREAKS))
        text = arrival.event_value
        entry["event_value"] = None if text is None else orjson.Fragment(text.encode().translate(_BREAKS) or b"{}")
    else:
        entry["body"] = None
        entry["event_value"] = None
        entry["text"] = arrival.body[:_TEXT_KEPT_CHARACTERS].decode(errors="replace")
    return orjson.dumps(entry)
