"""Kept properties: what is known of a user's properties, of those that the settings name.

The events of Amplitude's SDKs carry only the properties that are sent with them. Amplitude's own rows (Export, webhook,
warehouse) carry all that the user has. What an earlier event taught stands behind an event of the former kind, so that
both are judged and mapped alike. Amplitude goes by the order in which events are received, and so does this.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from flows.domain.event import Event, JsonObject
from flows.domain.exact_json import dumps
from flows.domain.paths import split_path
from flows.domain.property_operations import changed_by, has_operations
from flows.domain.sync import Sync

LONGEST_TEXT: Final = 1024
"""Amplitude, «Limits»: it keeps so many characters of a text."""
MOST_BYTES: Final = 10_000
"""What a user's kept properties may take together, as JSON. A value that goes beyond is not kept."""
USER_PREFIX: Final = "user."
"""How a condition names a property of the user."""
NO_PROPERTIES: Final[Mapping[str, Any]] = {}

Kept = Mapping[str, tuple[int, Any]]
"""name → (when it was taught in ms since the epoch, value); a value of None was taken away."""
NOTHING_KEPT: Final[Kept] = {}
"""No proxy, because it is stored."""


class KeptNames:
    """The names of the user properties that are kept. They may be replaced, as a whole, between two batches."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names


def named_properties(syncs: Iterable[Sync], further: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the user properties that syncs read by conditions, fields or lists of properties, and further ones.

    Identifiers are none of them: they are remembered by device. Of a name with dots its beginnings are among them, for
    it may be a way through an object.
    """
    names = set(further)
    for sync in syncs:
        conditions = [*sync.consent, *(each for row in sync.selections for each in row.where)]
        asked = [each.property for each in conditions if each.property.startswith(USER_PREFIX)]
        names.update(each.removeprefix(USER_PREFIX) for each in asked)
        paths = [split_path(path) for _, alternatives in sync.fields for path in alternatives]
        names.update(name for container, name in paths if container == "user_properties")
        names.update(sync.properties.user or ())
    parts = [name.split(".") for name in names]
    beginnings = [".".join(each[:end]) for each in parts for end in range(1, len(each))]
    return tuple(sorted({*names, *beginnings}))


def is_complete(event: Event) -> bool:
    """Return whether an event carries all that counts for it: as a row of Amplitude's own, or because it says so.

    Only rows have an `event_time`, an `amplitude_id` and times of Amplitude's servers. The collector gives a row's time
    another name. Sources: Amplitude, Export API; HTTP V2 API (`$skip_user_properties_sync`).
    """
    get = event.fields.get
    return bool(
        get("event_time")
        or get("amplitude_id")
        or get("server_received_time")
        or get("server_upload_time")
        or get("$skip_user_properties_sync") is True
    )


def learn(kept: Kept, event: Event, names: Collection[str]) -> Kept:
    """Return what is kept after an event: the same object where nothing is different.

    A row of Amplitude's own says what the user had at its time, so the newest row counts, in whichever order they come.
    """
    get = event.fields.get
    if get("$skip_user_properties_sync") is True:
        return kept
    stated = get("user_properties")
    if type(stated) is not dict or not stated:
        return kept
    if is_complete(event) and not has_operations(stated):
        return _learn_row(kept, event.time_ms, stated, names)
    known = {name: value for name, (_, value) in kept.items() if value is not None}
    changed = changed_by(stated, known, names)
    if not changed:
        return kept
    learned = dict(kept)
    for name, value in changed.items():
        before = kept.get(name)
        since_ms = event.received_ms if before is None else max(event.received_ms, before[0])
        learned[name] = (since_ms, _cut(value))
    return _bounded(learned, kept, changed)


def _learn_row(kept: Kept, time_ms: int, row: JsonObject, names: Collection[str]) -> Kept:
    learned: dict[str, tuple[int, Any]] = {}
    for name in names:
        before = kept.get(name)
        value = _cut(row.get(name))  # where there is none, this is noted, too: an earlier row may come later
        if before is None or time_ms > before[0] or (time_ms == before[0] and _rank(value) > _rank(before[1])):
            learned[name] = (time_ms, value)
    return _bounded({**kept, **learned}, kept, learned) if learned else kept


def merge_kept(one: Kept, other: Kept) -> Kept:
    """Return what both have taught: of each property the newer; of the same time, the order is no matter."""
    merged = dict(one)
    for name, taught in other.items():
        known = merged.get(name)
        if known is None or (taught[0], _rank(taught[1])) > (known[0], _rank(known[1])):
            merged[name] = taught
    return _bounded(merged, one, other)


def stands_behind(kept: Kept, event: Event) -> Mapping[str, Any]:
    """Return the kept properties that count for an event beside those that it carries, once it was learnt from.

    What an event says itself counts, unless it says an operation: then what the operation has led to.
    """
    if not kept or is_complete(event):
        return NO_PROPERTIES
    own = event.user_properties
    stated = event.fields.get("user_properties")
    if type(stated) is dict and has_operations(stated):
        return {name: value for name, (_, value) in kept.items() if value is not None}
    return {name: value for name, (_, value) in kept.items() if value is not None and name not in own}


def completed(event: Event, behind: Mapping[str, Any]) -> Event:
    """Return an event with the properties that stand behind it."""
    return event._replace(user_properties={**event.user_properties, **behind}) if behind else event


def _cut(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _rank(value: Any) -> tuple[bool, bytes]:
    """Return what decides between two values of the same time: what was taken away stays so."""
    return value is None, dumps(value)


def _size_at_most(value: Any) -> int:
    """Return what a value takes as JSON at the most: known at once for what most values are."""
    if type(value) is str:
        return 2 + 6 * len(value)  # `\u0000` is the longest way to write a character
    if value is None or value is True or value is False:
        return 5
    return len(dumps(value))


def _bounded(learned: dict[str, tuple[int, Any]], before: Kept, changed: Iterable[str]) -> Kept:
    """Return what was learnt, without what goes beyond the bound: a list keeps what it had, another value is unknown.

    Amplitude lets a list grow no further, too.
    """
    if sum([len(name) + _size_at_most(value) for name, (_, value) in learned.items()]) <= MOST_BYTES:
        return learned
    sizes = {name: len(name) + len(dumps(value)) for name, (_, value) in learned.items()}
    size = sum(sizes.values())
    if size <= MOST_BYTES:
        return learned
    for name in sorted(changed, key=lambda each: (-sizes[each], each)):
        known = before.get(name)
        grows = known is not None and isinstance(known[1], list) and isinstance(learned[name][1], list)
        if known is not None and grows and len(dumps(known[1])) < sizes[name]:
            learned[name] = known
            size += len(name) + len(dumps(known[1])) - sizes[name]
        else:
            size -= sizes[name]
            del learned[name]
        if size <= MOST_BYTES:
            break
    return learned
