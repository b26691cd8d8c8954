"""Properties: an event's, its user's and its groups' → the keys of `eventValue`."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from flows.domain.event import Event, JsonObject
from flows.domain.exact_json import dumps
from flows.domain.exclude import compiled_exclude
from flows.domain.sync import PropertyRules

EVENT: Final = "event"
USER: Final = "user"
GROUP: Final = "group"
_TRIM_RANK: Final = {USER: 0, GROUP: 1, EVENT: 2}
_AF_RANK: Final = 3
_REVENUE_RANK: Final = 4


class EventProperties(NamedTuple):
    """The keys of `eventValue`, and what became of the rest."""

    values: JsonObject
    """The event's first, then the user's, then the groups'."""
    event_count: int
    """How many of them are the event's."""
    user_count: int
    """How many after those are the user's."""
    renamed: tuple[str, ...] = ()
    """The new names of user and group properties whose own was taken."""
    dropped: tuple[str, ...] = ()
    """Names of nested values that the settings leave out."""

    def ranks(self) -> dict[str, int]:
        """Return when each key is trimmed: the lowest goes first."""
        user_end = self.event_count + self.user_count
        return {
            name: rank_of(name, EVENT if place < self.event_count else USER if place < user_end else GROUP)
            for place, name in enumerate(self.values)
        }


def rank_of(name: str, kind: str) -> int:
    """Return when a key is trimmed for the size limit: user, group, event; `af_…` last, the revenue last of all."""
    if name == "af_revenue":
        return _REVENUE_RANK
    return _AF_RANK if name.startswith("af_") else _TRIM_RANK[kind]


def gather(
    event: Event,
    rules: PropertyRules,
    computed: JsonObject,
    consumed: frozenset[str],
    mapped: frozenset[str] = frozenset(),
) -> EventProperties:
    """Return all properties that the rules let through, with the computed `af_…` among the event's.

    On a collision the event's property keeps its name, the user's becomes `user.NAME` and the group's `group.NAME`, so
    that nothing disappears silently. An `af_…` that the app set itself wins over the computed one, unless it is empty
    or the computed one is `mapped`; of the settings only `exclude` takes a computed one away.
    """
    renamed: list[str] = []
    dropped: list[str] = []
    values = _let_through(event.event_properties, rules, EVENT, rules.event, dropped, consumed)
    left_out = compiled_exclude(rules.exclude, EVENT).of(computed) if rules.exclude else rules.exclude
    for name, value in computed.items():
        if (values.get(name, "") == "" or name in mapped) and name not in left_out:
            values[name] = value
    event_count = len(values)
    if event.user_properties:
        _add(values, _let_through(event.user_properties, rules, USER, rules.user, dropped), USER, renamed)
    user_count = len(values) - event_count
    for properties in _of_groups(event.group_properties) if event.group_properties else ():
        _add(values, _let_through(properties, rules, GROUP, rules.group, dropped), GROUP, renamed)
    return EventProperties(values, event_count, user_count, tuple(renamed), tuple(dropped))


def _let_through(
    properties: JsonObject,
    rules: PropertyRules,
    kind: str,
    wanted: frozenset[str] | None,
    dropped: list[str],
    consumed: frozenset[str] = frozenset(),
) -> JsonObject:
    """Return those that the rules let through, in a new object; add the names of nested ones that they drop."""
    if wanted is not None:
        properties = {name: value for name, value in properties.items() if name in wanted}
    left_out = compiled_exclude(rules.exclude, kind).of(properties) if rules.exclude else rules.exclude
    if rules.nested == "json":
        kept = properties.copy()
        for name in left_out.intersection(kept):
            del kept[name]
        for name in consumed:
            kept.pop(name, None)
        if None in kept.values():
            return {name: value for name, value in kept.items() if value is not None}
        return kept
    kept = {}
    for name, value in properties.items():
        if value is None or name in left_out or name in consumed:
            continue
        if not isinstance(value, dict | list):
            kept[name] = value
        elif rules.nested == "text":
            kept[name] = dumps(value).decode()
        else:
            dropped.append(name)
    return kept


def _add(values: JsonObject, more: JsonObject, kind: str, renamed: list[str]) -> None:
    """Add further properties; those whose name is taken get another."""
    if values.keys().isdisjoint(more):
        values.update(more)
        return
    for name, value in more.items():
        unique = name
        while unique in values:
            unique = f"{kind}.{unique}"
        if unique != name:
            renamed.append(unique)
        values[unique] = value


def _of_groups(group_properties: JsonObject) -> Iterable[JsonObject]:
    """Yield the properties of the groups: `{type: {group: {…}}}`, or `{type: {…}}` or `{…}` as some do."""
    for type_name, of_type in group_properties.items():
        if not isinstance(of_type, dict):
            yield {type_name: of_type}
            continue
        for name, value in of_type.items():
            yield value if isinstance(value, dict) else {name: value}
