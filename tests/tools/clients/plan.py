"""What a client is told to send, and what it says of it: the language of all drivers, as JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

OTHERS: Final = 4
"""Calls beside the orders: the user's AppsFlyer id, a revenue, a company's property, and the user's company."""


@dataclass(frozen=True)
class Plan:
    """What a client is to send: a user with an AppsFlyer id, orders, a revenue, and the user's company."""

    url: str
    user_id: str
    device_id: str
    appsflyer_id: str
    api_key: str
    orders: int = 3
    """Each has its number among its properties, from 0."""
    invalid_order: int = -1
    """The number of the one whose time is impossible; -1 for none."""
    pause_ms: int = 0
    """After each order."""
    flush_ms: int = 200
    patience_s: int = 30
    """How long it waits for answers before it ends."""
    transport: str = "fetch"
    """Browsers only."""
    compress: bool = False
    """Browsers and Kotlin only."""
    leaves: bool = False
    """A page goes away once it has said everything to its client, and waits for nothing. Current browsers' only."""
    reloads: bool = False
    """A page is loaded again after a second, and says nothing more the second time. Current browsers' only."""

    @property
    def json(self) -> str:
        """What a driver reads."""
        return json.dumps(asdict(self))


class Report(NamedTuple):
    """What a client said of one of its events."""

    event: str
    number: int | None
    code: int
    """The status that it was answered, by what the client understands; 0 or below where it says none."""
