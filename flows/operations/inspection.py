"""An inspection: what a source holds, in counts. No value of an event is in it but the events' names."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NameSeen:
    """One event name."""

    name: str
    events: int
    platforms: Mapping[str, int]
    """Platform → events."""
    selected: Mapping[str, int]
    """Sync → how many of these events it selects; none of a sync that selects none."""


@dataclass(frozen=True, slots=True)
class IdentifierSeen:
    """One identifier on one platform."""

    name: str
    events: int
    """Events that carry a real one themselves."""
    users: int
    """Users, else devices, of whom at least one event carries it."""
    paths: Mapping[str, int]
    """Path → events of which it was read from there, the most first."""
    malformed: int
    """Events whose value looks like none."""
    zeroed: int
    """Events whose value is all zeros, as systems give it to apps that may not track."""
    without: str
    """What the absence costs, in words."""


@dataclass(frozen=True, slots=True)
class PlatformSeen:
    """One platform: `ios`, `android`, `other`, or `unknown` where the events do not tell it."""

    platform: str
    events: int
    users: int
    """Users, else devices: those that were counted, up to a million."""
    identifiers: Sequence[IdentifierSeen]
    """Those that AppsFlyer takes on the platform; none of `other`, from which nothing is sent."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found."""

    source: str
    """What was looked at, for a person."""
    is_whole: bool
    """Whether everything was asked for, and not the latest."""
    records: int
    events: int
    refused: Mapping[str, int]
    """Reason → what decode refuses."""
    oldest_ms: int | None
    newest_ms: int | None
    """When the events happened, of those that say it."""
    names: Sequence[NameSeen]
    """The most frequent first."""
    other_names: int
    """Events of names beyond the ten thousand that are told apart."""
    platforms: Sequence[PlatformSeen]
    """The most frequent first."""
    damages: Sequence[str]
    """What could not be read, in words."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)
