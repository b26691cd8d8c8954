"""What the threads of one process share: settings, ledger, sender, dead-letter queue, and the wish to stop."""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import structlog
from bytewax.inputs import FixedPartitionedSource, Source

from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.delivery import Attempts, Delivery
from connectors.delivery.engines.open import open_engine
from connectors.delivery.items import Item, resume_items
from connectors.delivery.outbox import MOST_SET_ASIDE, Outbox
from connectors.delivery.report import Report
from connectors.delivery.sender import LaneSecrets, Sender
from connectors.delivery.sink import AppsFlyerSink
from connectors.delivery.stats import Tally
from connectors.hearing import Hearing
from connectors.kinds import source_of, store_of
from connectors.limited_log import LimitedLog
from connectors.pace import Pace
from connectors.ports import Opening, Stored
from connectors.secrets import Secret
from connectors.shutdown import Shutdown
from connectors.state.disk import StateDisk, await_room
from connectors.state.journal import Journal
from connectors.state.layout import Layout
from connectors.state.lock import lock_directory, sign
from connectors.state.manifest import Manifest, Snapshot
from connectors.state.seal import Sealed, unseal
from connectors.state.step_states import State, unpacked_window
from flows.domain.brake import Brake
from flows.domain.event import PLATFORMS, Record
from flows.domain.fate import DeadLetter
from flows.domain.ledger import Ledger
from flows.domain.slice import ALL, Slice
from flows.domain.warm_up import WarmUp
from flows.observe.heartbeat import Heartbeat
from flows.observe.parts import Parts
from flows.operators.earlier_parts import WithEarlierParts
from flows.operators.identify import IdentifyLogic, ShardContext
from flows.operators.identity_rules import identity_rules, logins_of
from flows.operators.punctuated_source import WithPunctuation
from flows.operators.stages import decode_records, refused_letters
from flows.operators.sync_plan import SyncPlan
from flows.operators.user_store import SHARDS
from flows.operators.window import MicroBatch
from flows.runtime import summary
from flows.runtime.refusal import refuse_state
from flows.runtime.reload import hand_over
from flows.runtime.signals import keep_waiting, let_reload_wait, stop_on_signals
from flows.settings.model import Settings

if TYPE_CHECKING:
    from flows.operators.user_store import Users

log = structlog.get_logger()

_LETTERS_AT_A_TIME: Final = 500
"""Of what was set aside for a sync that is not enabled any more, so that it does not all come to memory."""


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _say_braked(refused: int, of: int) -> None:
    log.error(
        "the brake is on: too many of the last events were refused; nothing more is read or sent",
        refused=refused,
        of=of,
        do="look at the dead letters' reasons, correct what is wrong and start again; what waits is not lost",
    )


class Process:
    """Builds the parts of the flow from the settings; keeps what they share."""

    def __init__(
        self,
        settings: Settings,
        part: Slice = ALL,
        *,
        has_recovery: bool = False,
        earlier_parts: Sequence[str] = (),
        stored: Snapshot | None = None,
    ) -> None:
        """Build them. Raises StateInUseError, DamagedStateError, or OSError where the state directory cannot be used.

        `earlier_parts` are the keys of the source's parts in the recovery store; `stored` is the snapshot that it goes
        on at, None where it has none.
        """
        self.settings = settings
        self.part = part
        self._has_recovery = has_recovery
        self._earlier_parts = earlier_parts
        directory = settings.state.slice_directory(part)
        layout = Layout(directory)
        await_room(directory)
        self._lock = lock_directory(directory)
        sign(self._lock)
        self._disk = StateDisk(directory)
        self.manifest = Manifest(directory, stored, has_recovery=has_recovery)
        self.journal = Journal(layout.journal, self.manifest)
        if source_of(settings.source).read_anew is not None and not has_recovery:
            self.journal.forget()  # what it holds is read again from the beginning
        self.shutdown = Shutdown()
        self.pace = Pace()
        self._log = LimitedLog()
        delivery = settings.delivery
        self.ledger = Ledger(
            [sync.name for sync in settings.enabled_syncs],
            delivery.max_pending,
            Brake(delivery.brake_share, delivery.brake_events, _say_braked),
        )
        self.outbox = Outbox(self.ledger, self.journal, layout.overflow, self.manifest)
        self.damages: list[str] = []
        self._shards: list[Users] = []
        self._is_closed = False
        self.before_summary: Callable[[], None] = lambda: None
        """Takes a progress bar away."""
        self.rules = identity_rules(settings)
        self.warm_up = WarmUp()
        self.logins = logins_of(self.rules)
        self.hearing = Hearing(SHARDS, lambda: self.ledger.held_events)
        self.compiled = SyncPlan(settings, self.ledger, now_ms, self.warm_up, self.logins)
        self.decode = decode_records(self.ledger, self.warm_up)
        self.refused_letters = refused_letters(now_ms)
        self.parts = Parts(
            settings,
            part,
            self.ledger,
            self.outbox,
            self.journal,
            self.shutdown,
            Heartbeat(),
            Tally(now_ms),
            now_ms,
            lambda: sum(map(len, self._shards)),
            self.damages,
            self._disk,
        )

    def connect(self) -> None:
        """Open both ends of the flow: `source` and `sink`, with their threads running. Waits for Kafka.

        Exits with 0 if a stop is asked for meanwhile. Raises KafkaSetupError.
        """
        self.source = self._open_source()
        self.sink = self._open_sink()

    def _open_source(self) -> Source[Any]:
        return WithPunctuation(WithEarlierParts(self._found_source(), self._earlier_parts), self.hearing)

    def opening(self) -> Opening:
        """Return what the source needs."""
        directory = self.settings.state.slice_directory(self.part)
        return Opening(
            self._room,
            self.shutdown,
            self.part,
            self.ledger,
            Stored(directory, self.journal, self.warm_up, self._earlier_parts, has_recovery=self._has_recovery),
            self.pace,
            self.hearing,
            self._note_damage,
        )

    def _found_source(self) -> FixedPartitionedSource[Record, Any]:
        source = self.parts.source = source_of(self.settings.source).open(self.opening())
        if not source.connect():
            log.info("stopped while waiting for Kafka")
            raise SystemExit(0)
        return source.input

    def users_logic(self, resume_state: State | Sealed | None) -> IdentifyLogic:
        """Return the users of one shard; end the process where they cannot be taken up, with exit 2."""
        place = Layout(self.settings.state.slice_directory(self.part)).users
        users = place if self._has_recovery else None
        state = self.manifest.state
        around = ShardContext(
            self.rules,
            self.ledger,
            self.shutdown,
            now_ms,
            users,
            self._shards,
            self.logins,
            state,
            self.hearing,
        )
        try:
            return IdentifyLogic(resume_state, around)
        except Exception as problem:  # noqa: BLE001 - whatever comes of a state that is not what was written
            refuse_state(problem)

    def micro_batch(self, resume_state: tuple[Any, ...] | None) -> MicroBatch:
        """Return the window of one lane."""
        window = self.settings.window
        try:
            items: list[Item] = (
                resume_items(self.ledger, unpacked_window(unseal(resume_state))) if resume_state is not None else []
            )
        except Exception as problem:  # noqa: BLE001 - as above
            refuse_state(problem)
        max_wait = window.max_wait_ms / 1000
        return MicroBatch(items, window.max_events, max_wait, self.pace, self.parts.windows, self.parts.batches)

    def _open_sink(self) -> AppsFlyerSink:
        delivery = self.settings.delivery

        def written(letter: DeadLetter) -> None:
            self.outbox.written(letter)
            sender.wake()  # its thread writes the journal

        dead_letter_queue = DeadLetterQueue(store_of(self.settings.dead_letters).writer(), written)

        def given_up(letter: DeadLetter) -> None:
            self.outbox.given_up(letter)
            dead_letter_queue.submit([letter])

        report = Report(
            delivered=self.outbox.delivered,
            given_up=given_up,
            attempted=self.outbox.attempted,
            settled=self._settle,
            may_send=self._may_send,
            answered=self.parts.tally.answered,
            set_aside=self._set_aside,
            size_bytes=lambda: self.outbox.size_bytes,
            take_back=self.outbox.take_back,
        )
        lanes = {
            each.name: LaneSecrets(
                delivery.endpoint_of(each.key_kind),
                [Secret(key) for key in each.keys],
            )
            for each in self.settings.syncs
        }
        sender = Sender(
            delivery,
            lanes,
            report,
            open_engine(delivery),
            now_ms,
            lane_share=self._lane_share(),
            part=self.part,
        )
        sender.pause(self.settings.paused_syncs)
        self._say_paused()
        self.parts.sender, self.parts.dead_letter_queue = sender, dead_letter_queue
        self.parts.sink = AppsFlyerSink(
            self.ledger,
            self.outbox,
            sender,
            dead_letter_queue,
            self.shutdown,
            delivery.drain_seconds,
            delivery.timeout_seconds,
            self._snapshot_taken,
            self._closed,
            self.parts.heartbeat.worker,
            refuse_state,
        )
        return self.parts.sink

    def stop_on_signals(self) -> None:
        """Make SIGTERM and SIGINT ask for a clean stop, and a second one stop at once."""
        stop_on_signals(self.shutdown, self.settings.delivery.drain_seconds)

    def _note_damage(self, damage: object) -> None:
        self.damages.append(str(damage))

    def _say_paused(self) -> None:
        for sync in sorted(self.settings.paused_syncs):
            log.warning("sync paused by the settings: its events are kept, and none is sent", sync=sync)

    def _lane_share(self) -> int:
        """Return how many events may wait for one app before they are set aside; without other apps, as many as fit."""
        apps = sum(1 for sync in self.settings.enabled_syncs for platform in PLATFORMS if sync.app_id(platform))
        most = self.settings.delivery.max_pending
        return max(most // (2 * apps), 1) if apps > 1 else most

    def _room(self) -> int:
        """Return how many events may be read; a source asks each time that the worker comes to it."""
        self.parts.heartbeat.worker()
        if self.outbox.size_bytes >= self.settings.delivery.max_pending_bytes:
            return 0
        return self.ledger.room() if self.hearing.is_open and self._disk.has_room() else 0

    def _settle(self) -> None:
        if (
            self.outbox.has_disabled
            and self.parts.dead_letter_queue is not None
            and not self.parts.dead_letter_queue.waiting
        ):
            self.parts.dead_letter_queue.submit(self.outbox.disabled(_LETTERS_AT_A_TIME))
        if self.parts.sender is not None:
            self.parts.heartbeat.sender(self.parts.sender.in_flight)
        self.journal.flush()

    def _may_send(self) -> bool:
        return not self.ledger.brake.is_on

    def _snapshot_taken(self) -> None:
        self.parts.snapshots += 1
        self.parts.snapshot_at = time.monotonic()
        self.outbox.snapshot_taken()
        source = self.parts.source
        self.journal.snapshot_taken(self.ledger.watermarks() if source is None else source.released())

    def _set_aside(self, delivery: Delivery, attempts: Attempts) -> bool:
        """Move it to the disk, so that it takes no room from other apps; say so where that cannot be."""
        has_room = self._disk.has_room()
        if has_room and self.outbox.set_aside(delivery, attempts):
            return True
        self._log.say(
            logging.WARNING,
            "no more can be set aside for an app in trouble; what it keeps back takes room from the other apps, and "
            "when there is none left the source waits",
            message_class=f"set aside {delivery.lane}",
            lane=delivery.lane,
            why="the most are set aside, or the disk refuses" if has_room else "the state disk is nearly full",
            most=MOST_SET_ASIDE,
        )
        return False

    def finish(self) -> None:
        """End the run where no item came to the sink, for Bytewax neither opens nor closes it then."""
        if self.shutdown.input_is_over and not self._is_closed and not len(self.outbox):
            self._closed()
        if self._is_closed and getattr(sys, "last_value", None) is None:  # the engine has stored the last snapshot
            with suppress(OSError):  # a full disk, or a directory that is gone: then at the next start
                self.manifest.ended()

    def _closed(self) -> None:
        self._is_closed = True
        self.before_summary()
        self.journal.close()
        if self.parts.source is not None:
            self.parts.source.close()  # commits the watermark, now that everything is final that will be
        summary.report(self.ledger, self.damages, stopped=self.shutdown.requested)

    def restart_if_asked(self) -> None:
        """Begin again in the same process, with the same command, where the source has asked for it."""
        keep_waiting()  # from here on a signal is for the program that this process becomes
        let_reload_wait()
        if self.shutdown.restart:
            log.warning("restarting")
            sys.stdout.flush()
            sys.stderr.flush()
            hand_over(self.parts.reload)
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command
