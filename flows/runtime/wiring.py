"""Wiring: what stream and replay share, from the users' state to the sink, and the state directory below it."""

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import structlog

from connectors.clock import now_ms
from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.drain import Drain
from connectors.delivery.engines.open import open_engine
from connectors.delivery.items import Item, resume_items, unpack
from connectors.delivery.lanes import Lanes, LaneSecrets
from connectors.delivery.outbox import Outbox
from connectors.delivery.overflow import Overflow
from connectors.delivery.sender import Sender
from connectors.delivery.sink import AppsFlyerSink
from connectors.kinds import store_of
from connectors.pace import Pace
from connectors.read_clock import ReadClock
from connectors.secrets import Secret
from connectors.shutdown import Shutdown
from connectors.state.disk import StateDisk, await_room
from connectors.state.engine_store import (
    StoredStep,
    StoreError,
    check_store,
    guard_store,
    read_store,
    stored_keys,
    stored_snapshot,
)
from connectors.state.journal import Journal
from connectors.state.layout import Layout
from connectors.state.lock import lock_directory, sign
from connectors.state.manifest import Manifest
from connectors.state.seal import Sealed, unseal
from connectors.state.step_states import ANY_SINK, ANY_USERS, ANY_WINDOW, SOURCE, ShardState, State, unpacked_window
from flows.domain.event import PLATFORMS
from flows.domain.identity_rules import IdentityRules
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.slice import Slice
from flows.observe.in_force import InForce
from flows.observe.parts import Parts
from flows.operators.identify import IdentifyLogic, ShardContext
from flows.operators.window import MicroBatch
from flows.runtime.refusal import refusing_state
from flows.settings.model import Settings

log = structlog.get_logger()


class StateDirectory:
    """The state of one process: its directory is locked, its store and manifest are whole and of one state."""

    def __init__(self, directory: Path, recovery: Path | None = None) -> None:
        """Open it, before the engine opens its store, which `recovery` is, None without one.

        Raises StateInUseError, DamagedStateError, StoreError, or OSError where it cannot be used.
        """
        self.directory = directory
        self.layout = Layout(directory)
        self.has_recovery = recovery is not None
        await_room(directory)
        self._lock = lock_directory(directory)
        sign(self._lock)
        self.disk = StateDisk(directory)
        self.earlier_parts: list[str] = []
        """The keys of the source's parts that the store knows."""
        self.stored: list[StoredStep] = []
        """The states that the run goes on from, until they are taken up."""
        snapshot = None
        if recovery is not None:
            try:
                check_store(recovery)
                self.earlier_parts, self.stored = stored_keys(recovery, SOURCE), list(read_store(recovery))
                snapshot = stored_snapshot(self.stored)
            except (StoreError, ValueError) as problem:  # the latter: another version's
                raise StoreError(f"the recovery store in {recovery} cannot be read ({problem})") from problem
        self.manifest = Manifest(directory, snapshot, has_recovery=self.has_recovery)
        self.journal = Journal(self.layout.journal, self.manifest)
        self.overflow = Overflow(self.layout.overflow, self.disk)
        if recovery is not None:
            with suppress(StoreError):  # a full disk: then at the next start
                guard_store(recovery)

    def ended(self) -> None:
        """Note that the engine has stored the last snapshot."""
        with suppress(OSError):  # a full disk, or a directory that is gone: then at the next start
            self.manifest.ended()


class Identities(NamedTuple):
    """How users are known in a flow."""

    rules: IdentityRules
    logins: Logins
    """Who was first on which device."""
    read_clock: ReadClock
    """For how long the source was read."""


class Owner(Protocol):
    """What stream and replay do each in their own way."""

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
        self._read_clock = identities.read_clock
        self._owner = owner
        self.shutdown = Shutdown()
        self.pace = Pace()
        self.parts = Parts(InForce(settings), part, ledger, outbox, state.journal, state.disk, self.shutdown)
        self._around = ShardContext(
            identities.rules,
            ledger,
            self.shutdown,
            now_ms,
            state.layout.users if state.has_recovery else None,
            self.parts.shards,
            identities.logins,
            state.manifest.state,
            identities.read_clock,
        )
        self._taken_up: dict[ShardState, IdentifyLogic] = {}
        """The users of each shard, who are read before the flow starts."""

    def take_up(self) -> None:
        """Take up the users and what waits to be delivered, and look at the windows, before the flow starts.

        The flow goes on with them. Raises Refusal where one of them is not what was written.
        """
        unfinished = None
        stored, self._state.stored = self._state.stored, []
        with refusing_state():
            for each in stored:
                if each.step.endswith(ANY_USERS):
                    self._taken_up[ShardState.unpacked(each.state)] = IdentifyLogic(each.state, self._around)
                elif each.step.endswith(ANY_WINDOW):
                    for packed in unpacked_window(each.state):
                        unpack(packed)
                elif each.step.endswith(ANY_SINK):
                    unfinished = each.state
            self._outbox.resume(unfinished)

    def users_logic(self, resume_state: State | Sealed | None) -> IdentifyLogic:
        """Return the users of one shard."""
        if resume_state is None:
            return IdentifyLogic(None, self._around)
        return self._taken_up.pop(ShardState.unpacked(unseal(resume_state)))

    def micro_batch(self, resume_state: tuple[Any, ...] | None) -> MicroBatch:
        """Return the window of one lane."""
        window = self._settings.window
        items: list[Item] = []
        if resume_state is not None:
            items = resume_items(self._ledger, unpacked_window(unseal(resume_state)))
        max_wait = window.max_wait_ms / 1000
        return MicroBatch(items, window.max_events, max_wait, self.pace, self.parts.windows, self.parts.batches)

    def open_sink(self) -> AppsFlyerSink:
        """Open where deliveries and dead letters go, with its threads running. Raises SetupError."""
        delivery = self._settings.delivery
        secrets = {
            each.name: LaneSecrets(
                delivery.endpoint_of(each.key_kind),
                [Secret(key) for key in each.keys],
            )
            for each in self._settings.syncs
        }
        dead_letter_queue = DeadLetterQueue(self._outbox, store_of(self._settings.dead_letters).writer())
        sender = Sender(
            delivery,
            Lanes(delivery, secrets, self._part, self.parts.settings.paused_syncs),
            self._outbox,
            self.parts.tally,
            open_engine(delivery),
            now_ms,
            self._lane_share(),
            self.parts.heartbeat.sender,
        )
        self.parts.ends.sender, self.parts.ends.dead_letter_queue = sender, dead_letter_queue
        while sender.paused != (paused := self.parts.settings.paused_syncs):  # they were read again meanwhile
            sender.pause(paused)
        for sync in sorted(sender.paused):
            log.warning("sync paused by the settings: its events are kept, and none is sent", sync=sync)
        drain = Drain(
            self._outbox,
            sender,
            dead_letter_queue,
            self.shutdown,
            delivery.drain_seconds,
            delivery.timeout_seconds,
            self.parts.heartbeat.worker,
        )
        sink = AppsFlyerSink(self._outbox, drain, self.shutdown, self._snapshot_taken, self._owner.close)
        self.parts.ends.sink = sink
        return sink

    def note_damage(self, damage: object) -> None:
        """Take note of damage in what is read, for the summary."""
        self.parts.damages.append(str(damage))

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
        return self._ledger.room() if self._read_clock.is_open and self._state.disk.has_room() else 0

    def _snapshot_taken(self) -> None:
        source = self.parts.source
        self._state.journal.snapshot_taken(self._ledger.watermarks() if source is None else source.released())
