"""The stream's own parts: its source, and the steps before the users' state."""

from typing import TYPE_CHECKING

import structlog

from connectors.clock import now_ms
from connectors.delivery.outbox import Outbox
from connectors.kinds import SOURCES, source_of
from connectors.opening import Opening, Stored
from connectors.read_clock import ReadClock
from flows.domain.brake import Brake
from flows.domain.ledger import Ledger
from flows.domain.slice import ALL, Slice
from flows.domain.warm_up import WarmUp
from flows.operators.earlier_parts import WithEarlierParts
from flows.operators.identity_rules import identity_rules, logins_of
from flows.operators.punctuated_source import WithPunctuation
from flows.operators.stages import decode_records, refused_letters
from flows.operators.sync_plan import SyncPlan
from flows.operators.user_store import SHARDS
from flows.runtime import summary
from flows.runtime.reload import hand_over
from flows.runtime.signals import let_reload_wait
from flows.runtime.wiring import Delivering, Identities, StateDirectory
from flows.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()


def _say_braked(refused: int, of: int) -> None:
    log.error(
        "the brake is on: too many of the last events were refused; nothing more is read or sent",
        refused=refused,
        of=of,
        do="look at the dead letters' reasons, correct what is wrong and start again; what waits is not lost",
    )


class Stream:
    """Builds the stream's parts, and keeps what they share."""

    def __init__(self, settings: Settings, part: Slice = ALL, state: StateDirectory | None = None) -> None:
        """Build them. Raises as `StateDirectory`, which is opened without a recovery store where none is given."""
        self.settings = settings
        self._part = part
        self.state = state = state or StateDirectory(settings.state.slice_directory(part))
        self.journal = state.journal
        if SOURCES[settings.source.kind].read_anew is not None and not state.has_recovery:
            self.journal.forget()  # what it holds is read again from the beginning
        delivery = settings.delivery
        self.ledger = Ledger(
            [sync.name for sync in settings.enabled_syncs],
            delivery.max_pending,
            Brake(delivery.brake_share, delivery.brake_events, _say_braked),
        )
        self.outbox = Outbox(self.ledger, self.journal, state.manifest, state.overflow)
        rules = identity_rules(settings)
        logins = logins_of(rules)
        self.read_clock = ReadClock(SHARDS, lambda: self.ledger.held_events)
        self.delivering = Delivering(
            settings, part, state, self.ledger, self.outbox, Identities(rules, logins, self.read_clock), self
        )
        self.shutdown, self.parts = self.delivering.shutdown, self.delivering.parts
        self.before_summary: Callable[[], None] = lambda: None
        """Takes a progress bar away."""
        self.is_closed = False
        self._warm_up = WarmUp()
        self.compiled = SyncPlan(settings, self.ledger, now_ms, self._warm_up, logins, rules.keep)
        self.decode = decode_records(self.ledger, self._warm_up)
        self.refused_letters = refused_letters(now_ms)
        self.users_logic, self.micro_batch = self.delivering.users_logic, self.delivering.micro_batch

    def connect(self) -> bool:
        """Open both ends: `source` and `sink`, with their threads running. Waits for Kafka.

        Returns False if a stop is asked for meanwhile. Raises SetupError.
        """
        self.delivering.take_up()  # before Kafka is told anything: a refusal leaves the group as it is
        source = self.parts.ends.source = source_of(self.settings.source).open(self.opening())
        if not source.connect():
            return False
        self.source = WithPunctuation(WithEarlierParts(source.input, self.state.earlier_parts), self.read_clock)
        self.sink = self.delivering.open_sink()
        return True

    def opening(self) -> Opening:
        """Return what the source needs."""
        state, delivering = self.state, self.delivering
        return Opening(
            delivering.room,
            self.shutdown,
            self._part,
            self.ledger,
            Stored(state.directory, self.journal, self._warm_up, state.earlier_parts, has_recovery=state.has_recovery),
            delivering.pace,
            self.read_clock,
            delivering.note_damage,
        )

    @property
    def is_drained(self) -> bool:
        """Whether nothing waits for an answer, or the flow never began."""
        return self.parts.sink is None or not len(self.outbox)

    def close(self) -> None:
        """End the run: everything has drained, or what has not is in the last snapshot."""
        self.is_closed = True
        self.before_summary()
        self.journal.close()
        if self.parts.source is not None:
            self.parts.source.close()  # commits the watermark, now that everything is final that will be
        summary.report(self.ledger, self.parts.damages, stopped=self.shutdown.requested)

    def ended(self, *, has_failed: bool) -> int:
        """Note that the run has ended, where the engine has stored the last snapshot; return the exit code."""
        if self.parts.source is not None:
            self.parts.source.close()  # where it has failed, this commits the watermark
        if self.is_closed and not has_failed:
            self.state.ended()
        if self.shutdown.restart:
            let_reload_wait()  # until the program that this process becomes can read the settings again
            hand_over(self.parts.in_force.reload)
        return 0
