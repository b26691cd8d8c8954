"""What must hold between several keys. Reads the file as it was parsed, for the rest of it may be wrong."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from connectors.collector import settings as collector
from connectors.kinds import DEAD_LETTERS, SOURCES
from connectors.table import Broken, Location
from flows.domain.sync import Operator
from flows.settings import console
from flows.settings.identity import IdentityTable
from flows.settings.problems import found

Placed = tuple[Location, dict[str, Any]]

_SECONDS_PER_DAY: Final = 86_400
_OPERATORS: Final = tuple(each.value for each in Operator)


class SettingsDraft(NamedTuple):
    """The parsed file, with what misspelt keys were meant to be."""

    document: Any
    meant: frozenset[Location]

    def table(self, key: str) -> dict[str, Any]:
        """Return a table of the top level, empty if it is missing or none."""
        value = self.document.get(key)
        return value if isinstance(value, dict) else {}

    def has(self, location: Location, table: Mapping[str, Any], key: str) -> bool:
        """Whether the table at the location has the key, or has it misspelt; an empty list counts as nothing."""
        return table.get(key, []) != [] or (*location, key) in self.meant

    def found(self, value: Any, location: Location) -> str:
        """Return how a value is shown."""
        return found(value, location)

    def tables(self, location: Location, holder: Mapping[str, Any], key: str) -> Iterator[Placed]:
        """Return the tables in the list under a key, with their locations."""
        value = holder.get(key)
        for place, each in enumerate(value if isinstance(value, list) else ()):
            if isinstance(each, dict):
                yield (*location, key, place), each

    def syncs(self) -> Iterator[Placed]:
        """Return the `[[sync]]` tables, with their locations."""
        return self.tables((), self.document, "sync")


def broken(document: Any, meant: frozenset[Location]) -> Iterator[Broken]:
    """Return what breaks a rule: its location and the text of its problem."""
    draft = SettingsDraft(document, meant)
    for rule in _RULES:
        yield from rule(draft)


def _names_are_unique(draft: SettingsDraft) -> Iterator[Broken]:
    seen: list[Any] = []
    for location, sync in draft.syncs():
        name = sync.get("name")
        if name is not None and name in seen:
            where = (*location, "name")
            yield where, f"found {found(name, where)} a second time; expected a name of its own; rename one sync"
        seen.append(name)


def _sync_has_an_app(draft: SettingsDraft) -> Iterator[Broken]:
    for location, sync in draft.syncs():
        if not any(draft.has(location, sync, key) for key in ("ios_app_id", "android_app_id")):
            yield location, "no app id; expected ios_app_id, android_app_id or both; add the app that events go to"


def _sync_has_one_kind_of_key(draft: SettingsDraft) -> Iterator[Broken]:
    for location, sync in draft.syncs():
        kinds = [key for key in ("s2s_key", "dev_key") if draft.has(location, sync, key)]
        if len(kinds) > 1:
            yield location, "found s2s_key and dev_key; expected exactly one of them; remove dev_key (the older API)"
        elif not kinds and "s2s_key" not in sync and "dev_key" not in sync:
            yield location, 'no key; expected s2s_key or dev_key; write for example s2s_key = "env:APPSFLYER_S2S_KEY"'


def _sync_says_which_events(draft: SettingsDraft) -> Iterator[Broken]:
    for location, sync in draft.syncs():
        given = [key for key in ("events", "event") if draft.has(location, sync, key)]
        if len(given) > 1:
            yield location, "found events and [[sync.event]]; expected one of them; remove one"
        elif not given and "events" not in sync:
            do = 'write events = "all", or a [[sync.event]] table for each event'
            yield location, f"no events; expected a choice of events; {do}"


def _conditions_have_one_operator(draft: SettingsDraft) -> Iterator[Broken]:
    for location, sync in draft.syncs():
        lists = [draft.tables(location, sync, "consent_where")]
        lists += [draft.tables(place, event, "where") for place, event in draft.tables(location, sync, "event")]
        for where, condition in (each for conditions in lists for each in conditions):
            given = [each for each in _OPERATORS if each in condition or (*where, each) in draft.meant]
            if len(given) > 1:
                do = "write a condition of its own for each"
                yield where, f"found {', '.join(given)}; expected exactly one operator; {do}"
            elif not given and not set(condition) - {"property", *_OPERATORS}:
                expected = f"expected exactly one of {', '.join(_OPERATORS)}"
                yield where, f'no operator; {expected}; add for example is = ["pro"]'


def _there_is_a_sync(draft: SettingsDraft) -> Iterator[Broken]:
    if "collector" not in draft.document and not draft.has((), draft.document, "sync"):
        is_missing = "sync" not in draft.document
        expected = "expected at least one sync; write [[sync]] with a name, an app id, a key and its events"
        yield ("sync",), f"{'missing' if is_missing else 'found an empty list'}; {expected}"


def _waiting_is_shorter_than_remembering(draft: SettingsDraft) -> Iterator[Broken]:
    identity, defaults = draft.table("identity"), IdentityTable()
    days = identity.get("remember_days", defaults.remember_days)
    for key in ("hold_seconds", "settle_seconds"):
        seconds = identity.get(key, getattr(defaults, key))
        if _is_number(days) and _is_number(seconds) and days > 0 and seconds >= days * _SECONDS_PER_DAY:
            limit = f"expected less than remember_days, which is {days * _SECONDS_PER_DAY:,.0f} seconds"
            yield ("identity", key), f"found {seconds}; {limit}; wait shorter or remember longer"


def _platform_names_are_unique(draft: SettingsDraft) -> Iterator[Broken]:
    platforms = draft.table("identity").get("platforms")
    places: dict[str, str] = {}
    for key in ("ios", "android", "other"):
        names = platforms.get(key) if isinstance(platforms, dict) else None
        for name in names if isinstance(names, list) else ():
            other = places.setdefault(name.strip().lower(), key) if isinstance(name, str) else key
            if other != key:
                where = ("identity", "platforms", key)
                expected = "expected each name under one platform"
                yield where, f"found {found(name, where)}, which is under {other}, too; {expected}; remove it from one"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_RULES: Final[tuple[Callable[[SettingsDraft], Iterator[Broken]], ...]] = (
    _names_are_unique,
    _sync_has_an_app,
    _sync_has_one_kind_of_key,
    _sync_says_which_events,
    _conditions_have_one_operator,
    _there_is_a_sync,
    collector.broken,
    console.broken,
    *(kind.broken for kinds in (SOURCES, DEAD_LETTERS) for kind in kinds.values()),
    _waiting_is_shorter_than_remembering,
    _platform_names_are_unique,
)
