"""What must hold between several keys. Reads the file as it was parsed, for the rest of it may be wrong."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from connectors.values import REFERENCE, flatten
from flows.domain.sync import Operator
from flows.settings.identity import IdentityTable
from flows.settings.problems import NOT_SHOWN, Location, found

Finding = tuple[Location, str]
Placed = tuple[Location, dict[str, Any]]

_SECONDS_PER_DAY: Final = 86_400
_OPERATORS: Final = tuple(each.value for each in Operator)

OWNED_PROPERTIES: Final[Mapping[str, str]] = {
    "bootstrap.servers": "set bootstrap_servers in the table above instead",
    "metadata.broker.list": "set bootstrap_servers in the table above instead",
    "group.id": "set group_id in [source] instead",
    "auto.offset.reset": "set start and on_out_of_range in [source] instead",
    **dict.fromkeys(
        ("enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store", "enable.partition.eof", "log.queue"),
        "remove it",
    ),
}
"""librdkafka properties that the stream sets itself, and what to do instead."""

_SECRET_ENDINGS: Final = ("password", "secret", "passphrase", "key.pem")


class Draft(NamedTuple):
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

    def tables(self, location: Location, holder: Mapping[str, Any], key: str) -> Iterator[Placed]:
        """Return the tables in the list under a key, with their locations."""
        value = holder.get(key)
        for place, each in enumerate(value if isinstance(value, list) else ()):
            if isinstance(each, dict):
                yield (*location, key, place), each

    def syncs(self) -> Iterator[Placed]:
        """Return the `[[sync]]` tables, with their locations."""
        return self.tables((), self.document, "sync")


def broken(document: Any, meant: frozenset[Location]) -> Iterator[Finding]:
    """Return what breaks a rule: its location and the text of its problem."""
    draft = Draft(document, meant)
    for rule in _RULES:
        yield from rule(draft)


def _names_are_unique(draft: Draft) -> Iterator[Finding]:
    seen: list[Any] = []
    for location, sync in draft.syncs():
        name = sync.get("name")
        if name is not None and name in seen:
            where = (*location, "name")
            yield where, f"found {found(name, where)} a second time; expected a name of its own; rename one sync"
        seen.append(name)


def _sync_has_an_app(draft: Draft) -> Iterator[Finding]:
    for location, sync in draft.syncs():
        if not any(draft.has(location, sync, key) for key in ("ios_app_id", "android_app_id")):
            yield location, "no app id; expected ios_app_id, android_app_id or both; add the app that events go to"


def _sync_has_one_kind_of_key(draft: Draft) -> Iterator[Finding]:
    for location, sync in draft.syncs():
        kinds = [key for key in ("s2s_key", "dev_key") if draft.has(location, sync, key)]
        if len(kinds) > 1:
            yield location, "found s2s_key and dev_key; expected exactly one of them; remove dev_key (the older API)"
        elif not kinds and "s2s_key" not in sync and "dev_key" not in sync:
            yield location, 'no key; expected s2s_key or dev_key; write for example s2s_key = "env:APPSFLYER_S2S_KEY"'


def _sync_says_which_events(draft: Draft) -> Iterator[Finding]:
    for location, sync in draft.syncs():
        given = [key for key in ("events", "event") if draft.has(location, sync, key)]
        if len(given) > 1:
            yield location, "found events and [[sync.event]]; expected one of them; remove one"
        elif not given and "events" not in sync:
            do = 'write events = "all", or a [[sync.event]] table for each event'
            yield location, f"no events; expected a choice of events; {do}"


def _conditions_have_one_operator(draft: Draft) -> Iterator[Finding]:
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


def _kafka_properties_are_free(draft: Draft) -> Iterator[Finding]:
    for key in ("source", "dead_letters"):
        properties = flatten(draft.table(key).get("properties"))
        for name, value in properties.items() if isinstance(properties, dict) else ():
            where = (key, "properties", name)
            if name in OWNED_PROPERTIES:
                yield where, f"found a property that the stream sets itself; expected others; {OWNED_PROPERTIES[name]}"
            elif name.endswith(_SECRET_ENDINGS) and isinstance(value, str) and not re.fullmatch(REFERENCE, value):
                expected = "expected the place of the secret, never the secret itself"
                yield where, f"found {NOT_SHOWN}; {expected}; write env:NAME or file:PATH in quotes"


def _dead_letters_have_a_cluster(draft: Draft) -> Iterator[Finding]:
    letters, source = draft.table("dead_letters"), draft.table("source")
    if letters.get("kind") != "kafka":
        return
    given = draft.has(("dead_letters",), letters, "bootstrap_servers")
    if not given and source.get("kind") == "files":
        expected = "expected Kafka's host:port addresses, for the source is no Kafka to take them from"
        do = 'write for example bootstrap_servers = "kafka-1:9092"'
        yield ("dead_letters", "bootstrap_servers"), f"missing; {expected}; {do}"
    same_cluster = letters.get("bootstrap_servers", source.get("bootstrap_servers")) == source.get("bootstrap_servers")
    topic = letters.get("topic")
    if isinstance(topic, str) and topic == source.get("topic") and same_cluster:
        where = ("dead_letters", "topic")
        yield where, f"found {found(topic, where)}; expected another topic than the source's; name one for dead letters"


def _waiting_is_shorter_than_remembering(draft: Draft) -> Iterator[Finding]:
    identity, defaults = draft.table("identity"), IdentityTable()
    days = identity.get("remember_days", defaults.remember_days)
    for key in ("hold_seconds", "settle_seconds"):
        seconds = identity.get(key, getattr(defaults, key))
        if _is_number(days) and _is_number(seconds) and days > 0 and seconds >= days * _SECONDS_PER_DAY:
            limit = f"expected less than remember_days, which is {days * _SECONDS_PER_DAY:,.0f} seconds"
            yield ("identity", key), f"found {seconds}; {limit}; wait shorter or remember longer"


def _platform_names_are_unique(draft: Draft) -> Iterator[Finding]:
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


_RULES: Final[tuple[Callable[[Draft], Iterator[Finding]], ...]] = (
    _names_are_unique,
    _sync_has_an_app,
    _sync_has_one_kind_of_key,
    _sync_says_which_events,
    _conditions_have_one_operator,
    _kafka_properties_are_free,
    _dead_letters_have_a_cluster,
    _waiting_is_shorter_than_remembering,
    _platform_names_are_unique,
)
