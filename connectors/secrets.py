"""Secrets: read from where the settings say they are, as late as possible, and never shown."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: `env:NAME` or `file:PATH`. Its repr is its place, never its value."""

    kind: Literal["env", "file"]
    place: str
    """The variable's name, or the absolute path."""

    def __str__(self) -> str:
        """Print as it is written in the file."""
        return f"{self.kind}:{self.place}"


def reference(base: Path, text: str) -> SecretRef:
    """Return the place that `env:NAME` or `file:PATH` names; a relative path starts at `base`."""
    kind, _, place = text.partition(":")
    return SecretRef("env", place) if kind == "env" else SecretRef("file", str(base / place))


_LARGEST_BYTES: Final = 65_536
_HEADER_SAFE: Final = re.compile(r"[!-~]+")
_REFERENCE: Final = re.compile(r"(env|file):(.+)", re.DOTALL)

_Stamp = tuple[int, int, int]


class SecretError(Exception):
    """A secret is missing or unusable. The message names its place and what to do, never its value."""


class Secret:
    """A key for an HTTP header. An environment variable is read once, a file again whenever it has changed."""

    def __init__(self, ref: SecretRef) -> None:
        self.ref = ref
        self._value: str | None = None
        self._stamp: _Stamp | None = None

    def value(self) -> str:
        """Return the key: printable ASCII without blanks, so that it cannot end the header. Raises SecretError."""
        stamp = _stamp(self.ref) if self.ref.kind == "file" else None
        if self._value is None or stamp != self._stamp:
            self._value = _header_safe(self.ref, read_secret(self.ref).strip())
            # Taken before the reading: a change in between is noticed the next time.
            self._stamp = stamp
        return self._value

    def __repr__(self) -> str:
        """Print where it is."""
        return f"Secret({self.ref})"


def read_secret(ref: SecretRef) -> str:
    """Return what stands at the place, without a line break at its end. Raises SecretError."""
    return (_read_file(ref) if ref.kind == "file" else _read_variable(ref)).rstrip("\r\n")


def resolve_properties(properties: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return librdkafka properties with the secrets that `env:NAME` and `file:PATH` stand for. Raises SecretError."""
    return {name: _resolve(value) for name, value in properties}


def _resolve(value: str) -> str:
    match = _REFERENCE.fullmatch(value)
    return read_secret(SecretRef("env" if match[1] == "env" else "file", match[2])) if match else value


def _read_variable(ref: SecretRef) -> str:
    value = os.environ.get(ref.place, "")
    if not value.strip():
        raise SecretError(f"environment variable {ref.place} is not set or empty; set it to the key")
    return value


def _read_file(ref: SecretRef) -> str:
    try:
        # Without O_NONBLOCK the opening of a pipe waits for whoever writes to it, and may wait for ever.
        descriptor = os.open(ref.place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            if not S_ISREG(os.fstat(descriptor).st_mode):
                raise SecretError(f"file {ref.place} cannot be read (it is not a regular file); write the key into it")
            content = os.read(descriptor, _LARGEST_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(ref, error) from None
    if len(content) > _LARGEST_BYTES:
        raise SecretError(f"file {ref.place} is over {_LARGEST_BYTES:,} bytes; it should hold nothing but the key")
    try:
        value = content.decode()
    except UnicodeDecodeError:
        # `from None`: the original error carries the bytes.
        raise SecretError(f"file {ref.place} is not text; it should hold nothing but the key") from None
    if not value.strip():
        raise SecretError(f"file {ref.place} is empty; write the key into it")
    return value


def _stamp(ref: SecretRef) -> _Stamp:
    try:
        status = os.stat(ref.place)  # noqa: PTH116 (asked before each request: without the cost of a Path)
    except OSError as error:
        raise _unreadable(ref, error) from None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _unreadable(ref: SecretRef, error: OSError) -> SecretError:
    return SecretError(f"file {ref.place} cannot be read ({error.strerror}); write the key into it")


def _header_safe(ref: SecretRef, value: str) -> str:
    if not _HEADER_SAFE.fullmatch(value):
        place = f"environment variable {ref.place}" if ref.kind == "env" else f"file {ref.place}"
        raise SecretError(
            f"{place} holds blanks, line breaks or letters beyond ASCII; it should hold nothing but the key"
        )
    return value
