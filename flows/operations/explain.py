"""Explain: what would happen to each event, with the exact request. Pure: needs no secret and no network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import orjson

from connectors.appsflyer.request import TooLarge, compile_translate
from flows.domain.decision import Decision, GivenUp, Held, Identified, Unwanted
from flows.domain.decode import Refused, decode, decode_again
from flows.domain.event import Event, Record
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.kept_properties import NO_PROPERTIES
from flows.domain.personal import looks_personal, personal_properties
from flows.domain.select import RESERVED, SyncTarget, compile_select
from flows.domain.user import User
from flows.domain.user_state import UserState
from flows.domain.warning import EventWarning, RequestWarning
from flows.operators.identity_rules import identity_rules, logins_of
from flows.settings.model import Settings

STDIN = "stdin"


_ABSENT: Final = (0, None)


class Seen(NamedTuple):
    """What an event has to do with the properties that are kept of its user."""

    kept: Mapping[str, Any]
    """Those that stood behind it: filters and mappings saw them beside its own."""
    taught: Mapping[str, Any]
    """Those that it changed; None is one that it took away."""


NOTHING_SEEN: Final = Seen({}, {})


@dataclass(frozen=True, slots=True)
class Explained:
    """The fate of one event for one sync."""

    line: int
    sync: str | None
    outcome: str
    """`would_deliver`, `filtered`, `duplicate`, `dead_lettered` or `held`."""
    reason: str | None = None
    notes: Sequence[RequestWarning] = ()
    request: dict[str, Any] | None = None
    released_by: int | None = None
    """The later line that taught what a held event waited for."""
    event: Event | None = field(default=None, compare=False)
    error: str | None = None
    """Why it was given up, in words."""
    file: str | None = None
    """The file that the line is in; None is stdin."""
    seen: Seen = NOTHING_SEEN
    personal: tuple[str, ...] = ()
    """What would leave although it looks like a person's e-mail address or telephone number; never a value."""

    def as_json(self) -> dict[str, Any]:
        """Return the line that is printed."""
        content: dict[str, Any] = {
            "line": self.line,
            "sync": self.sync,
            "outcome": self.outcome,
            "reason": self.reason,
            "warnings": [
                *(str(note) for note in self.notes),
                *([personal_warning(self.personal)] if self.personal else []),
            ],
            "request": self.request,
        }
        if self.error is not None:
            content["error"] = self.error
        if self.file is not None:
            content["file"] = self.file
        if self.released_by is not None:
            content["released_by"] = self.released_by
        if self.seen.kept:
            content["kept_properties"] = dict(self.seen.kept)
        if self.seen.taught:
            content["taught_properties"] = dict(self.seen.taught)
        return content


class Explainer:
    """Follows events line by line; identities are learned from line to line, as in the stream."""

    def __init__(self, settings: Settings, remembered: Callable[[str], UserState | None] | None = None) -> None:
        """Begin with nobody known, or with those whom `remembered` finds by their key."""
        self._remembered = remembered
        self._syncs = settings.enabled_syncs
        self._select = compile_select(self._syncs, keeps=True)
        self._translates = [compile_translate(sync, settings.delivery.max_body_bytes) for sync in self._syncs]
        self._users: dict[str, User] = {}
        delivery = settings.delivery
        self._base_urls = [delivery.endpoint_of(each.key_kind) for each in settings.syncs if each.enabled]
        self._rules = identity_rules(settings)
        self._earliest_ms = 0
        self.logins = logins_of(self._rules)

    def explain(self, line: int, value: bytes, now_ms: int, file: str | None = None) -> Iterator[Explained]:
        """Yield what becomes of a line's events, and of held ones that it releases; `file` is None for stdin."""
        for explained in self._explain(line, value, now_ms, file):
            source = file if explained.event is None else explained.event.position.source
            yield explained if source in (None, STDIN) else replace(explained, file=source)

    def _explain(self, line: int, value: bytes, now_ms: int, file: str | None) -> Iterator[Explained]:
        now_ms = max(now_ms, self._earliest_ms)
        for decoded in decode(Record(value, None, file or STDIN, 0, line, now_ms)):
            if isinstance(decoded, Refused):
                yield Explained(line, None, "dead_lettered", decoded.reason.value, error=decoded.error)
            else:
                if decoded.time_ms == now_ms:  # it states no time: the lines after it are later, however fast they come
                    self._earliest_ms = now_ms + 1
                yield from self._follow(line, decoded, now_ms)

    def _follow(self, line: int, event: Event, now_ms: int) -> Iterator[Explained]:
        targets, filtered, undecided = self._select(event)
        inherited_by = [(self._user(key), inherited) for key, inherited in self.logins.before(event, now_ms // 1000)]
        released = [(heir, decision) for heir, each in inherited_by for decision in heir.inherit(each, now_ms)]
        user = self._user(event.user_key)
        before = user.properties
        behind = user.keep(event) if self._rules.keep.names else NO_PROPERTIES
        taught = {name: value for name, (_, value) in user.properties.items() if before.get(name, _ABSENT)[1] != value}
        if undecided is not None:
            more, others, _ = undecided.select(event, behind)
            targets, filtered = targets + more, filtered + others
        seen = Seen(NO_PROPERTIES if event.name in RESERVED else behind, taught)
        for place, reason in sorted(filtered):
            yield Explained(line, self._syncs[place].name, "filtered", reason.value, event=event, seen=seen)
        for heir, decision in released:
            for target in decision.targets:
                yield self._decided(heir, decision, target, now_ms, line)
        for decision in user.take(event, targets, now_ms, properties=behind):
            is_own = decision.event.position == event.position
            for target in decision.targets:
                explained = self._decided(user, decision, target, now_ms, None if is_own else line)
                yield replace(explained, seen=seen) if is_own else explained

    def _user(self, key: str) -> User:
        user = self._users.get(key)
        if user is None:
            user = self._users[key] = User(self._rules)
            state = self._remembered(key) if self._remembered is not None else None
            if state is not None:
                user.restore(state, ())
        return user

    def _decided(
        self, user: User, decision: Decision, target: SyncTarget, now_ms: int, released_by: int | None
    ) -> Explained:
        event = decode_again(decision.event) if isinstance(decision, GivenUp) else decision.event
        sync = self._syncs[target.sync].name
        own_line = event.position.offset
        if isinstance(decision, Unwanted):
            if isinstance(decision.reason, FilterReason):
                reason = decision.reason.value
                return Explained(own_line, sync, "filtered", reason, event=event, released_by=released_by)
            return Explained(own_line, sync, "duplicate", event=event)
        if isinstance(decision, Held):
            reason = "settle_seconds" if decision.settling else user.missing(event).value
            return Explained(own_line, sync, "held", reason, self._absences(event), event=event)
        if isinstance(decision, GivenUp):
            reason = decision.reason.value
            return Explained(
                own_line, sync, "dead_lettered", reason, self._absences(event), None, released_by, event, decision.error
            )
        return self._translated(own_line, decision, target, now_ms, released_by)

    def _absences(self, event: Event) -> list[RequestWarning]:
        """Return why an event that says its identifiers is taken to say none."""
        read = self._rules.reader.read(event)
        found = ((EventWarning.MALFORMED_IDENTIFIER, read.malformed), (EventWarning.ZERO_IDENTIFIER, read.zeroed))
        return [RequestWarning(warning, ", ".join(names)) for warning, names in found if names]

    def _translated(
        self, line: int, identified: Identified, target: SyncTarget, now_ms: int, released_by: int | None
    ) -> Explained:
        event, sync = identified.event, self._syncs[target.sync].name
        request = self._translates[target.sync](event, identified.identity, target.send_as, now_ms)
        if isinstance(request, TooLarge):
            reason = DeadLetterReason.TOO_LARGE.value
            return Explained(
                line, sync, "dead_lettered", reason, event=event, error=request.error, released_by=released_by
            )
        content = {
            "method": "POST",
            "url": f"{self._base_urls[target.sync].rstrip('/')}/inappevent/{quote(request.app_id, safe='')}",
            "headers": {"authentication": "***", "content-type": "application/json"},
            "body": orjson.loads(request.body),
        }
        personal = _personal(content["body"])
        return Explained(
            line, sync, "would_deliver", None, request.notes, content, released_by, event, personal=personal
        )


def personal_warning(names: Sequence[str]) -> str:
    """Return the warning of what would leave and looks like a person's e-mail address or telephone number."""
    return (
        "personal_value: looks like a person's e-mail address or telephone number and would leave; exclude it if it is "
        f"one ({', '.join(names)})"
    )


def _personal(body: dict[str, Any]) -> tuple[str, ...]:
    own = ("customer_user_id",) if looks_personal(body.get("customer_user_id")) else ()
    return own + personal_properties(orjson.loads(body["eventValue"] or "{}"))
