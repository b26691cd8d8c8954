"""Choice: which of the letters that are there are replayed, and how many are left out why."""

from collections import Counter
from collections.abc import Callable, Collection
from enum import StrEnum

import structlog

from connectors.dead_letters import Letter, StoredLetter, parse
from connectors.state.replay_log import ReplayLog
from flows.operators.replay_filters import Filters

log = structlog.get_logger()


class LeftOut(StrEnum):
    """Why a letter is not replayed."""

    UNREADABLE = "unreadable"
    """Its headers are not those of a dead letter."""
    NOT_ASKED_FOR = "not_asked_for"
    """The filters do not match."""
    CUT = "cut"
    """The dead letters' place took only a part of the event, which is whole where its position says."""
    SYNC_NOT_ENABLED = "sync_not_enabled"
    SYNC_PAUSED = "sync_paused"
    ALREADY_REPLAYED = "already_replayed"
    SAME_EVENT = "same_event"
    """Another letter of the same event, sync and copy is replayed by this run."""


class LetterChoice:
    """Reads letters, and chooses. Counts."""

    def __init__(
        self,
        filters: Filters,
        enabled: Collection[str],
        marks: ReplayLog,
        on_look: Callable[[], None] = lambda: None,
        paused: Collection[str] = (),
    ) -> None:
        self._filters = filters
        self._enabled = frozenset(enabled)
        self._paused = frozenset(paused)
        self._marks = marks
        self._on_look = on_look
        self.seen = 0
        """Letters looked at."""
        self.taken = 0
        """Letters that are replayed."""
        self.left_out: Counter[LeftOut] = Counter()

    def wanted(self, stored: StoredLetter) -> Letter | None:
        """Return the letter, or None if it is not to be replayed."""
        self.seen += 1
        letter = self.read(stored)
        why_not = LeftOut.UNREADABLE if letter is None else self.why_not(letter)
        if why_not is None:
            self.taken += 1
        else:
            self.left_out[why_not] += 1
        self._on_look()
        return self.as_today(letter) if letter is not None and why_not is None else None

    def as_today(self, letter: Letter) -> Letter:
        """Return a letter as one of the sync that gets it."""
        return letter._replace(sync=self._filters.today(letter.sync)) if letter.sync is not None else letter

    def read(self, stored: StoredLetter) -> Letter | None:
        """Return the letter; None, and a line in the log, if it is no dead letter."""
        try:
            return parse(stored)
        except (ValueError, KeyError):
            log.warning("not a dead letter; it is left out", place=stored.place)
            return None

    def why_not(self, letter: Letter) -> LeftOut | None:
        """Return why a letter is left out, if it is."""
        if not self._filters.match(letter):
            return LeftOut.NOT_ASKED_FOR
        if letter.is_cut:
            return LeftOut.CUT
        sync = self.as_today(letter).sync
        if sync is not None and sync not in self._enabled:
            return LeftOut.SYNC_NOT_ENABLED
        if any(
            self._marks.is_ended((letter.position, name, letter.copy), letter.replays) for name in (letter.sync, sync)
        ):
            return LeftOut.ALREADY_REPLAYED
        if sync in self._paused:
            return LeftOut.SYNC_PAUSED
        return None

    def not_taken(self, why_not: LeftOut) -> None:
        """Take back that a letter is replayed."""
        self.taken -= 1
        self.left_out[why_not] += 1
