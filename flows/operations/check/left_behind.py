"""What waits for syncs that are off, renamed or gone: said before a start makes dead letters of it."""

from collections.abc import Iterator

from connectors.finding import Finding, Mark
from flows.operations.waiting import KEEP, say, waiting_if_readable
from flows.settings.model import Settings


def left_behind(settings: Settings) -> Iterator[Finding]:
    """Look at the state directory."""
    enabled = [each.name for each in settings.enabled_syncs]
    for sync, events in sorted(waiting_if_readable(settings.state.directory, enabled).items()):
        yield Finding(
            Mark.NOTE,
            f"{say(sync, events)}: at the next start they become dead letters, sync_disabled",
            KEEP,
        )
