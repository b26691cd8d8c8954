"""A dead letter as it is stored: its value and key stay the original bytes, the rest are text headers."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason

TRUNCATED_HEADER: Final = "truncated_from_bytes"
"""The original size of a value that was stored only in part; the letter's position says where the whole of it is."""


class LettersUnavailableError(Exception):
    """The place for dead letters took none of them, or does not say that it did; it is safe to write them again."""


class LettersUnreadableError(Exception):
    """The place for dead letters cannot be read; its text says why."""


class StoredLetter(NamedTuple):
    """A dead letter as it was stored."""

    value: bytes
    key: bytes | None
    headers: Mapping[str, str]
    part: str
    """The file's name, or the number of the topic's partition."""
    number: int
    """The line, counted from 1, or the offset."""

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.part}:{self.number}"


class Letter(NamedTuple):
    """A dead letter that was read again."""

    reason: DeadLetterReason
    sync: str | None
    """None where decode refused it."""
    copy: int
    send_as: str | None
    value: bytes
    key: bytes | None
    position: Position
    """The event's own: where it stood before it became a dead letter."""
    first_seen_ms: int
    failed_at_ms: int
    identity: str | None
    replays: int
    """How many times dead letters of it had been replayed when this one was written."""
    is_cut: bool
    """Its place took only a part of the value, which cannot be replayed."""


class LetterWriter(Protocol):
    """Stores dead letters."""

    def write(self, letters: list[DeadLetter]) -> None:
        """Store them all; when this returns they are durable. Blocks. Raises LettersUnavailableError."""

    def close(self) -> None:
        """Let go of files and connections."""


class LetterReader(Protocol):
    """Reads the letters of one place, up to the ends that it was told."""

    def read(self) -> list[StoredLetter]:
        """Return the next letters; none if none has come yet. Does not block."""

    @property
    def is_over(self) -> bool:
        """Whether every letter was returned."""

    def close(self) -> None:
        """Let go of files and connections."""


class Bounds(NamedTuple):
    """How far the letters of a place reach at one time."""

    ends: Mapping[str, int]
    """Where they end: file → bytes, or partition → offset."""
    total: int
    """How many letters there are."""


class StoredBytes(NamedTuple):
    """The bytes of an event as they are stored, in a dead letter or in a source."""

    value: bytes
    key: bytes | None


def parse(stored: StoredLetter) -> Letter:
    """Return the letter that `headers` described. Raises ValueError or KeyError if they do not describe one."""
    get = stored.headers.get
    value = stored.headers
    position = Position(value["topic"], int(value["partition"]), int(value["offset"]), int(get("place", "0")))
    return Letter(
        reason=DeadLetterReason(value["reason"]),
        sync=get("sync"),
        copy=int(get("copy", "0")),
        send_as=get("send_as"),
        value=stored.value,
        key=stored.key,
        position=position,
        first_seen_ms=int(value["first_seen"]),
        failed_at_ms=int(value["failed_at"]),
        identity=get("identity"),
        replays=int(get("replays", "0")),
        is_cut=TRUNCATED_HEADER in value,
    )


def headers(letter: DeadLetter) -> Mapping[str, str]:
    """Return the letter's headers; those that do not apply are left out.

    Apart from `identity`, which holds the device's identifiers and the kept properties that stood behind the event,
    none holds a value of the event.
    """
    every = {
        "reason": letter.reason.value,
        "stage": letter.stage.value,
        "sync": letter.sync,
        "copy": letter.copy or None,
        "send_as": letter.send_as,
        "error": letter.error,
        "http_status": letter.http_status,
        "answer": letter.answer,
        "attempts": letter.attempts,
        "topic": letter.position.source,
        "partition": letter.position.partition,
        "offset": letter.position.offset,
        "place": letter.position.place,
        "first_seen": letter.first_seen_ms,
        "failed_at": letter.failed_at_ms,
        "replays": letter.replays or None,
        "identity": letter.identity,
    }
    return {name: str(value) for name, value in every.items() if value is not None}
