"""Wiring: what stream and replay share, from the users' state to the sink, and the state directory below it."""

import logging
import time
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import structlog

from connectors.clock import now_ms
from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.delivery import Attempts, Delivery
from connectors.delivery.engines.open import open_engine
from connectors.delivery.items import Item, resume_items
from connectors.delivery.outbox import MOST_SET_ASIDE, Outbox
from connectors.delivery.report import Report
from connectors.delivery.sender import LaneSecrets, Sender
from connectors.delivery.sink import AppsFlyerSink
from connectors.hearing import Hearing
from connectors.kinds import store_of
from connectors.limited_log import LimitedLog
from connectors.pace import Pace
from connectors.secrets import Secret
from connectors.shutdown import Shutdown
from connectors.state.disk import StateDisk, await_room
from connectors.state.journal import Journal
from connectors.state.layout import Layout
from connectors.state.lock import lock_directory, sign
from connectors.state.manifest import Manifest, Snapshot
from connectors.state.seal import Sealed, unseal
from connectors.state.step_states import State, unpacked_window
from flows.domain.event import PLATFORMS
from flows.domain.fate import DeadLetter
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.slice import Slice
from flows.domain.user import IdentityRules
from flows.observe.parts import Parts
from flows.operators.identify import IdentifyLogic, ShardContext
from flows.operators.window import MicroBatch
from flows.runtime.refusal import refuse_state
from flows.settings.model import Settings

log = structlog.get_logger()

_LETTERS_AT_A_TIME: Final = 500
"""Of what was set aside for a sync that is not enabled any more, so that it does not all come to memory."""


class StateDirectory:
    """The state of one process: its directory is locked, and what the manifest knows of is found to be whole."""

    def __init__(self, directory: Path, stored: Snapshot | None = None, *, has_recovery: bool = False) -> None:
        """Open it. Raises StateInUseError, DamagedStateError, or OSError where it cannot be used.

        `stored` is the snapshot that the recovery store goes on at, None where it has none.
        """
        self.directory = directory
        self.layout = Layout(directory)
        self.has_recovery = has_recovery
        await_room(directory)
        self._lock = lock_directory(directory)
        sign(self._lock)
        self.disk = StateDisk(directory)
        self.manifest = Manifest(directory, stored, has_recovery=has_recovery)
        self.journal = Journal(self.layout.journal, self.manifest)


class Identities(NamedTuple):
    """How users are known in a flow."""

    rules: IdentityRules
    logins: Logins
    """Who was first on which device."""
    hearing: Hearing
    """For how long the source was read."""


class Owner(Protocol):
    """What stream and replay do each in their own way."""

    def flush(self) -> None:
        """Make durable what was told; a thread asks again and again."""

    def close(self) -> None:
        """End the run; asked once, when everything has drained."""


class Delivering:
    """The half of a flow that delivers: users, windows, sender, dead letters. Stream and replay own one each."""

    def __init__(
        self,
        settings: Settings,
        part: Slice,
        state: StateDirectory,
        ledger: Ledger,
        outbox: Outbox,
        identities: Identities,
        owner: Owner,
    ) -> None:
        self._settings = settings
        self._part = part
        self._state = state
        self._ledger = ledger
        self._outbox = outbox
        self._hearing = identities.hearing
        self._owner = owner
        self._log = LimitedLog()
        self.shutdown = Shutdown()
        self.pace = Pace()
        self.parts = Parts(settings, part, ledger, outbox, state.journal, state.disk, self.shutdown)
        self._around = ShardContext(
            identities.rules,
            ledger,
            self.shutdown,
            now_ms,
            state.layout.users if state.has_recovery else None,
            self.parts.shards,
            identities.logins,
            state.manifest.state,
            identities.hearing,
        )

    def users_logic(self, resume_state: State | Sealed | None) -> IdentifyLogic:
        """Return the users of one shard; end the process where they cannot be taken up, with exit 2."""
        try:
            return IdentifyLogic(resume_state, self._around)
        except Exception as problem:  # noqa: BLE001 - whatever comes of a state that is not what was written
            refuse_state(problem)

    def micro_batch(self, resume_state: tuple[Any, ...] | None) -> MicroBatch:
        """Return the window of one lane."""
        window = self._settings.window
        try:
            items: list[Item] = (
                resume_items(self._ledger, unpacked_window(unseal(resume_state))) if resume_state is not None else []
            )
        except Exception as problem:  # noqa: BLE001 - as above
            refuse_state(problem)
        max_wait = window.max_wait_ms / 1000
        return MicroBatch(items, window.max_events, max_wait, self.pace, self.parts.windows, self.parts.batches)

    def open_sink(self) -> AppsFlyerSink:
        """Open where deliveries and dead letters go, with its threads running. Raises KafkaSetupError."""
        delivery = self._settings.delivery

        def written(letter: DeadLetter) -> None:
            self._outbox.written(letter)
            sender.wake()  # its thread writes the journal

        dead_letter_queue = DeadLetterQueue(store_of(self._settings.dead_letters).writer(), written)

        def given_up(letter: DeadLetter) -> None:
            self._outbox.given_up(letter)
            dead_letter_queue.submit([letter])

        report = Report(
            delivered=self._outbox.delivered,
            given_up=given_up,
            attempted=self._outbox.attempted,
            settled=self._settle,
            may_send=self._may_send,
            answered=self.parts.tally.answered,
            set_aside=self._set_aside,
            size_bytes=lambda: self._outbox.size_bytes,
            take_back=self._outbox.take_back,
        )
        lanes = {
            each.name: LaneSecrets(
                delivery.endpoint_of(each.key_kind),
                [Secret(key) for key in each.keys],
            )
            for each in self._settings.syncs
        }
        sender = Sender(
            delivery,
            lanes,
            report,
            open_engine(delivery),
            now_ms,
            lane_share=self._lane_share(),
            part=self._part,
        )
        sender.pause(self._settings.paused_syncs)
        self._say_paused()
        self.parts.sender, self.parts.dead_letter_queue = sender, dead_letter_queue
        self.parts.sink = AppsFlyerSink(
            self._ledger,
            self._outbox,
            sender,
            dead_letter_queue,
            self.shutdown,
            delivery.drain_seconds,
            delivery.timeout_seconds,
            self._snapshot_taken,
            self._owner.close,
            self.parts.heartbeat.worker,
            refuse_state,
        )
        return self.parts.sink

    def note_damage(self, damage: object) -> None:
        """Take note of damage in what is read, for the summary."""
        self.parts.damages.append(str(damage))

    def _say_paused(self) -> None:
        for sync in sorted(self._settings.paused_syncs):
            log.warning("sync paused by the settings: its events are kept, and none is sent", sync=sync)

    def _lane_share(self) -> int:
        """Return how many events may wait for one app before they are set aside; without other apps, as many as fit."""
        apps = sum(1 for sync in self._settings.enabled_syncs for platform in PLATFORMS if sync.app_id(platform))
        most = self._settings.delivery.max_pending
        return max(most // (2 * apps), 1) if apps > 1 else most

    def room(self) -> int:
        """Return how many events may be read; a source asks each time that the worker comes to it."""
        self.parts.heartbeat.worker()
        if self._outbox.size_bytes >= self._settings.delivery.max_pending_bytes:
            return 0
        return self._ledger.room() if self._hearing.is_open and self._state.disk.has_room() else 0

    def _settle(self) -> None:
        if (
            self._outbox.has_disabled
            and self.parts.dead_letter_queue is not None
            and not self.parts.dead_letter_queue.waiting
        ):
            self.parts.dead_letter_queue.submit(self._outbox.disabled(_LETTERS_AT_A_TIME))
        if self.parts.sender is not None:
            self.parts.heartbeat.sender(self.parts.sender.in_flight)
        self._owner.flush()

    def _may_send(self) -> bool:
        return not self._ledger.brake.is_on

    def _snapshot_taken(self) -> None:
        self.parts.snapshots += 1
        self.parts.snapshot_at = time.monotonic()
        self._outbox.snapshot_taken()
        source = self.parts.source
        self._state.journal.snapshot_taken(self._ledger.watermarks() if source is None else source.released())

    def _set_aside(self, delivery: Delivery, attempts: Attempts) -> bool:
        """Move it to the disk, so that it takes no room from other apps; say so where that cannot be."""
        has_room = self._state.disk.has_room()
        if has_room and self._outbox.set_aside(delivery, attempts):
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
