"""Properties: an event's, its user's and its groups' → the keys of `eventValue`."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from flows.steps.event import Event, JsonObject
from flows.steps.sync import PropertyRules

EVENT: Final = "event"
USER: Final = "user"
GROUP: Final = "group"
_TRIM_RANK: Final = {USER: 0, GROUP: 1, EVENT: 2}
_AF_RANK: Final = 3
_REVENUE_RANK: Final = 4


class Properties(NamedTuple):
    """The keys of `eventValue`, and what became of the rest."""

    values: JsonObject
    ranks: dict[str, int]
    """When a key is trimmed: the lowest goes first."""
    renamed: tuple[str, ...]
    """The new names of user and group properties whose own was taken."""
    dropped: tuple[str, ...]
    """Names of nested values that the settings leave out."""


def rank_of(name: str, kind: str) -> int:
    """Return when a key is trimmed for the size limit: user, group, event; `af_…` last, the revenue last of all."""
    if name == "af_revenue":
        return _REVENUE_RANK
    return _AF_RANK if name.startswith("af_") else _TRIM_RANK[kind]


class _Collection:
    """Fills `Properties`, kind by kind."""

    def __init__(self, rules: PropertyRules) -> None:
        self.rules = rules
        self.values: JsonObject = {}
        self.ranks: dict[str, int] = {}
        self.renamed: list[str] = []
        self.dropped: list[str] = []

    def excludes(self, kind: str, name: str) -> bool:
        exclude = self.rules.exclude
        return bool(exclude) and (name in exclude or f"{kind}.{name}" in exclude)

    def add(self, kind: str, wanted: frozenset[str] | None, name: str, value: Any) -> None:
        if value is None or (wanted is not None and name not in wanted) or self.excludes(kind, name):
            return
        if isinstance(value, dict | list) and self.rules.nested != "json":
            if self.rules.nested == "drop":
                self.dropped.append(name)
                return
            value = orjson.dumps(value).decode()
        unique = name
        while unique in self.values:
            unique = f"{kind}.{unique}"
        if unique != name:
            self.renamed.append(unique)
        self.values[unique] = value
        self.ranks[unique] = rank_of(unique, kind)

    def add_computed(self, computed: dict[str, str]) -> None:
        for name, value in computed.items():
            if name not in self.values and not self.excludes(EVENT, name):
                self.values[name] = value
                self.ranks[name] = rank_of(name, EVENT)


def gather(event: Event, rules: PropertyRules, computed: dict[str, str], consumed: frozenset[str]) -> Properties:
    """Return all properties that the rules let through, with the computed `af_…` among the event's.

    On a collision the event's property keeps its name, the user's becomes `user.NAME` and the group's `group.NAME`, so
    that nothing disappears silently. An `af_…` that the app set itself wins over the computed one; of the settings only
    `exclude` takes a computed one away.
    """
    collection = _Collection(rules)
    for name, value in event.event_properties.items():
        if name not in consumed:
            collection.add(EVENT, rules.event, name, value)
    collection.add_computed(computed)
    for name, value in event.user_properties.items():
        collection.add(USER, rules.user, name, value)
    for name, value in _group_properties(event):
        collection.add(GROUP, rules.group, name, value)
    return Properties(collection.values, collection.ranks, tuple(collection.renamed), tuple(collection.dropped))


def _group_properties(event: Event) -> Iterable[tuple[str, Any]]:
    """Yield the properties of the groups: `{type: {group: {…}}}`, or `{type: {…}}` or `{…}` as some do."""
    for type_name, of_type in event.group_properties.items():
        if not isinstance(of_type, dict):
            yield type_name, of_type
            continue
        for name, value in of_type.items():
            if isinstance(value, dict):
                yield from value.items()
            else:
                yield name, value
