"""What a user's state decides on an event: it can be sent, is unwanted, is held, or is given up."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from flows.domain.event import Event
from flows.domain.exact_json import dumps
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.identifier_reader import DeviceReading
from flows.domain.identity import Identity
from flows.domain.kept_properties import NO_PROPERTIES
from flows.domain.platform import Stated
from flows.domain.select import SyncTarget


class Identified(NamedTuple):
    """An event that can be sent."""

    event: Event
    targets: tuple[SyncTarget, ...]
    identity: Identity


class Unwanted(NamedTuple):
    """Targets of an event that end here: no app for its platform, or taken before."""

    event: Event
    targets: tuple[SyncTarget, ...]
    reason: FilterReason | Literal["duplicate"]


_AROUND_BYTES: Final = 1024
"""What a held event takes beside its own bytes, about."""


class StatedIdentity(NamedTuple):
    """What an event tells of its own identity."""

    stated: Stated | None
    reading: DeviceReading


class Held(NamedTuple):
    """An event that waits in its user's state.

    Its bytes are kept and not what was decoded of them, which can take thirty times as much memory.
    """

    event: Event
    targets: tuple[SyncTarget, ...]
    until_ms: int
    """Up to when it waits, by the time for which the source was read; in ms since the epoch if `settling`."""
    settling: bool
    """It waits for its install to be processed, not for its id."""
    told: StatedIdentity | None = None
    """None until a user has taken it up."""
    properties: Mapping[str, Any] = NO_PROPERTIES
    """The user's kept properties that stand behind it: those of when it happened."""

    @property
    def size_bytes(self) -> int:
        """The memory that it takes, about."""
        kept_bytes = len(dumps(dict(self.properties))) if self.properties else 0
        return len(self.event.raw) + len(self.event.key or b"") + kept_bytes + _AROUND_BYTES

    def stored(self, sync_names: Sequence[str]) -> tuple[object, ...]:
        """Return it as builtins; syncs by name, because their places may shift. See `held_state`."""
        event = self.event
        targets = tuple([(sync_names[target.sync], target.copy, target.send_as) for target in self.targets])
        position = tuple(event.position)
        stored = (event.raw, event.key, event.received_ms, position, targets, self.until_ms, self.settling)
        return (*stored, dict(self.properties)) if self.properties else stored


class GivenUp(NamedTuple):
    """An event whose AppsFlyer id, or whose platform, nobody taught in time."""

    event: Event
    """Of one that was held, its bytes, key, position and names alone."""
    targets: tuple[SyncTarget, ...]
    error: str
    reason: DeadLetterReason = DeadLetterReason.NO_APPSFLYER_ID
    remembered: Identity | None = None
    """What its dead letter is to remember: the properties that stand behind it, where its platform is known."""


Decision = Identified | Unwanted | Held | GivenUp
