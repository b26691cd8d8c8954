"""Reload: SIGHUP reads the settings again, without a restart where that can be, and never with a mistake in them.

Filters, conditions and mappings are exchanged between two batches. What lies deeper, such as which syncs there are,
where the keys are, or anything outside `[[sync]]`, takes a clean restart of the process by itself: what was read is
delivered or kept in the last snapshot, and nothing is lost or sent twice. A file that a start would refuse changes
nothing. Where the state is cannot change while something works on it.

What was read before goes on as it was decided; what a crash makes the stream read again is decided anew.
"""

import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple

import structlog

from flows.domain.fate import DeadLetterReason
from flows.observe.in_force import Reload
from flows.observe.parts import Parts
from flows.operators.sync_plan import SyncPlan
from flows.runtime.restart import obstacles_here, topics_missing
from flows.settings import SettingsError, load
from flows.settings.model import Settings, SyncSettings

log = structlog.get_logger()

_HANDED_OVER: Final = "STREAM_RELOADED"
"""The environment variable by which a restarted process knows why it was."""


_UNUSED: Final = ("pull", "erasure")
"""Tables that other commands alone read."""


class How(StrEnum):
    """What a change takes."""

    NOTHING = "nothing"
    IN_PLACE = "in place"
    RESTART = "restart"
    BY_HAND = "by hand"
    """The process cannot do it by itself."""


class Change(NamedTuple):
    """What is different, in words, and what it takes."""

    how: How
    what: str


def weigh(old: Settings, new: Settings) -> Change:
    """Compare two settings. Pure."""
    if new == old:
        return Change(How.NOTHING, "nothing is different")
    if new.state != old.state:
        return Change(How.BY_HAND, "[state] is different, which the running process was started with")
    tables = [f"[{each.name}]" for each in fields(Settings) if each.name not in ("path", "syncs", *_UNUSED)]
    different = [name for name in tables if getattr(new, name[1:-1]) != getattr(old, name[1:-1])]
    if different:
        return Change(How.RESTART, f"{', '.join(different)} {'is' if len(different) == 1 else 'are'} different")
    before, after = _enabled(old), _enabled(new)
    if [each.name for each in before] != [each.name for each in after]:
        return Change(How.RESTART, "which syncs are enabled, or their order, is different")
    if [_fixed(each) for each in before] != [_fixed(each) for each in after]:
        return Change(How.RESTART, "an app id or the place of a key is different")
    pauses = [
        f"{each.name} {'is paused' if each.paused else 'sends again'}"
        for each, earlier in zip(after, before, strict=True)
        if each.paused != earlier.paused
    ]
    names = [each.name for each, earlier in zip(after, before, strict=True) if each.sync != earlier.sync]
    changes = [*pauses, *([f"filters or mappings of {', '.join(names)}"] if names else [])]
    changes += [
        f"[{name}], which the stream does not use" for name in _UNUSED if getattr(new, name) != getattr(old, name)
    ]
    return Change(How.IN_PLACE, "; ".join(changes) or "syncs that are not enabled")


def _enabled(settings: Settings) -> list[SyncSettings]:
    return [each for each in settings.syncs if each.enabled]


def _fixed(each: SyncSettings) -> tuple[Any, ...]:
    """Return what the sender's lanes and the users' states are made with."""
    return each.sync.ios_app_id, each.sync.android_app_id, each.key_kind, each.keys


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why nothing is changed."""

    said: str
    problems: list[str]


class Reloader:
    """Reads the settings again, in a thread of its own, each time that it is asked to."""

    def __init__(self, parts: Parts, compiled: SyncPlan, path: Path, *, has_recovery: bool) -> None:
        self._parts = parts
        self._compiled = compiled
        self._path = path
        self._has_recovery = has_recovery
        self._part = parts.part
        # Its `put` may interrupt itself, as nothing else that threads wait for: a signal's handler may call it.
        self._wishes: SimpleQueue[None] = SimpleQueue()
        parts.in_force.reload = handed_over()
        self.health_port = 0
        """Where this process serves its health; 0 is nowhere."""

    def start(self) -> None:
        """Begin to wait for wishes."""
        Thread(target=self._run, name="reload", daemon=True).start()

    def ask(self) -> None:
        """Wish for a reload. Returns at once; a signal's handler may call it."""
        self._wishes.put(None)

    def reload(self) -> None:
        """Read the settings again, and do what the difference takes."""
        if self._parts.shutdown.input_is_over:
            self._note("the stream is stopping", ok=False)
            return
        new = self._read()
        if isinstance(new, _Refused):
            self._refuse(new)
            return
        old = self._parts.in_force.settings
        change = weigh(old, new)
        if change.how is How.RESTART:
            self._restart(old, new, change)
        elif change.how is How.BY_HAND:
            self._refuse(_Refused(change.what, [f"{change.what}; stop the stream and start it again"]))
        else:
            self._compiled.use(new)
            self._parts.in_force.take(new)
            if self._parts.sender is not None:
                self._parts.sender.pause(new.paused_syncs)
            self._note(f"in force: {change.what}")
            log.info("settings read again", changed=change.what)

    def _run(self) -> None:
        while True:
            self._wishes.get()
            while not self._wishes.empty():  # one reading answers all wishes that came before it
                self._wishes.get()
            try:
                self.reload()
            except Exception as problem:  # the stream goes on as it was
                log.exception("the settings could not be read again; nothing is changed")
                self._note(f"failed, nothing is changed: {type(problem).__name__}", ok=False)

    def _read(self) -> Settings | _Refused:
        try:
            return load(self._path)
        except SettingsError as error:
            keys = [each.key or "the file as a whole" for each in error.problems]
            said = f"{len(keys)} {'mistake' if len(keys) == 1 else 'mistakes'}: {', '.join(keys)}"
            return _Refused(said, [str(each) for each in error.problems])

    def _restart(self, old: Settings, new: Settings, change: Change) -> None:
        problems = self.obstacles(new) or topics_missing(old, new, self._part)
        if problems:
            self._refuse(_Refused(f"a restart with it would fail ({change.what})", problems))
            return
        left = self.left_behind(new)
        become = "".join(f"; {events:,} events of {sync} become sync_disabled" for sync, events in left.items())
        self._note(f"restarted with it: {change.what}{become}")
        for sync, events in left.items():
            log.warning(
                "events wait for a sync that the new settings leave out; they become dead letters",
                sync=sync,
                events=events,
                reason=DeadLetterReason.SYNC_DISABLED.value,
                do="to send them all the same: enable the sync under this name, and replay them",
            )
        log.warning("settings read again; restarting by itself with them", because=change.what)
        self._parts.shutdown.request(restart=True)

    def obstacles(self, new: Settings) -> list[str]:
        """Return why a restart with the new settings would be refused, apart from what only Kafka can tell."""
        return obstacles_here(new, self._part, self.health_port, has_recovery=self._has_recovery)

    def left_behind(self, new: Settings) -> dict[str, int]:
        """Return sync → how many events wait for it now, of those that the new settings do not enable."""
        ledger, stay = self._parts.ledger, {each.name for each in new.enabled_syncs}
        gone = {name: ledger.pending(place) for place, name in enumerate(ledger.sync_names) if name not in stay}
        return {name: events for name, events in gone.items() if events}

    def _refuse(self, refused: _Refused) -> None:
        self._note(f"not taken, nothing is changed: {refused.said}", ok=False)
        log.error("settings not taken; the stream goes on with those that it has", problems=refused.problems)

    def _note(self, result: str, *, ok: bool = True) -> None:
        self._parts.in_force.reload = Reload(datetime.now(UTC), result, ok)


def hand_over(reload: Reload | None) -> None:
    """Let the program that this process becomes know of the last reload."""
    if reload is not None:
        os.environ[_HANDED_OVER] = f"{reload.at.isoformat()} {int(reload.ok)} {reload.result}"


def handed_over() -> Reload | None:
    """Return the last reload before this process restarted itself; None if it did not."""
    parts = os.environ.pop(_HANDED_OVER, "").split(" ", 2)
    try:
        return Reload(datetime.fromisoformat(parts[0]), parts[2], parts[1] == "1")
    except (ValueError, IndexError):
        return None
