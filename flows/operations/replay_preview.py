"""A preview of a replay: what would happen to the letters today. Sends nothing, writes nothing, marks nothing."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from connectors.appsflyer.request import compile_translate
from connectors.clock import now_ms
from connectors.dead_letters import Letter, LetterReader, StoredLetter
from connectors.delivery.delivery import Delivery
from connectors.kinds import store_of
from connectors.shutdown import Shutdown
from flows.domain.fate import DeadLetter
from flows.domain.select import compile_select
from flows.operators.identify import IdentifyLogic, IdentifyOutput, ShardContext
from flows.operators.identity_rules import identity_rules, logins_of
from flows.operators.replay import ReplayLedger, read_again, with_logins
from flows.operators.replay_choice import LeftOut, LetterChoice
from flows.operators.stages import translate_events
from flows.runtime.replay.plan import Plan, marks
from flows.runtime.replay.report import WORDS
from flows.runtime.replay.wiring import replay_rules
from flows.settings.model import Settings

_WAIT_SECONDS = 0.01


class Group(NamedTuple):
    """Letters that are told together."""

    reason: str
    sync: str
    day: str
    """On which they became dead letters, in UTC."""


@dataclass(slots=True)
class Preview:
    """What was found."""

    total: int
    """Letters that are there, wanted or not."""
    letters: Counter[Group] = field(default_factory=Counter)
    """Letters that the filters match."""
    fates: Counter[tuple[Group, str]] = field(default_factory=Counter)
    """What would become of them; a letter that decode had refused may have more than one fate."""


OnProgress = Callable[[int, int, int], None]
"""Told of (letters in all, letters looked at, letters that the filters match)."""


def look(settings: Settings, plan: Plan, on_progress: OnProgress) -> Preview:
    """Look at every letter. Raises OSError, DamagedStateError, and as the readers do."""
    walk = _Walk(settings, plan)
    walk.run(on_progress)
    return walk.found


class _Walk:
    """Goes through the letters as a replay does, up to what would be sent."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.found = Preview(plan.total)
        self._settings = settings
        self._plan = plan
        syncs = settings.enabled_syncs
        self._marks = marks(settings, plan)
        paused = settings.paused_syncs
        self._choice = LetterChoice(plan.filters, [sync.name for sync in syncs], self._marks, paused=paused)
        self._ledger = ReplayLedger([sync.name for sync in syncs], 0, self._marks.of_this_run)
        self._not_taken: list[str] = []
        self._read = read_again(
            self._ledger, self._marks, compile_select(syncs), plan.filters, self._note_not_taken, now_ms, paused
        )
        translates = [compile_translate(sync, settings.delivery.max_body_bytes) for sync in syncs]
        self._translate = translate_events(syncs, translates, self._ledger, now_ms)
        self._rules = replay_rules(identity_rules(settings))
        self._around = ShardContext(self._rules, self._ledger, Shutdown(), now_ms, None, [])
        self._known = with_logins(logins_of(self._rules), now_ms)
        self._users: dict[str, IdentifyLogic] = {}

    def run(self, on_progress: OnProgress) -> None:
        reader = store_of(self._settings.dead_letters).read(self._plan.ends, {}, lambda _: None)
        try:
            for seen, stored in enumerate(_letters(reader), 1):
                self._look(stored)
                on_progress(self.found.total, seen, self.found.letters.total())
        finally:
            reader.close()

    def _look(self, stored: StoredLetter) -> None:
        letter = self._choice.read(stored)
        if letter is None:
            return
        why_not = self._choice.why_not(letter)
        if why_not is LeftOut.NOT_ASKED_FOR:
            return
        day = datetime.fromtimestamp(letter.failed_at_ms / 1000, UTC).date().isoformat()
        group = Group(letter.reason.value, letter.sync or "(any)", day)
        self.found.letters[group] += 1
        for fate in [WORDS[why_not]] if why_not is not None else self._follow(self._choice.as_today(letter)):
            self.found.fates[group, fate] += 1

    def _follow(self, letter: Letter) -> list[str]:
        """Return what would become of a letter."""
        before = self._filtered()
        self._not_taken.clear()
        fates = []
        for key, each in self._read([letter]):
            outgoing: list[IdentifyOutput] = [each] if isinstance(each, DeadLetter) else []
            for user, value in [] if isinstance(each, DeadLetter) else self._known([(key, each)]):
                outgoing += self._user(user).on_batch([(user, value)])[0]
            for _, item in self._translate([(key, one) for one in outgoing]):
                again = f"would be dead letters again: {item.reason.value}" if isinstance(item, DeadLetter) else ""
                fates.append("would be sent" if isinstance(item, Delivery) else again)
        fates += [f"would be filtered: {reason}" for reason in (self._filtered() - before).elements()]
        return [*fates, *self._not_taken]

    def _user(self, key: str) -> IdentifyLogic:
        user = self._users.get(key)
        if user is None:
            user = self._users[key] = IdentifyLogic(None, self._around)
        return user

    def _filtered(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for sync in self._ledger.syncs:
            counts.update({reason.value: count for reason, count in sync.filtered.items()})
        return counts

    def _note_not_taken(self, why_not: LeftOut) -> None:
        self._not_taken.append(WORDS[why_not])


def _letters(reader: LetterReader) -> Iterator[StoredLetter]:
    while True:
        letters = reader.read()
        yield from letters
        if not letters:
            if reader.is_over:
                return
            time.sleep(_WAIT_SECONDS)
