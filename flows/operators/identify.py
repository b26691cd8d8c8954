"""Identify, in Bytewax: the users of one shard, whose events are decided on one after another."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from bytewax.operators import StatefulBatchLogic

from connectors.limited_log import LimitedLog
from connectors.read_clock import ReadClock
from connectors.shutdown import Shutdown
from connectors.state.seal import Sealed, seal, unseal
from connectors.state.step_states import ShardState, State
from flows.domain.decision import Decision, GivenUp, Identified, Unwanted
from flows.domain.event import Event
from flows.domain.fate import DeadLetter, Stage
from flows.domain.identity import Identity, as_text
from flows.domain.identity_rules import IdentityRules
from flows.domain.kept_properties import NO_PROPERTIES
from flows.domain.ledger import Ledger
from flows.domain.logins import Inherited, Logins
from flows.domain.punctuation import Punctuation
from flows.domain.select import SyncTarget, Undecided
from flows.domain.user import User
from flows.domain.warm_up import WarmUpEvent
from flows.operators.user_store import SHARDS, Users, shard_of

_log = LimitedLog()

SelectedEvent = tuple[Event, tuple[SyncTarget, ...], Identity | Undecided | None]
"""(event, its targets, what a dead letter remembers of its identity, or which syncs go by its user's properties)"""
Keyed = tuple[str, SelectedEvent | WarmUpEvent | Inherited | Punctuation]
"""(user key, what is known of an event, or of a device that the user is the first or second on); or (shard, a mark)"""
_OTHERS: Final = (WarmUpEvent, Inherited, Punctuation)
"""What is no event of the stream: asked for at once, because hardly anything is."""
IdentifyOutput = Identified | DeadLetter


def in_shard(key: str, value: SelectedEvent | WarmUpEvent | Inherited) -> tuple[str, Keyed]:
    """Return a user's event as the step takes it."""
    return shard_of(key), (key, value)


def to_every_shard(mark: Punctuation) -> list[tuple[str, Keyed]]:
    """Return a mark as the step takes it: behind all that its worker has sent to each shard."""
    return [(str(each), (str(each), mark)) for each in range(SHARDS)]


class ShardContext(NamedTuple):
    """What all shards of a process share."""

    rules: IdentityRules
    ledger: Ledger
    shutdown: Shutdown
    now_ms: Callable[[], int]
    directory: Path | None
    """Below it are the users' logs; None where no start takes them up again."""
    shards: list[Users]
    """Every shard's users, for those who count them."""
    logins: Logins | None = None
    """Who was first on which device; None where nobody asks."""
    state: str = ""
    """The id of the state directory."""
    read_clock: ReadClock = ReadClock(0)
    """For how long the source was read; where no marks come, nothing is given up before the end."""


class IdentifyLogic(StatefulBatchLogic[Keyed, IdentifyOutput, Sealed]):
    """Feeds events to their users' state, and its decisions to the ledger or onwards."""

    def __init__(self, stored: State | Sealed | None, around: ShardContext) -> None:
        """Take up a shard's users. Raises UserLogError, ValueError, OSError."""
        self._around = around
        self._shard = ""
        self._users = Users(around.rules, around.ledger, None)
        self._read_before_ms = 0
        """For how long the source was read before this start."""
        self._read_to_ms_of: dict[int, int] = {}
        """Worker → up to when all that the source held has come from it."""
        self._read_to_ms = -1
        """Up to when all has come from every worker, in ms of reading; -1 before that is known."""
        resume_state = unseal(stored)
        if resume_state is not None:
            self._begin(ShardState.unpacked(resume_state))

    def on_batch(self, values: list[Keyed]) -> tuple[list[IdentifyOutput], bool]:
        """Learn from the events, and decide on them; forget users who were not heard of for long."""
        if not self._shard:
            key, first = values[0]
            self._begin(ShardState(key if isinstance(first, Punctuation) else shard_of(key), 0))
        now_ms = self._around.now_ms()
        read_ms = self._read_before_ms + self._around.read_clock.now_ms()
        users = self._users
        keeps = bool(self._around.rules.keep.names)
        behind = NO_PROPERTIES
        outgoing = self._disabled(now_ms)
        for key, value in values:
            if not isinstance(value, _OTHERS):
                event, targets, known = value
                user = users.of(key, event.position.partition, now_ms)
                before, before_bytes = len(user.held.events), user.held.size_bytes
                if keeps:
                    behind = user.keep(event)
                if known is not None and isinstance(known, Undecided):
                    targets += self._select(event, known, behind)
                    known = None
                decisions = user.take(event, targets, now_ms, known, read_ms, behind)
            elif isinstance(value, WarmUpEvent):
                event, targets, undecided = value
                user = users.of(key, event.position.partition, now_ms)
                before, before_bytes = len(user.held.events), user.held.size_bytes
                behind = user.keep(event) if keeps else NO_PROPERTIES
                if undecided is not None:
                    targets += undecided.select(event, behind).targets
                decisions = user.warm_up(event, targets, now_ms)
            elif isinstance(value, Inherited):
                user = users.of(key, value.partition, now_ms)
                before, before_bytes = len(user.held.events), user.held.size_bytes
                decisions = user.inherit(value, now_ms)
            else:
                self._advance(value)
                continue
            if decisions:
                self._route(decisions, now_ms, outgoing)
            if before or user.held.events:
                self._held(key, user, before, before_bytes)
        self._expire(now_ms, outgoing)
        if self._around.ledger.held_bytes > self._around.rules.hold_bytes:
            self._shed(now_ms, outgoing)
        users.forget(now_ms)
        return outgoing, StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[list[IdentifyOutput], bool]:
        """Decide on the held events that are due."""
        now_ms = self._around.now_ms()
        outgoing = self._disabled(now_ms)
        self._expire(now_ms, outgoing)
        return outgoing, StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[IdentifyOutput], bool]:
        """Decide on all that is held where the input has ended; at a stop it stays held."""
        now_ms = self._around.now_ms()
        outgoing = self._disabled(now_ms)
        if self._around.shutdown.requested:
            return outgoing, StatefulBatchLogic.RETAIN
        for key, user in self._users.with_held():
            before, before_bytes = len(user.held.events), user.held.size_bytes
            self._route(user.end(now_ms), now_ms, outgoing)
            self._held(key, user, before, before_bytes)
        return outgoing, StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """Return when one is due by the wall clock; at once where one was held for a sync that is not enabled."""
        if self._users.disabled:
            return datetime.fromtimestamp(0, UTC)
        due_ms = self._users.due_ms()
        return None if due_ms is None else datetime.fromtimestamp(due_ms / 1000, UTC)

    def snapshot(self) -> Sealed:
        """Store what has changed, and return what a start needs to find it."""
        read_ms = self._read_before_ms + self._around.read_clock.read_ms
        return seal(ShardState(self._shard, self._users.snapshot(self._around.now_ms()), read_ms).packed())

    def _begin(self, state: ShardState) -> None:
        around = self._around
        directory = around.directory
        self._shard, generation, read_ms = state
        place = directory / self._shard if directory is not None else None
        self._users = Users(around.rules, around.ledger, place, around.logins, around.state)
        around.shards.append(self._users)
        self._users.resume(generation, around.now_ms(), read_ms)
        self._read_before_ms = read_ms - around.read_clock.read_ms

    def _select(self, event: Event, undecided: Undecided, behind: Mapping[str, Any]) -> tuple[SyncTarget, ...]:
        """Return the targets among the syncs that go by the user's properties; for the others the event ends here."""
        targets, filtered, _ = undecided.select(event, behind)
        ledger = self._around.ledger
        for sync, reason in filtered:
            ledger.filtered(event.position, sync, reason)
        for target in targets:
            if target.copy:
                ledger.open_copy(event.position, target.sync, target.copy)
        return targets

    def _advance(self, mark: Punctuation) -> None:
        """Note up to when all has come from a worker: a mark is behind all that it has read before."""
        self._read_to_ms_of[mark.worker] = mark.read_to_ms
        read_to_ms = min((self._read_to_ms_of.get(each, -1) for each in self._around.read_clock.workers), default=-1)
        self._read_to_ms = self._read_before_ms + read_to_ms if read_to_ms >= 0 else -1
        self._around.read_clock.loaded(self._shard)

    def _expire(self, now_ms: int, outgoing: list[IdentifyOutput]) -> None:
        """Decide on the held events that are due, by the wall clock or by what has come from every worker."""
        read_to_ms = self._read_to_ms
        for key, user in self._users.due(now_ms, read_to_ms):
            before, before_bytes = len(user.held.events), user.held.size_bytes
            self._route(user.expire(now_ms, read_to_ms), now_ms, outgoing)
            self._held(key, user, before, before_bytes)

    def _disabled(self, now_ms: int) -> list[IdentifyOutput]:
        """Return the dead letters of what was held for syncs that are not enabled any more; a snapshot lacks it."""
        outgoing: list[IdentifyOutput] = []
        if self._users.disabled:
            decisions: list[Decision] = [*self._users.disabled]
            self._users.disabled.clear()
            self._route(decisions, now_ms, outgoing)
        return outgoing

    def _shed(self, now_ms: int, outgoing: list[IdentifyOutput]) -> None:
        """Give up those of this shard that are due soonest, until no more is held in all shards than may be."""
        ledger, most_bytes = self._around.ledger, self._around.rules.hold_bytes
        given_up = 0
        while ledger.held_bytes > most_bytes and (found := self._users.soonest()):
            for key, user in found:
                before, before_bytes = len(user.held.events), user.held.size_bytes
                if ledger.held_bytes > most_bytes:
                    decisions = user.shed()
                    given_up += sum(isinstance(each, GivenUp) for each in decisions)
                    self._route(decisions, now_ms, outgoing)
                self._held(key, user, before, before_bytes)
        if given_up:
            _log.say(
                logging.WARNING,
                "more events wait for an identifier than are held; those that wait longest are given up",
                events=given_up,
                do="raise identity.hold_megabytes, or lower identity.hold_seconds; the dead letters can be replayed",
            )

    def _held(self, key: str, user: User, before: int, before_bytes: int) -> None:
        """Count what more or less is held of a user, and see to it that it is decided on in time."""
        change, change_bytes = len(user.held.events) - before, user.held.size_bytes - before_bytes
        if change or change_bytes:
            self._around.ledger.held(change, change_bytes)
        self._users.has_held(key, user)

    def _route(self, decisions: list[Decision], now_ms: int, outgoing: list[IdentifyOutput]) -> None:
        for decision in decisions:
            if isinstance(decision, Identified):
                outgoing.append(decision)
            elif isinstance(decision, Unwanted):
                self._close(decision)
            elif isinstance(decision, GivenUp):
                outgoing.extend(given_up(decision, self._around.ledger.sync_names, now_ms))

    def _close(self, unwanted: Unwanted) -> None:
        position = unwanted.event.position
        ledger = self._around.ledger
        for target in unwanted.targets:
            if unwanted.reason == "duplicate":
                ledger.duplicate(position, target.sync, target.copy)
            else:
                ledger.filtered(position, target.sync, unwanted.reason, target.copy)


def given_up(decision: GivenUp, sync_names: tuple[str, ...], now_ms: int) -> list[DeadLetter]:
    """Return the dead letters of an event, one for each of its targets."""
    event = decision.event
    return [
        DeadLetter(
            reason=decision.reason,
            stage=Stage.IDENTIFY,
            sync=sync_names[target.sync],
            copy=target.copy,
            send_as=target.send_as,
            error=decision.error,
            value=event.raw,
            key=event.key,
            position=event.position,
            first_seen_ms=event.received_ms,
            failed_at_ms=now_ms,
            identity=as_text(decision.remembered) if decision.remembered is not None else None,
            replays=target.replays,
        )
        for target in decision.targets
    ]
