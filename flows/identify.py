"""Identify, in Bytewax: one `User` per key, kept in the recovery store; at rest between snapshots: see `rest.py`."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bytewax.operators import StatefulBatchLogic

from connectors.ledger.ledger import Ledger
from connectors.limited_log import LimitedLog
from connectors.stopping import Stopping
from flows.forgetting import Forgetting
from flows.steps.decision import Decision, GivenUp, Held, Identified, Unwanted
from flows.steps.decode import Refused, decode
from flows.steps.event import Event, Position, Record
from flows.steps.identity import Identity
from flows.steps.outcome import DeadLetter, Stage
from flows.steps.rest import pack, unpack
from flows.steps.select import Target
from flows.steps.user import STATE_VERSION, Rules, User, UserState
from flows.steps.warm_up import Lesson

_limited = LimitedLog()

Selected = tuple[Event, tuple[Target, ...], Identity | None]
"""(event, its targets, what a dead letter remembers of its identity)"""
Outgoing = Identified | DeadLetter


class Around(NamedTuple):
    """What all users of a process share."""

    rules: Rules
    ledger: Ledger
    stopping: Stopping
    now_ms: Callable[[], int]
    forgetting: Forgetting


class UserLogic(StatefulBatchLogic[Selected | Lesson | None, Outgoing, tuple[Any, ...]]):
    """Feeds a user's events to their state, and its decisions to the ledger or onwards.

    A value of None among the events is a reminder that it may be time to forget the user: see `forgetting.py`.
    """

    __slots__ = ("_around", "_key", "_partition", "_resting", "_user")

    def __init__(self, resume_state: tuple[Any, ...] | None, around: Around) -> None:
        self._around = around
        self._user: User | None = None
        """The user, while awake: from an event to the next snapshot, and for as long as events are held."""
        self._resting = b""
        """The user's state while at rest."""
        self._key = ""
        self._partition: int | None = None
        if resume_state is not None:
            self._resume(resume_state)

    def on_batch(self, values: list[Selected | Lesson | None]) -> tuple[list[Outgoing], bool]:
        """Learn from the events, and decide on them; forget a user who was not heard of for long."""
        now_ms = self._around.now_ms()
        user = self._awake()
        before = len(user.held)
        outgoing: list[Outgoing] = []
        is_reminded = False
        for value in values:
            if value is None:
                is_reminded = True
                continue
            if isinstance(value, Lesson):
                event = value.event
                decisions = user.recollect(event, value.targets, now_ms)
            else:
                event, targets, known = value
                decisions = user.take(event, targets, now_ms, known)
            if decisions:
                self._route(decisions, now_ms, outgoing)
            if not self._key:
                self._key = event.user_key
                self._partition = event.position.partition
                self._list(user.forgotten_s, now_ms)
        self._ledger_held(user, before)
        if is_reminded:
            if user.is_forgotten(now_ms):
                return outgoing, StatefulBatchLogic.DISCARD
            self._list(user.forgotten_s, now_ms)
        return outgoing, StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[list[Outgoing], bool]:
        """Decide on the held events that are due."""
        now_ms = self._around.now_ms()
        user = self._awake()
        before = len(user.held)
        outgoing: list[Outgoing] = []
        self._route(user.expire(now_ms), now_ms, outgoing)
        self._ledger_held(user, before)
        return outgoing, StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Outgoing], bool]:
        """Decide on all that is held where the input has ended; at a stop it stays held."""
        user = self._user
        if user is None or self._around.stopping.requested:
            return [], StatefulBatchLogic.RETAIN
        now_ms = self._around.now_ms()
        before = len(user.held)
        outgoing: list[Outgoing] = []
        self._route(user.end(now_ms), now_ms, outgoing)
        self._ledger_held(user, before)
        return outgoing, StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """Return when a held event is due."""
        due_ms = self._user.due_ms() if self._user is not None else None
        return None if due_ms is None else datetime.fromtimestamp(due_ms / 1000, UTC)

    def snapshot(self) -> tuple[Any, ...]:
        """Return the user's state as builtins; without held events the user is at rest from then on."""
        user = self._user
        if user is None:
            return (*unpack(self._resting), self._key, self._partition)
        state = user.state(self._around.ledger.sync_names)
        if not user.held:
            self._resting, self._user = pack(state), None
        return (*state, self._key, self._partition)

    def _awake(self) -> User:
        """Return the user, who was at rest or is new."""
        user = self._user
        if user is None:
            user = self._user = User(self._around.rules)
            if self._resting:
                user.restore(unpack(self._resting), ())
                self._resting = b""
        return user

    def _list(self, forgotten_s: int, now_ms: int) -> None:
        """Ask for a reminder, for when this user may be forgotten."""
        self._around.forgetting.note(self._key, max(forgotten_s, now_ms // 1000))

    def _ledger_held(self, user: User, before: int) -> None:
        change = len(user.held) - before
        if change:
            self._around.ledger.held(change)

    def _route(self, decisions: list[Decision], now_ms: int, outgoing: list[Outgoing]) -> None:
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

    def _resume(self, stored: tuple[Any, ...]) -> None:
        if stored[0] != STATE_VERSION:
            raise ValueError(
                f"the recovery store holds users of version {stored[0]}; this is version {STATE_VERSION}: "
                "start with a new state directory, from the group's committed offsets"
            )
        state = UserState(*stored[: len(UserState._fields)])
        # What was added to the state: the user's key, and the partition that they were first heard of in.
        added = stored[len(UserState._fields) :]
        self._key = added[0] if added else ""
        self._partition = added[1] if len(added) > 1 else None
        around = self._around
        if self._key:
            self._list(state.touched_s + around.rules.remember_s, around.now_ms())
        held = [each for packed in state.held if (each := _unpack_held(packed, around.ledger)) is not None]
        if not held:
            self._resting = pack(state)
            return
        self._awake().restore(state, held)
        for each in held:
            for target in each.targets:
                around.ledger.resume(each.event.position, target.sync, target.copy)
        around.ledger.held(len(held))


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
            replays=target.replays,
        )
        for target in decision.targets
    ]


def _unpack_held(packed: tuple[Any, ...], ledger: Ledger) -> Held | None:
    """Return a held event as it was; only its bytes are stored, so it is decoded again."""
    raw, key, received_ms, place, targets, until_ms, settling = packed
    position = Position(*place)
    event = decode(Record(raw, key, position.source, position.partition, position.offset, received_ms))[0]
    names = ledger.sync_names
    known = tuple(Target(names.index(sync), copy, send_as) for sync, copy, send_as in targets if sync in names)
    if not known:
        _limited.say(
            logging.WARNING, "a held event was for syncs that are not enabled any more", position=str(position)
        )
        return None
    if isinstance(event, Refused):  # dropping it would leave it without an outcome
        raise ValueError(  # noqa: TRY004 - it is the stored value that is wrong, not a type
            f"the recovery store holds an event ({position}) that this version cannot read: {event.error}; "
            "go on with the version that wrote it, or start with a new state directory"
        )
    return Held(event._replace(position=position), known, until_ms, settling)
