"""Select: the «Send events» filter. Which syncs send an event, under which names, and why the others do not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from flows.domain.conditions import Test, compile_all
from flows.domain.event import Event
from flows.domain.fate import FilterReason
from flows.domain.kept_properties import USER_PREFIX, completed, is_complete
from flows.domain.sync import Condition, Sync

RESERVED: Final = frozenset({"$identify", "$groupidentify", "_all", "_identify"})
"""Amplitude, «Event streaming overview»: names that are no events and cannot be streamed."""


_APPSFLYERS: Final = "[appsflyer]"


def is_appsflyers(name: str) -> bool:
    """Return whether an event is one that AppsFlyer's own integration writes into Amplitude: `[AppsFlyer] …`.

    AppsFlyer knows it already: sent back, each install, event and revenue would count a second time.
    """
    return name.startswith("[") and name[: len(_APPSFLYERS)].lower() == _APPSFLYERS


class SyncTarget(NamedTuple):
    """One delivery that an event is selected for."""

    sync: int
    """Place among the enabled syncs."""
    copy: int
    """0, and on from there where the sync sends the event under several names."""
    send_as: str
    replays: int = 0
    """How many times its dead letters were replayed, this one included."""


class Selected(NamedTuple):
    """What the syncs want of an event."""

    targets: tuple[SyncTarget, ...]
    filtered: tuple[tuple[int, FilterReason], ...]
    """(place among the enabled syncs, why)"""
    undecided: "Undecided | None" = None
    """The syncs that go by what is kept of its user."""


class Undecided(NamedTuple):
    """Syncs whose conditions ask for user properties, which the event may carry or may have been taught before."""

    places: tuple[int, ...]
    """Among the enabled syncs."""
    select_among: Callable[[Event, tuple[int, ...]], Selected]

    def select(self, event: Event, behind: Mapping[str, Any]) -> Selected:
        """Return what they want of an event behind which these properties of its user stand; all are decided."""
        return self.select_among(completed(event, behind), self.places)


Select = Callable[[Event], Selected]
_Row = tuple[str | None, Test | None, bool]
"""(the name to send the event as, if another; what must hold of it, if anything; whether that asks for its user)"""


class _Filter(NamedTuple):
    """The filter of one sync."""

    place: int
    by_name: dict[str, list[_Row]]
    """The rows of each named event, with those of any event among them, in the file's order."""
    any_name: list[_Row]
    consents: Test | None
    asks_of_all: bool
    """Whether the consent asks for the user's properties."""
    asks: bool
    """Whether anything does."""

    def rows(self, name: str) -> list[_Row]:
        return self.by_name.get(name, self.any_name)

    def looks_at_names_only(self, name: str) -> bool:
        return self.consents is None and all(holds is None for _, holds, _ in self.rows(name))

    def asks_for_user(self, name: str) -> bool:
        """Return whether it takes the user's properties to decide on an event of this name."""
        rows = self.rows(name)
        return bool(rows) and (self.asks_of_all or any(asks for _, _, asks in rows))

    def judge(self, event: Event, targets: list[SyncTarget], filtered: list[tuple[int, FilterReason]]) -> None:
        """Add the targets of an event, or why there is none."""
        name = event.name
        names = {send_as or name: None for send_as, holds, _ in self.rows(name) if holds is None or holds(event)}
        if not names:
            filtered.append((self.place, FilterReason.NOT_SELECTED))
        elif self.consents is not None and not self.consents(event):
            filtered.append((self.place, FilterReason.CONSENT))
        else:
            targets.extend(SyncTarget(self.place, copy, send_as) for copy, send_as in enumerate(names))


def compile_select(syncs: Sequence[Sync], *, keeps: bool = False) -> Select:
    """Return the filter of all enabled syncs, compiled once: nothing of the settings is interpreted per event.

    Where the properties of users are kept, it leaves undecided what goes by them; else it goes by the event alone.
    """
    filters = [_compile(place, sync) for place, sync in enumerate(syncs)]
    reserved = Selected((), tuple((each.place, FilterReason.RESERVED) for each in filters))

    def select_among(event: Event, places: tuple[int, ...]) -> Selected:
        targets: list[SyncTarget] = []
        filtered: list[tuple[int, FilterReason]] = []
        for place in places:
            filters[place].judge(event, targets, filtered)
        return Selected(tuple(targets), tuple(filtered))

    def decide(event: Event) -> Selected:
        name = event.name
        is_own = is_appsflyers(name)
        targets: list[SyncTarget] = []
        filtered: list[tuple[int, FilterReason]] = []
        undecided: tuple[int, ...] = ()
        for each in filters:
            if is_own and name not in each.by_name:
                filtered.append((each.place, FilterReason.APPSFLYER))
                continue
            if keeps and each.asks and each.asks_for_user(name) and not is_complete(event):
                undecided += (each.place,)
                continue
            each.judge(event, targets, filtered)
        rest = Undecided(undecided, select_among) if undecided else None
        return Selected(tuple(targets), tuple(filtered), rest)

    # Where nothing but the name decides, it is decided once.
    decided = dict.fromkeys(RESERVED, reserved)
    names = {name for each in filters for name in each.by_name} - RESERVED
    by_name_only = {name for name in names if all(each.looks_at_names_only(name) for each in filters)}
    is_exhaustive = not any(each.any_name for each in filters)
    others = Selected((), tuple((each.place, FilterReason.NOT_SELECTED) for each in filters))
    appsflyers = Selected((), tuple((each.place, FilterReason.APPSFLYER) for each in filters))

    def select(event: Event) -> Selected:
        name = event.name
        known = decided.get(name)
        if known is not None:
            return known
        if name not in names:
            if is_appsflyers(name):
                return appsflyers
            if is_exhaustive:
                return others
        selected = decide(event)
        if name in by_name_only:
            decided[name] = selected
        return selected

    return select


def _compile(place: int, sync: Sync) -> _Filter:
    rows = [
        (row.name, (row.send_as, compile_all(row.where) if row.where else None, _ask_for_user(row.where)))
        for row in sync.selections
    ]
    any_name = [row for name, row in rows if name == "*"]
    by_name = {
        wanted: [row for name, row in rows if name == wanted or (name == "*" and not is_appsflyers(wanted))]
        for wanted, _ in rows
        if wanted != "*"
    }
    asks_of_all = _ask_for_user(sync.consent)
    asks = asks_of_all or any(row[2] for _, row in rows)
    return _Filter(place, by_name, any_name, compile_all(sync.consent) if sync.consent else None, asks_of_all, asks)


def _ask_for_user(conditions: Sequence[Condition]) -> bool:
    return any(each.property.startswith(USER_PREFIX) for each in conditions)
