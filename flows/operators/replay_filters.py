"""Filters: which dead letters a replay is about."""

from dataclasses import dataclass

from connectors.dead_letters import Letter


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
    renamed: tuple[tuple[str, str], ...] = ()
    """(earlier name, enabled sync): letters of syncs that have another name today, or whose place another one has."""

    def match(self, letter: Letter) -> bool:
        """Return whether a letter is wanted."""
        return (
            (not self.reasons or letter.reason.value in self.reasons)
            and (letter.sync is None or self._is_of_them(letter.sync))
            and (self.since_ms is None or letter.failed_at_ms >= self.since_ms)
            and (self.until_ms is None or letter.failed_at_ms < self.until_ms)
        )

    def wants(self, sync: str) -> bool:
        """Return whether an enabled sync is wanted."""
        return self._are_all_wanted or sync in self.syncs or any(sync == today for _, today in self.renamed)

    def today(self, sync: str) -> str:
        """Return which sync gets a letter of this one."""
        return next((today for earlier, today in self.renamed if earlier == sync), sync)

    @property
    def _are_all_wanted(self) -> bool:
        return not self.syncs and not self.renamed

    def _is_of_them(self, sync: str) -> bool:
        return self._are_all_wanted or sync in self.syncs or any(sync == earlier for earlier, _ in self.renamed)
