"""A replay's own parts: letters as its source, and marks beside the journal. The rest it shares with the stream."""

import shutil
from pathlib import Path
from typing import Final

from connectors.appsflyer.request import compile_translate
from connectors.clock import now_ms
from connectors.dead_letters import LetterReader
from connectors.delivery.items import Item
from connectors.delivery.outbox import Outbox
from connectors.delivery.replay_marks import ReplayMarks
from connectors.kinds import store_of
from connectors.read_clock import ReadClock
from connectors.state.layout import Layout
from flows.domain.fate import DeadLetter
from flows.domain.identity_rules import IdentityRules
from flows.domain.kept_properties import KeptNames
from flows.domain.select import compile_select
from flows.domain.slice import ALL
from flows.operators.identify import Keyed as IdentifyKeyed
from flows.operators.identify import SelectedEvent, in_shard
from flows.operators.identity_rules import identity_rules, logins_of
from flows.operators.letter_source import Begin, LetterInput
from flows.operators.replay import Keyed, ReplayLedger, read_again, with_logins
from flows.operators.replay_choice import LetterChoice
from flows.operators.stages import translate_events
from flows.runtime.replay import plan, report
from flows.runtime.replay.plan import Plan
from flows.runtime.replay.progress import ReplayProgress
from flows.runtime.replay.report import Ending
from flows.runtime.wiring import Delivering, Identities, StateDirectory
from flows.settings.model import Settings

_FAILED: Final = 1


def replay_rules(rules: IdentityRules) -> IdentityRules:
    """Return how identities are kept in a replay.

    Nothing is held, for no later event can be waited for. Event ids are not compared, for each letter stands for one
    sync and copy of an event that was no duplicate. No user properties are kept, for a letter remembers those that
    stood behind its event.
    """
    return rules._replace(hold_ms=0, settle_ms=0, remember_insert_ids=0, keep=KeptNames())


class Replay:
    """Builds the parts of a replay. Its state is its own, so that the stream may run at the same time."""

    def __init__(self, settings: Settings, the_plan: Plan, directory: Path) -> None:
        """Build them. Raises as `StateDirectory`."""
        self._settings = settings
        self._plan = the_plan
        self._directory = directory
        self._state = StateDirectory(directory, Layout(directory).recovery)
        self._marks = plan.marks(settings, the_plan)
        # No brake: letters that are refused again go back to where they came from, and the source ends by itself.
        names = [sync.name for sync in settings.enabled_syncs]
        self.ledger = ReplayLedger(names, settings.delivery.max_pending, self._marks.of_this_run)
        earlier_names: dict[str, list[str]] = {}
        for earlier, today in the_plan.filters.renamed:
            earlier_names.setdefault(today, []).append(earlier)
        state, observer = self._state, ReplayMarks(self._marks, earlier_names)
        self.outbox = Outbox(self.ledger, state.journal, state.manifest, state.overflow, observer)
        rules = replay_rules(identity_rules(settings))
        logins = logins_of(rules)
        read_clock = ReadClock(0)  # letters carry no marks, and none is held
        self.delivering = Delivering(
            settings, ALL, self._state, self.ledger, self.outbox, Identities(rules, logins, read_clock), self
        )
        self.shutdown, self.parts = self.delivering.shutdown, self.delivering.parts
        self.users_logic, self.micro_batch = self.delivering.users_logic, self.delivering.micro_batch
        self.is_closed = False
        self._ending = Ending.STOPPED
        self.progress = ReplayProgress(the_plan.total)
        self._choice = LetterChoice(the_plan.filters, names, self._marks, self._on_look, settings.paused_syncs)
        self._known = with_logins(logins, now_ms)
        syncs = settings.enabled_syncs
        translates = [compile_translate(sync, settings.delivery.max_body_bytes) for sync in syncs]
        self.translate = translate_events(syncs, translates, self.ledger, now_ms)
        self.read_again = read_again(
            self.ledger,
            self._marks,
            compile_select(syncs),
            the_plan.filters,
            self._choice.not_taken,
            now_ms,
            settings.paused_syncs,
        )

    def events(self, read: list[Keyed]) -> list[tuple[str, SelectedEvent]]:
        """Return what decode took, of what was read again."""
        return [(key, each) for key, each in read if not isinstance(each, DeadLetter)]

    def refused(self, read: list[Keyed]) -> list[tuple[str, Item]]:
        """Return what decode refused, of what was read again."""
        return [(key, each) for key, each in read if isinstance(each, DeadLetter)]

    def keyed(self, events: list[tuple[str, SelectedEvent]]) -> list[tuple[str, IdentifyKeyed]]:
        """Return events by the shard of their user, behind what their device hands on to the first user on it."""
        return [in_shard(key, each) for key, each in self._known(events)]

    def connect(self) -> bool:
        """Open both ends: `source` and `sink`, with their threads running. Raises SetupError."""
        rate, delivering = self._plan.letters_per_second, self.delivering
        delivering.take_up()
        self.source = LetterInput(
            self._reader, self._choice.wanted, delivering.room, self.shutdown, rate, pace=delivering.pace
        )
        self.sink = delivering.open_sink()
        return True

    @property
    def is_drained(self) -> bool:
        """Whether nothing waits for an answer."""
        return not len(self.outbox)

    def close(self) -> None:
        """End the run: everything has drained, or what has not is in the last snapshot."""
        self.is_closed = True
        self._marks.close()
        self._state.journal.close()
        self.progress.close()
        if self.shutdown.input_ended and not len(self.outbox) and not self.outbox.set_aside_count:
            self._ending = Ending.DONE
            plan.remove(self._directory)
        elif self._settings.paused_syncs and not self.shutdown.requested:
            self._ending = Ending.PAUSED
        report.print_summary(self.ledger, self._choice, self.parts.damages, self._ending)

    def ended(self, *, has_failed: bool) -> int:
        """Remove what only an interrupted replay needs; return 1 where a paused sync keeps back what it has taken."""
        if self._ending is Ending.DONE:
            shutil.rmtree(self._directory, ignore_errors=True)
        elif self.is_closed and not has_failed:
            self._state.ended()
        return _FAILED if self._ending is Ending.PAUSED else 0

    def _reader(self, begin: Begin) -> LetterReader:
        return store_of(self._settings.dead_letters).read(self._plan.ends, begin, self.delivering.note_damage)

    def _on_look(self) -> None:
        self.progress.show(self._choice.seen, self._choice.taken)
