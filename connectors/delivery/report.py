"""Whom the sender tells what became of a delivery, and asks what it may do."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.appsflyer.answers import Classified
from connectors.delivery.delivery import Attempts, Delivery
from flows.domain.fate import DeadLetter


@dataclass(frozen=True, slots=True)
class Report:
    """Whom the sender tells how a delivery ended; called from its thread."""

    delivered: Callable[[Delivery], None]
    given_up: Callable[[DeadLetter], None]
    attempted: Callable[[Delivery, Attempts], None]
    """It is to be tried again."""
    settled: Callable[[], None]
    """Called after each round: what was told so far is to be made durable. Raises OSError where it cannot."""
    answered: Callable[[str, Delivery, Attempts, int, float, Classified], None] = lambda *_: None
    """Called first, for each answer: (lane, delivery, its attempts before, status, seconds, what it means)."""
    may_send: Callable[[], bool] = lambda: True
    """Whether anything may be sent now."""
    set_aside: Callable[[Delivery, Attempts], bool] = lambda _delivery, _attempts: False
    """Keep a delivery until it is taken back; False where that cannot be."""
    size_bytes: Callable[[], int] = lambda: 0
    """The memory that what is not final takes, about."""
    take_back: Callable[[str, int], list[tuple[Delivery, Attempts]]] = lambda _lane, _most: []
    """Return up to so many of a lane's deliveries that were set aside; fewer of large ones."""
