"""What a user's state decides on an event: it can be sent, is unwanted, is held, or is given up."""

from typing import Literal, NamedTuple

from flows.steps.event import Event
from flows.steps.identity import Identity
from flows.steps.outcome import DeadLetterReason, FilterReason
from flows.steps.select import Target


class Identified(NamedTuple):
    """An event that can be sent."""

    event: Event
    targets: tuple[Target, ...]
    identity: Identity


class Unwanted(NamedTuple):
    """Targets of an event that end here: no app for its platform, or taken before."""

    event: Event
    targets: tuple[Target, ...]
    reason: FilterReason | Literal["duplicate"]


class Held(NamedTuple):
    """An event that waits in its user's state."""

    event: Event
    targets: tuple[Target, ...]
    until_ms: int
    """Up to when it waits, by the time for which the source was read; in ms since the epoch if `settling`."""
    settling: bool
    """It waits for its install to be processed, not for its id."""


class GivenUp(NamedTuple):
    """An event whose AppsFlyer id, or whose platform, nobody taught in time."""

    event: Event
    targets: tuple[Target, ...]
    error: str
    reason: DeadLetterReason = DeadLetterReason.NO_APPSFLYER_ID


Decision = Identified | Unwanted | Held | GivenUp
