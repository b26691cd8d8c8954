"""The kind `inbox`: events that were taken in, on this machine's disk, as a source."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.dead_letters import StoredBytes
from connectors.finding import Finding
from connectors.inbox.check import source_findings
from connectors.inbox.directory import ASIDE
from connectors.inbox.erase import erase_events
from connectors.inbox.event_writer import InboxEventWriter
from connectors.inbox.sample import latest_of
from connectors.inbox.settings import InboxSource
from connectors.inbox.source import InboxInput
from connectors.opening import Opening
from connectors.ports import LookAt
from flows.domain.event import Record
from flows.domain.slice import Slice


class EventInbox:
    """Events that the collector has taken in. Implements `Source`."""

    ends = False
    unsliceable = "slices divide Kafka's partitions, and an inbox is one; for more than one process, collect into Kafka"

    def __init__(self, settings: InboxSource) -> None:
        self._settings = settings

    @property
    def title(self) -> str:
        """The directory."""
        return f"the inbox in {self._settings.directory}"

    @property
    def out_of_reach(self) -> str | None:
        """Damaged files that were set aside."""
        aside = any(self._settings.directory.glob(f"*{ASIDE}"))
        return f"damaged files in {self._settings.directory}: not in reach; remove *{ASIDE}*" if aside else None

    def nothing_to_read(self) -> str | None:
        """Return None: what is not there yet is waited for."""
        return None

    def obstacles(self) -> Iterator[str]:
        """Yield that the directory cannot be used, or made where it is not there yet."""
        directory = self._settings.directory
        place = next(each for each in (directory, *directory.parents) if each.exists())
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            yield f"source.directory: {directory} cannot be written to; correct it, or its owner"

    def missing(self, part: Slice) -> Iterator[str]:
        """Yield nothing."""
        del part
        return iter(())

    def check(self, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
        """Yield what is found of it, and of a sample of what it holds."""
        del state_directory
        return source_findings(self._settings, look_at)

    def latest(self, limit: int | None, on_damage: Callable[[str], None]) -> Iterator[Record]:
        """Yield the latest events, whether they have met their fate or not."""
        del on_damage
        return latest_of(self._settings.directory, limit)

    def erase(self, is_theirs: Callable[[StoredBytes | bytes], bool]) -> int:
        """Blank what waits or is kept of a person. Raises OSError."""
        return erase_events(self._settings.directory, is_theirs)

    def open(self, opening: Opening) -> InboxInput:
        """Open it."""
        return InboxInput(self._settings, opening)

    def writer(self) -> InboxEventWriter:
        """Open it for events that are taken in. Raises SetupError."""
        return InboxEventWriter(self._settings.directory)
