"""A sample of what the source holds, and what it is looked at for."""

from collections.abc import Sequence
from typing import NamedTuple

from flows.domain.decode import Refused
from flows.domain.event import Event, Record
from flows.domain.sync import Sync
from flows.settings.model import Settings


class Sample(NamedTuple):
    """Some of the source's records, and what decode makes of them."""

    records: Sequence[Record]
    events: Sequence[Event]
    refused: Sequence[Refused]
    where: str
    """What was looked at, for a person: «the latest 1,000 messages»."""


def syncs_of(settings: Settings) -> Sequence[Sync]:
    """Return the syncs that are enabled; before any is, all, for they are what is to be enabled."""
    return settings.enabled_syncs or [each.sync for each in settings.syncs]
