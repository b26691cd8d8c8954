"""Whom the courier tells what became of a parcel, and asks what it may do."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.appsflyer.classify import Classified
from connectors.appsflyer.parcel import Attempts, Parcel
from connectors.appsflyer.transport import Answer
from flows.steps.outcome import DeadLetter


@dataclass(frozen=True, slots=True)
class Report:
    """Whom the courier tells how a parcel ended; called from its thread."""

    delivered: Callable[[Parcel], None]
    given_up: Callable[[DeadLetter], None]
    attempted: Callable[[Parcel, Attempts], None]
    """It is to be tried again."""
    settled: Callable[[], None]
    """Called after each round: what was told so far is to be made durable. Raises OSError where it cannot."""
    answered: Callable[[str, Parcel, Attempts, Answer, Classified], None] = lambda *_: None
    """Called first, for each answer: (lane, parcel, its attempts before, the answer, what it means)."""
    may_send: Callable[[], bool] = lambda: True
    """Whether anything may be sent now."""
    set_aside: Callable[[Parcel, Attempts], bool] = lambda _parcel, _attempts: False
    """Keep a parcel until it is taken back; False where that cannot be."""
    size_bytes: Callable[[], int] = lambda: 0
    """The memory that what is not final takes, about."""
    take_back: Callable[[str, int], list[tuple[Parcel, Attempts]]] = lambda _lane, _most: []
    """Return up to so many of a lane's parcels that were set aside; fewer of large ones."""
