"""Identify: one user's state. Their devices, the events taken lately, the events that wait.

An event without an AppsFlyer id is held until another event teaches it, or given up after `hold_seconds`. Time is given
to every call; nothing here looks at a clock. There are two times: `now_ms` since the epoch, and for how long the source
was read, which is what held events wait by.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.domain.decision import Decision, GivenUp, Held, Identified, Unwanted
from flows.domain.decode import decode_again
from flows.domain.event import Event
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.held_events import HeldEvents
from flows.domain.identifiers import APPSFLYER_ID
from flows.domain.identity import Identity
from flows.domain.identity_rules import IdentityRules
from flows.domain.insert_ids import is_known, remember
from flows.domain.kept_properties import NO_PROPERTIES, NOTHING_KEPT, Kept, completed, learn, merge_kept, stands_behind
from flows.domain.logins import Inherited
from flows.domain.profile import Profile
from flows.domain.resolve import add_versions, compacted, identity_of, missing_of, stated_by, with_app
from flows.domain.select import RESERVED, SyncTarget
from flows.domain.settling import settled_ms
from flows.domain.user_state import UserState, version_of


class User:
    """One user (or one device of nobody)."""

    __slots__ = ("_first_seen_ms", "_insert_ids", "_profile", "_rules", "_touched_s", "held", "properties")

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules
        self._profile = Profile()
        self._insert_ids = b""
        self._first_seen_ms: dict[str, int] = {}
        self.held = HeldEvents()
        """The events that wait."""
        self._touched_s = 0
        self.properties: Kept = NOTHING_KEPT

    def keep(self, event: Event) -> Mapping[str, Any]:
        """Learn the user properties of an event, before `take`; return those that stand behind the event then.

        A copy of an event that was taken lately teaches nothing: what it added or appended would count twice.
        """
        learned = learn(self.properties, event, self._rules.keep.names)
        insert_id = event.insert_id
        if learned is not self.properties and (insert_id is None or not is_known(self._insert_ids, insert_id)):
            self.properties = learned
            if insert_id is not None and event.name in RESERVED:  # another is remembered when it is decided on
                self._was_taken(insert_id)
        return stands_behind(self.properties, event)

    def take(
        self,
        event: Event,
        targets: tuple[SyncTarget, ...],
        now_ms: int,
        known: Identity | None = None,
        read_ms: int | None = None,
        properties: Mapping[str, Any] = NO_PROPERTIES,
    ) -> list[Decision]:
        """Learn from an event and decide on it, and on those that waited for what it teaches.

        `known` is what its dead letter remembers of its identity: it stands behind what the event says itself.
        `read_ms` is for how long the source was read; without it that is `now_ms`. `properties` stand behind the event.
        """
        rules = self._rules
        until_ms = (now_ms if read_ms is None else read_ms) + rules.hold_ms
        self._touched_s = now_ms // 1000
        self._forget()
        reading = rules.reader.read(event)
        values, malformed, zeroed, once = reading
        stated = stated_by(rules, event, reading.told if once else values)
        if known is not None:
            stated = known.platform if stated is None else stated
            values = {**known.values, **values} if stated == known.platform else values
            properties = {**properties, **known.properties}
        add_versions(event, values)
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
                if event.insert_id is not None and self._was_taken(event.insert_id):
                    decisions.append(Unwanted(event, targets, "duplicate"))
                else:
                    self._hold(Held(event, targets, until_ms, settling=False, properties=properties), decisions)
            else:
                own = Identity(platform, values, malformed, zeroed, properties)
                self._decide(event, targets, own, decisions, now_ms, until_ms)
        if changed and self.held:
            self._release(now_ms, decisions)
        return decisions

    def inherit(self, inherited: Inherited, now_ms: int) -> list[Decision]:
        """Take what a device taught while nobody was logged in, and decide on the events that waited for it."""
        self._touched_s = now_ms // 1000
        decisions: list[Decision] = []
        if inherited.properties:
            self.properties = merge_kept(self.properties, inherited.properties)
        if inherited.event is not None:
            self.keep(inherited.event)
        changed = self._profile.inherit(
            inherited.device_id, inherited.devices, is_second=inherited.is_second, now_s=self._touched_s
        )
        if changed and self.held:
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
        self.held = HeldEvents([held._replace(until_ms=0) for held in self.held.events])
        return self.expire(now_ms)

    def shed(self) -> list[Decision]:
        """Let the oldest held event go, because more of all users wait than are held."""
        decisions: list[Decision] = []
        if self.held:
            oldest = self.held.pop_oldest()
            self._let_go(oldest, "{} is known, and more events of all users wait than are held", decisions)
        return decisions

    def due_ms(self, *, settling: bool = False) -> int | None:
        """Return up to when the source is to be read for `expire` to be called for held events; None if there is none.

        With `settling` it is for those whose install is to be processed, and in ms since the epoch.
        """
        return self.held.due_ms(settling=settling)

    @property
    def forgotten_s(self) -> int:
        """When this user is to be forgotten unless heard of again, in seconds since the epoch."""
        return self._touched_s + self._rules.remember_s

    def is_forgotten(self, now_ms: int) -> bool:
        """Return whether nothing is held and this user was not heard of for as long as users are remembered."""
        return not self.held and now_ms // 1000 >= self.forgotten_s

    def missing(self, event: Event) -> DeadLetterReason:
        """Return the reason of the dead letter that an event would be which cannot be sent now."""
        return missing_of(identity_of(self._rules, self._profile, event))

    def state(self, sync_names: Sequence[str]) -> UserState:
        """Return everything as builtins that no later call changes; syncs by name, for their places may shift."""
        held = tuple([each.stored(sync_names) for each in self.held.events])
        devices = self._profile.state()
        kept = self.properties
        version, first_seen_ms = version_of(held, kept), dict(self._first_seen_ms)
        return UserState(version, devices, self._insert_ids, first_seen_ms, held, self._touched_s, kept)

    def restore(self, state: UserState, held: Sequence[Held]) -> None:
        """Take over what was stored; the held events come decoded."""
        self._profile = Profile(state.devices)
        self._insert_ids = state.insert_ids
        self._first_seen_ms = dict(state.first_seen_ms)
        self.held = HeldEvents([compacted(self._rules, each) for each in held])
        self._touched_s = state.touched_s
        self.properties = state.properties

    def _decide(
        self,
        event: Event,
        targets: tuple[SyncTarget, ...],
        own: Identity,
        decisions: list[Decision],
        now_ms: int,
        until_ms: int,
    ) -> None:
        platform, values, malformed, zeroed, properties = own
        wanted = with_app(self._rules.platforms, event, targets, platform, decisions)
        if not wanted:
            return
        if event.insert_id is not None and self._was_taken(event.insert_id):
            decisions.append(Unwanted(event, wanted, "duplicate"))
            return
        values = self._profile.resolve(platform, event.device_id, values)
        appsflyer_id = values.get(APPSFLYER_ID)
        if appsflyer_id is None:
            self._hold(Held(event, wanted, until_ms, settling=False, properties=properties), decisions)
            return
        if self._rules.settle_ms:
            ready_ms = self._settled_ms(str(appsflyer_id), event.time_ms, now_ms)
            if ready_ms > now_ms:
                self._hold(Held(event, wanted, ready_ms, settling=True, properties=properties), decisions)
                return
        identity = Identity(platform, values, malformed, zeroed, properties)
        decisions.append(Identified(completed(event, properties) if properties else event, wanted, identity))

    def _hold(self, held: Held, decisions: list[Decision]) -> None:
        if not held.settling and self._rules.hold_ms == 0:
            decisions.append(self._given_up(held, "{} is known, and events are not held"))
            return
        while not self.held.has_room(held, self._rules.hold_events):
            oldest = self.held.pop_oldest()
            self._let_go(oldest, "{} is known, and more events of this user wait than are held", decisions)
        self.held.add(compacted(self._rules, held))
        decisions.append(held)

    def _let_go(self, held: Held, error: str, decisions: list[Decision]) -> None:
        identity = identity_of(self._rules, self._profile, held.event, held.told)
        if identity is None or APPSFLYER_ID not in identity.values:
            decisions.append(self._given_up(held, error))
        else:
            self._identify(held, identity, decisions)

    def _identify(self, held: Held, identity: Identity, decisions: list[Decision]) -> None:
        # While it waited its device may have stated another platform, or a restart have taken an app from the sync.
        event = completed(decode_again(held.event), held.properties)
        wanted = with_app(self._rules.platforms, event, held.targets, identity.platform, decisions)
        if wanted:
            decisions.append(Identified(event, wanted, identity._replace(properties=held.properties)))

    def _given_up(self, held: Held, error: str) -> GivenUp:
        """Give an event up; `{}` in `error` stands for what is not known of it."""
        identity = identity_of(self._rules, self._profile, held.event, held.told)
        reason, properties = missing_of(identity), held.properties
        absent = "no platform" if reason is DeadLetterReason.NO_PLATFORM else "no AppsFlyer id"
        remembered = Identity(identity.platform, {}, properties=properties) if identity and properties else None
        return GivenUp(held.event, held.targets, error.format(absent), reason, remembered)

    def _release(self, now_ms: int, decisions: list[Decision], read_to_ms: int = -1) -> None:
        waiting: list[Held] = []
        for held in self.held.events:
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
        self.held = HeldEvents(waiting)

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
