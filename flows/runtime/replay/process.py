"""What the parts of a replay share: the stream's own parts, with marks, and with letters as their source."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from connectors.appsflyer.request import compile_translate
from connectors.dead_letters import LetterReader
from connectors.delivery.items import Item
from connectors.delivery.replay_outbox import ReplayOutbox
from connectors.hearing import Hearing
from connectors.kinds import store_of
from connectors.state.layout import Layout
from connectors.state.manifest import Snapshot
from flows.domain.fate import DeadLetter
from flows.domain.select import compile_select
from flows.domain.user import IdentityRules
from flows.operators.identify import Keyed as IdentifyKeyed
from flows.operators.identify import SelectedEvent, in_shard
from flows.operators.letter_source import Begin, LetterInput
from flows.operators.replay import Keyed, ReplayLedger, read_again, with_logins
from flows.operators.replay_choice import LetterChoice
from flows.operators.stages import translate_events
from flows.runtime.process import Process, now_ms
from flows.runtime.replay import plan, report
from flows.runtime.replay.plan import Plan
from flows.runtime.replay.progress import ReplayProgress
from flows.runtime.replay.report import Ending
from flows.settings.model import Settings

log = structlog.get_logger()

_FAILED: Final = 1


def replay_rules(rules: IdentityRules) -> IdentityRules:
    """Return how identities are kept in a replay.

    Nothing is held, for no later event can be waited for. Event ids are not compared, for each letter stands for one
    sync and copy of an event that was no duplicate.
    """
    return rules._replace(hold_ms=0, settle_ms=0, remember_insert_ids=0)


class Replay(Process):
    """Builds the parts of a replay. Its state is its own, so that the stream may run at the same time."""

    def __init__(self, settings: Settings, the_plan: Plan, directory: Path, stored: Snapshot | None) -> None:
        """Build them. Raises StateInUseError, DamagedStateError, or OSError where the state directory cannot be used.

        `stored` is the snapshot that its recovery store goes on at, None where it has none.
        """
        state = settings.state.model_copy(update={"directory": directory})
        super().__init__(replace(settings, state=state), has_recovery=True, stored=stored)
        self.plan = the_plan
        self._directory = directory
        self.marks = plan.marks(settings, the_plan)
        # No brake: letters that are refused again go back to where they came from, and the source ends by itself.
        names = self.ledger.sync_names
        self.letter_ledger = ReplayLedger(names, settings.delivery.max_pending, self.marks.of_this_run)
        self.ledger = self.letter_ledger
        earlier_names: dict[str, list[str]] = {}
        for earlier, today in the_plan.filters.renamed:
            earlier_names.setdefault(today, []).append(earlier)
        self.outbox = ReplayOutbox(
            self.ledger, self.journal, Layout(directory).overflow, self.manifest, self.marks, earlier_names
        )
        self.rules = replay_rules(self.rules)
        self.progress = ReplayProgress(the_plan.total)
        self.choice = LetterChoice(the_plan.filters, names, self.marks, self._on_look, settings.paused_syncs)
        self.ending = Ending.STOPPED
        self.hearing = Hearing(0)  # letters carry no marks, and none is held

        self._known = with_logins(self.logins, now_ms)
        syncs = settings.enabled_syncs
        translates = [compile_translate(sync, settings.delivery.max_body_bytes) for sync in syncs]
        self.translate = translate_events(syncs, translates, self.ledger, now_ms)
        self.read_again = read_again(
            self.letter_ledger,
            self.marks,
            compile_select(syncs),
            the_plan.filters,
            self.choice.not_taken,
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

    def _open_source(self) -> LetterInput:
        wanted, rate = self.choice.wanted, self.plan.letters_per_second
        return LetterInput(self._reader, wanted, self._room, self.shutdown, rate, pace=self.pace)

    def clean_up(self) -> None:
        """Remove what only an interrupted replay needs; called when Bytewax has let go of it."""
        self.finish()
        if self.ending is Ending.DONE:
            shutil.rmtree(self._directory, ignore_errors=True)

    def exit_if_paused(self) -> None:
        """End with 1 where a paused sync keeps back what an interrupted replay had taken; the last thing at exit."""
        if self.ending is Ending.PAUSED:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_FAILED)

    def _reader(self, begin: Begin) -> LetterReader:
        return store_of(self.settings.dead_letters).read(self.plan.ends, begin, self._note_damage)

    def _on_look(self) -> None:
        self.progress.show(self.choice.seen, self.choice.taken)

    def _settle(self) -> None:
        self.marks.flush()
        super()._settle()

    def _closed(self) -> None:
        self._is_closed = True
        self.marks.close()
        self.journal.close()
        self.progress.close()
        if self.shutdown.input_ended and not len(self.outbox) and not self.outbox.set_aside_count:
            self.ending = Ending.DONE
            plan.remove(self._directory)
        elif self.settings.paused_syncs and not self.shutdown.requested:
            self.ending = Ending.PAUSED
        report.print_summary(self.ledger, self.choice, self.damages, self.ending)
