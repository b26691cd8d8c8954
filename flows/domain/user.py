"""Identify: one user's state. Their devices, the events taken lately, the events that wait.

An event without an AppsFlyer id is held until another event teaches it, or given up after `hold_seconds`. Time is given
to every call; nothing here looks at a clock. There are two times: `now_ms` since the epoch, and for how long the source
was read, which is what held events wait by.
"""

from collections.abc import Sequence
from typing import Final

from flows.domain.decision import Decision, GivenUp, Held, Identified, Unwanted
from flows.domain.decode import decode_again
from flows.domain.event import Event
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.identifiers import APPSFLYER_ID
from flows.domain.identity import Identity
from flows.domain.identity_rules import IdentityRules
from flows.domain.insert_ids import remember
from flows.domain.logins import Inherited
from flows.domain.os_version import read_os_version
from flows.domain.profile import APP_VERSION, OS_VERSION, Profile
from flows.domain.resolve import compacted, identity_of, stated_by, with_app
from flows.domain.select import SyncTarget
from flows.domain.settling import settled_ms
from flows.domain.user_state import STATE_VERSION, UserState

HELD_EVENT_BYTES: Final = 10 << 10
"""What a user's held events may take on average, where as many wait as may: by default 1 MB a user."""


class User:
    """One user (or one device of nobody)."""

    __slots__ = ("_first_seen_ms", "_held", "_held_bytes", "_insert_ids", "_profile", "_rules", "_touched_s")

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules
        self._profile = Profile()
        self._insert_ids = b""
        self._first_seen_ms: dict[str, int] = {}
        self._held: list[Held] = []
        self._held_bytes = 0
        self._touched_s = 0

    def take(
        self,
        event: Event,
        targets: tuple[SyncTarget, ...],
        now_ms: int,
        known: Identity | None = None,
        read_ms: int | None = None,
    ) -> list[Decision]:
        """Learn from an event and decide on it, and on those that waited for what it teaches.

        `known` is what its dead letter remembers of its identity: it stands behind what the event says itself.
        `read_ms` is for how long the source was read; without it that is `now_ms`.
        """
        waits_from_ms = now_ms if read_ms is None else read_ms
        self._touched_s = now_ms // 1000
        self._forget()
        rules = self._rules
        reading = rules.reader.read(event)
        values, malformed, zeroed, once = reading
        stated = stated_by(rules, event, reading.told if once else values)
        if known is not None:
            stated = known.platform if stated is None else stated
            values = {**known.values, **values} if stated == known.platform else values
        if event.os_version is not None and (os_version := read_os_version(event.os_version)) is not None:
            values[OS_VERSION] = os_version
        if event.app_version is not None:
            values[APP_VERSION] = event.app_version
        changed = False
        if stated != "other":
            forgotten = rules.reader.forgotten(event) if event.name == "$identify" else ()
            changed = self._profile.learn(
                stated, event.device_id, event.time_ms, values, forgotten, once, now_s=self._touched_s
            )
        decisions: list[Decision] = []
        if targets:
            platform = self._profile.platform_of(event.device_id) if stated is None else stated
            if platform == "other":
                decisions.append(Unwanted(event, targets, FilterReason.PLATFORM))
            elif platform is None:
                self._wait_for_platform(event, targets, decisions, waits_from_ms)
            else:
                own = Identity(platform, values, malformed, zeroed)
                self._decide(event, targets, own, decisions, now_ms, waits_from_ms)
        if changed and self._held:
            self._release(now_ms, decisions)
        return decisions

    def inherit(self, inherited: Inherited, now_ms: int) -> list[Decision]:
        """Take what a device taught while nobody was logged in, and decide on the events that waited for it."""
        self._touched_s = now_ms // 1000
        decisions: list[Decision] = []
        changed = self._profile.inherit(
            inherited.device_id, inherited.devices, is_second=inherited.is_second, now_s=self._touched_s
        )
        if changed and self._held:
            self._release(now_ms, decisions)
        return decisions

    def warm_up(self, event: Event, targets: tuple[SyncTarget, ...], now_ms: int) -> list[Decision]:
        """Learn from an event that an earlier run brought to its end; `targets` are where it was sent to.

        Returns decisions on events that waited for what it teaches, and none on itself.
        """
        decisions = self.take(event, (), now_ms)
        identity = identity_of(self._rules, self._profile, event) if targets else None
        if identity is None or not any(identity.platform in self._rules.platforms[each.sync] for each in targets):
            return decisions
        if event.insert_id is not None:
            self._was_taken(event.insert_id)
        if APPSFLYER_ID in identity.values:
            self._settled_ms(str(identity.values[APPSFLYER_ID]), event.time_ms, now_ms)
        return decisions

    def expire(self, now_ms: int, read_to_ms: int | None = None) -> list[Decision]:
        """Decide on the held events whose time has come.

        `read_to_ms` is up to when all that the source held has been read; without it that is `now_ms`.
        """
        decisions: list[Decision] = []
        self._release(now_ms, decisions, now_ms if read_to_ms is None else read_to_ms)
        return decisions

    def end(self, now_ms: int) -> list[Decision]:
        """Decide on every held event, because nothing more will come."""
        self._held = [held._replace(until_ms=0) for held in self._held]
        return self.expire(now_ms)

    def shed(self) -> list[Decision]:
        """Let the oldest held event go, because more of all users wait than are held."""
        decisions: list[Decision] = []
        if self._held:
            self._let_go(self._take_oldest(), "{} is known, and more events of all users wait than are held", decisions)
        return decisions

    def due_ms(self, *, settling: bool = False) -> int | None:
        """Return up to when the source is to be heard for `expire` to be called for held events; None if there is none.

        With `settling` it is for those whose install is to be processed, and in ms since the epoch.
        """
        return min((held.until_ms for held in self._held if held.settling is settling), default=None)

    @property
    def forgotten_s(self) -> int:
        """When this user is to be forgotten unless heard of again, in seconds since the epoch."""
        return self._touched_s + self._rules.remember_s

    def is_forgotten(self, now_ms: int) -> bool:
        """Return whether nothing is held and this user was not heard of for as long as users are remembered."""
        return not self._held and now_ms // 1000 >= self.forgotten_s

    @property
    def held(self) -> Sequence[Held]:
        """The events that wait, oldest first."""
        return self._held

    @property
    def held_bytes(self) -> int:
        """The memory that the events that wait take, about."""
        return self._held_bytes

    def missing(self, event: Event) -> DeadLetterReason:
        """Return the reason of the dead letter that an event would be which cannot be sent now."""
        is_known = identity_of(self._rules, self._profile, event) is not None
        return DeadLetterReason.NO_APPSFLYER_ID if is_known else DeadLetterReason.NO_PLATFORM

    def state(self, sync_names: Sequence[str]) -> UserState:
        """Return everything as builtins that no later call changes; syncs by name, for their places may shift."""
        held = tuple([each.stored(sync_names) for each in self._held])
        devices = self._profile.state()
        return UserState(STATE_VERSION, devices, self._insert_ids, dict(self._first_seen_ms), held, self._touched_s)

    def restore(self, state: UserState, held: Sequence[Held]) -> None:
        """Take over what was stored; the held events come decoded."""
        self._profile = Profile(state.devices)
        self._insert_ids = state.insert_ids
        self._first_seen_ms = dict(state.first_seen_ms)
        self._held = [compacted(self._rules, each) for each in held]
        self._held_bytes = sum([each.size_bytes for each in self._held])
        self._touched_s = state.touched_s

    def _decide(
        self,
        event: Event,
        targets: tuple[SyncTarget, ...],
        own: Identity,
        decisions: list[Decision],
        now_ms: int,
        waits_from_ms: int,
    ) -> None:
        platform, values, malformed, zeroed = own
        wanted = with_app(self._rules.platforms, event, targets, platform, decisions)
        if not wanted:
            return
        if event.insert_id is not None and self._was_taken(event.insert_id):
            decisions.append(Unwanted(event, wanted, "duplicate"))
            return
        values = self._profile.resolve(platform, event.device_id, values)
        appsflyer_id = values.get(APPSFLYER_ID)
        if appsflyer_id is None:
            self._hold(Held(event, wanted, waits_from_ms + self._rules.hold_ms, settling=False), decisions)
            return
        if self._rules.settle_ms:
            ready_ms = self._settled_ms(str(appsflyer_id), event.time_ms, now_ms)
            if ready_ms > now_ms:
                self._hold(Held(event, wanted, ready_ms, settling=True), decisions)
                return
        decisions.append(Identified(event, wanted, Identity(platform, values, malformed, zeroed)))

    def _wait_for_platform(
        self, event: Event, targets: tuple[SyncTarget, ...], decisions: list[Decision], waits_from_ms: int
    ) -> None:
        if event.insert_id is not None and self._was_taken(event.insert_id):
            decisions.append(Unwanted(event, targets, "duplicate"))
        else:
            self._hold(Held(event, targets, waits_from_ms + self._rules.hold_ms, settling=False), decisions)

    def _hold(self, held: Held, decisions: list[Decision]) -> None:
        if not held.settling and self._rules.hold_ms == 0:
            decisions.append(self._given_up(held, "{} is known, and events are not held"))
            return
        most = self._rules.hold_events
        room_bytes = most * HELD_EVENT_BYTES - held.size_bytes
        while self._held and (len(self._held) >= most or self._held_bytes > room_bytes):
            self._let_go(self._take_oldest(), "{} is known, and more events of this user wait than are held", decisions)
        self._held.append(compacted(self._rules, held))
        self._held_bytes += held.size_bytes
        decisions.append(held)

    def _take_oldest(self) -> Held:
        held = self._held.pop(0)
        self._held_bytes -= held.size_bytes
        return held

    def _let_go(self, held: Held, error: str, decisions: list[Decision]) -> None:
        identity = identity_of(self._rules, self._profile, held.event, held.told)
        if identity is None or APPSFLYER_ID not in identity.values:
            decisions.append(self._given_up(held, error))
        else:
            self._identify(held, identity, decisions)

    def _identify(self, held: Held, identity: Identity, decisions: list[Decision]) -> None:
        # While it waited its device may have stated another platform, or a restart have taken an app from the sync.
        event = decode_again(held.event)
        wanted = with_app(self._rules.platforms, event, held.targets, identity.platform, decisions)
        if wanted:
            decisions.append(Identified(event, wanted, identity))

    def _given_up(self, held: Held, error: str) -> GivenUp:
        """Give an event up; `{}` in `error` stands for what is not known of it."""
        is_known = identity_of(self._rules, self._profile, held.event, held.told) is not None
        reason = DeadLetterReason.NO_APPSFLYER_ID if is_known else DeadLetterReason.NO_PLATFORM
        absent = "no platform" if reason is DeadLetterReason.NO_PLATFORM else "no AppsFlyer id"
        return GivenUp(held.event, held.targets, error.format(absent), reason)

    def _release(self, now_ms: int, decisions: list[Decision], read_to_ms: int = -1) -> None:
        waiting: list[Held] = []
        for held in self._held:
            due = held.until_ms <= (now_ms if held.settling else read_to_ms)
            identity = (
                None if held.settling and not due else identity_of(self._rules, self._profile, held.event, held.told)
            )
            appsflyer_id = identity.values.get(APPSFLYER_ID) if identity is not None else None
            if identity is not None and appsflyer_id is not None:
                ready_ms = self._settled_ms(str(appsflyer_id), held.event.time_ms, now_ms)
                if due or ready_ms <= now_ms:
                    self._identify(held, identity, decisions)
                else:
                    waiting.append(held._replace(until_ms=ready_ms, settling=True))
            elif due:
                decisions.append(self._given_up(held, "{} was taught by any event in time"))
            else:
                waiting.append(held)
        self._held = waiting
        self._held_bytes = sum([each.size_bytes for each in waiting])

    def _forget(self) -> None:
        """Forget the devices that were not heard of for as long as users are remembered."""
        if self._profile.forget_untouched(self._touched_s - self._rules.remember_s) and self._first_seen_ms:
            known = self._profile.appsflyer_ids()
            self._first_seen_ms = {each: seen_ms for each, seen_ms in self._first_seen_ms.items() if each in known}

    def _settled_ms(self, appsflyer_id: str, time_ms: int, now_ms: int) -> int:
        return settled_ms(self._first_seen_ms, appsflyer_id, time_ms, now_ms, self._rules.settle_ms)

    def _was_taken(self, insert_id: str) -> bool:
        """Return whether an event with this id was taken lately, and remember it if not."""
        insert_ids = remember(self._insert_ids, insert_id, self._rules.remember_insert_ids)
        if insert_ids is None:
            return True
        self._insert_ids = insert_ids
        return False
