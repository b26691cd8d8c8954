"""A delivery: one request to AppsFlyer on its way, with what is needed to dead-letter it."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason, Stage
from flows.domain.identity import Identity, as_text


class Delivery(NamedTuple):
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
    """How a delivery has fared so far."""

    made: int = 0
    """Attempts that count towards giving up."""
    tried_ms: int = 0
    """How long it has been tried, from its first failure on, by a steady clock; without stops and outages."""
    http_status: int | None = None
    answer: str | None = None


def attempts_of(stored: Sequence[Any]) -> Attempts:
    """Return attempts as a snapshot or a spill has them; of an earlier version's, the time begins anew."""
    attempts = Attempts(*stored)
    return attempts if attempts.tried_ms < _LONGEST_TRIED_MS else attempts._replace(tried_ms=0)


def dead_letter(
    delivery: Delivery, reason: DeadLetterReason, error: str, attempts: Attempts, now_ms: int
) -> DeadLetter:
    """Return the letter of a delivery that is given up."""
    return DeadLetter(
        reason=reason,
        stage=Stage.DELIVER,
        sync=delivery.sync,
        copy=delivery.copy,
        send_as=delivery.send_as,
        error=error,
        value=delivery.value,
        key=delivery.key,
        position=delivery.position,
        first_seen_ms=delivery.first_seen_ms,
        failed_at_ms=now_ms,
        http_status=attempts.http_status,
        answer=attempts.answer,
        attempts=attempts.made,
        identity=None if delivery.identity is None else as_text(delivery.identity),
        replays=delivery.replays,
    )
