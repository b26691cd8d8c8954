"""Filters: which dead letters a replay is about."""

from dataclasses import dataclass

from connectors.letters import Letter


@dataclass(frozen=True, slots=True)
class Filters:
    """All that are set must hold; without any, every letter is wanted."""

    reasons: tuple[str, ...] = ()
    syncs: tuple[str, ...] = ()
    """Names of enabled syncs. What decode refused belongs to no sync and may be any one's."""
    since_ms: int | None = None
    """Became a dead letter at this time or later, in ms since the epoch."""
    until_ms: int | None = None
    """Became a dead letter before this time."""

    def match(self, letter: Letter) -> bool:
        """Return whether a letter is wanted."""
        return (
            (not self.reasons or letter.reason.value in self.reasons)
            and (letter.sync is None or self.wants(letter.sync))
            and (self.since_ms is None or letter.failed_at_ms >= self.since_ms)
            and (self.until_ms is None or letter.failed_at_ms < self.until_ms)
        )

    def wants(self, sync: str) -> bool:
        """Return whether a sync is wanted."""
        return not self.syncs or sync in self.syncs
