"""A parcel: one request to AppsFlyer on its way, with what is needed to dead-letter it."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from flows.steps.event import Position
from flows.steps.identity import Identity, as_text
from flows.steps.outcome import DeadLetter, DeadLetterReason, Stage


class Parcel(NamedTuple):
    """One request. `items.pack` makes builtins of it for snapshots."""

    sync: str
    copy: int
    send_as: str
    app_id: str
    body: bytes
    value: bytes
    """The event's original bytes."""
    key: bytes | None
    position: Position
    first_seen_ms: int
    identity: Identity | None = None
    """The identity that the body was made from."""
    replays: int = 0
    """How many times dead letters of it were replayed, this one included."""

    @property
    def lane(self) -> str:
        """What shares a key, a limit and a circuit."""
        return f"{self.sync}/{self.app_id}"


_LONGEST_TRIED_MS: Final = 10**11
"""Three years. Earlier versions stored when the first attempt was, in ms since the epoch: that is more."""


class Attempts(NamedTuple):
    """How a parcel has fared so far."""

    made: int = 0
    """Attempts that count towards giving up."""
    tried_ms: int = 0
    """How long it has been tried, from its first failure on, by a steady clock; without stops and outages."""
    http_status: int | None = None
    answer: str | None = None


def attempts_of(stored: Sequence[Any]) -> Attempts:
    """Return attempts as a snapshot or an overflow has them; of an earlier version's, the time begins anew."""
    attempts = Attempts(*stored)
    return attempts if attempts.tried_ms < _LONGEST_TRIED_MS else attempts._replace(tried_ms=0)


def dead_letter(parcel: Parcel, reason: DeadLetterReason, error: str, attempts: Attempts, now_ms: int) -> DeadLetter:
    """Return the letter of a parcel that is given up."""
    return DeadLetter(
        reason=reason,
        stage=Stage.DELIVER,
        sync=parcel.sync,
        copy=parcel.copy,
        send_as=parcel.send_as,
        error=error,
        value=parcel.value,
        key=parcel.key,
        position=parcel.position,
        first_seen_ms=parcel.first_seen_ms,
        failed_at_ms=now_ms,
        http_status=attempts.http_status,
        answer=attempts.answer,
        attempts=attempts.made,
        identity=None if parcel.identity is None else as_text(parcel.identity),
        replays=parcel.replays,
    )
