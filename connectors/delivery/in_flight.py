"""In flight: a delivery between the end of the flow and its fate. `items.pack` makes the stored form of it."""

from typing import TYPE_CHECKING, Final

from connectors.delivery.delivery import Attempts, Delivery
from connectors.delivery.items import Key, key_of, size_bytes

if TYPE_CHECKING:
    from connectors.delivery.lane import Lane

FRESH: Final = Attempts()


class InFlight:
    """A delivery, how it has fared so far, and where it is sent."""

    __slots__ = ("attempts", "delivery", "entry", "first_failed", "key", "lane", "number", "since_s", "size_bytes")

    lane: "Lane"
    """Where it waits, or was sent from; set by the sender."""

    def __init__(self, delivery: Delivery, attempts: Attempts = FRESH) -> None:
        self.delivery = delivery
        self.attempts = attempts
        """As a snapshot is to have them: set once for each answer, after it was decided whether that counts."""
        self.entry: Key = key_of(delivery)
        """The ledger's entry that it stands for."""
        self.size_bytes = size_bytes(delivery)
        self.key = ""
        """The secret that it was sent with last."""
        self.number = 0
        """Its place in what its lane has sent, counted from 1; the last time it was sent."""
        self.first_failed = 0
        """Its number when it first failed."""
        self.since_s = 0.0
        """Its last failure in this process, by the clock that tells how long it is tried; 0 is none."""
