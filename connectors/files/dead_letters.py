"""Dead letters as NDJSON files: one file per UTC day and process start, one letter per line.

A line is `{"value": …, "key": …, "headers": {…}}`, where value and key are text, or `{"base64": "…"}` if their bytes
are not UTF-8, and the key may be null. The headers are those of `connectors.dead_letters.headers`.
"""

import base64
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

import orjson
import structlog

from connectors.dead_letters import LettersUnavailableError, StoredBytes, StoredLetter, headers
from connectors.files.damage import Damage
from connectors.state.durable import sync_entries
from flows.domain.fate import DeadLetter

PATTERN: Final = "dead-letters-*.ndjson"
# Dead letters hold personal data: they are for the operator's own account only.
_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o700
ERASED: Final = b'{"erased":true'
"""The beginning of a line whose letter was erased; blanks follow it, so that the file keeps its size."""

_log = structlog.get_logger()


class FileLetterWriter:
    """Writes dead letters into a directory, which is made when the first one comes. Implements `LetterWriter`.

    A file is only ever written by the process that made it, so that what a crash tore stays the last line of its file.
    May be used by several threads.
    """

    def __init__(self, directory: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._directory = directory
        self._now = now
        # The random part keeps processes apart that start in the same instant, even on different machines.
        self._start = f"{now():%Y%m%dT%H%M%S.%fZ}-{os.getpid()}-{secrets.token_hex(4)}"
        self._part = 0
        self._lock = Lock()

    def write(self, letters: list[DeadLetter]) -> None:
        """Store them all; when this returns they are on the disk. Raises LettersUnavailableError: then none is."""
        lines = b"".join(_line(letter) for letter in letters)
        if not lines:
            return
        with self._lock:
            try:
                self._append(lines)
            except OSError as error:
                raise LettersUnavailableError(
                    f"dead letters cannot be written to {self._directory}: {error.strerror or error}"
                ) from error

    def close(self) -> None:
        """Do nothing: no file stays open between writes, so that files may be moved away or deleted at any time."""

    def _append(self, lines: bytes) -> None:
        self._directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        part = f"-{self._part}" if self._part else ""
        path = self._directory / f"dead-letters-{self._now():%Y-%m-%d}-{self._start}{part}.ndjson"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
        try:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes == 0:
                sync_entries(self._directory)
            try:
                rest = memoryview(lines)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            except OSError:
                self._cut_back(descriptor, size_bytes)
                raise
        finally:
            os.close(descriptor)

    def _cut_back(self, descriptor: int, size_bytes: int) -> None:
        """Take out what is half written: it must not become the beginning of the next line, nor stay beside a retry."""
        try:
            os.ftruncate(descriptor, size_bytes)
        except OSError as error:
            self._part += 1
            _log.warning("dead letter file left with a torn line", problem=error.strerror, next_part=self._part)


def read_file(
    path: Path, on_damage: Callable[[Damage], None], first_line: int = 1, size_bytes: int | None = None
) -> Iterator[StoredLetter]:
    """Yield the letters of one file, exactly as they were: of lines from `first_line` on, that begin before a size.

    A line that is no letter, such as the torn last one of a crash, is logged, given to `on_damage`, and skipped. Raises
    OSError if the file cannot be read.
    """
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if size_bytes is not None and offset >= size_bytes:
                return
            offset += len(line)
            if number < first_line or line.startswith(ERASED):
                continue
            try:
                yield _stored(line, path.name, number)
            except (ValueError, TypeError, KeyError):
                torn = not line.endswith(b"\n")
                problem = "the last letter breaks off in the middle" if torn else "it is no dead letter"
                _log.warning("dead letter skipped", path=str(path), line=number, problem=problem)
                on_damage(Damage(str(path), None, number, problem))


def _line(letter: DeadLetter) -> bytes:
    stored = {
        "value": _as_json(letter.value),
        "key": None if letter.key is None else _as_json(letter.key),
        # Lone surrogates have no place in JSON; they come from file names and answers that are no UTF-8.
        "headers": {name: text.encode("utf-8", "backslashreplace").decode() for name, text in headers(letter).items()},
    }
    return orjson.dumps(stored, option=orjson.OPT_APPEND_NEWLINE)


def stored_line(line: bytes) -> StoredBytes | None:
    """Return what one line keeps; None if it is no letter."""
    try:
        letter = _stored(line, "", 0)
    except (ValueError, TypeError, KeyError):
        return None
    return StoredBytes(letter.value, letter.key)


def _stored(line: bytes, name: str, number: int) -> StoredLetter:
    letter = orjson.loads(line)
    key = letter["key"]
    found = letter["headers"]
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise TypeError("headers are an object of texts")
    return StoredLetter(_as_bytes(letter["value"]), None if key is None else _as_bytes(key), found, name, number)


def _as_json(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _as_bytes(stored: str | dict[str, str]) -> bytes:
    return stored.encode() if isinstance(stored, str) else base64.b64decode(stored["base64"], validate=True)
