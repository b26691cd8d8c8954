"""Identifier reader: what one event says of its device, by paths that are compiled once."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from flows.domain.event import Event, JsonObject
from flows.domain.identifiers import CANONICAL, Value
from flows.domain.normalize import flatten_operations
from flows.domain.paths import compile_path, container_of, split_path

NOT_ONCE: Final[Mapping[str, Value]] = MappingProxyType({})


class DeviceReading(NamedTuple):
    """What one event says of its device."""

    values: dict[str, Value]
    malformed: tuple[str, ...]
    """Identifiers that were there but look like none, and count as absent."""
    zeroed: tuple[str, ...]
    """Identifiers that were all zeros, as systems give them to apps that may not track: they count as absent."""
    once: Mapping[str, Value] = NOT_ONCE
    """What is set by `$setOnce` alone: it counts only where nothing was set before."""

    @property
    def told(self) -> dict[str, Value]:
        """Everything that the event says of its device."""
        return {**self.once, **self.values} if self.once else self.values


_Ranked = tuple[tuple[int, str], ...]
"""(rank, attribute) of the paths that end in one name."""


class IdentifierReader:
    """Reads the identifiers off an event."""

    def __init__(self, paths: Mapping[str, Sequence[str]]) -> None:
        ranked: dict[str | None, dict[str, _Ranked]] = {}
        self._dotted: dict[str | None, list[tuple[int, str, Callable[[Event], Any]]]] = {}
        """Paths through objects, by the field that they begin at: most events have none of these. None is any event."""
        for attribute, alternatives in paths.items():
            for rank, path in enumerate(alternatives):
                container, name = split_path(path)
                of_container = ranked.setdefault(container, {})
                of_container[name] = (*of_container.get(name, ()), (rank, attribute))
                if "." in name:
                    begin = None if container else name.partition(".")[0]
                    self._dotted.setdefault(begin, []).append((rank, attribute, compile_path(path)))
        self._containers = [(container_of(container), names) for container, names in ranked.items() if container]
        self._user_properties = ranked.get("user_properties", {})
        self._own = tuple(ranked.get(None, {}).items())

    def read(self, event: Event) -> DeviceReading:
        """Return the event's identifiers in AppsFlyer's form; of several paths the first with a real value counts."""
        operations = event.fields.get("user_properties")
        if type(operations) is dict and "$setOnce" in operations:
            return self._read_once(event, operations)
        found: list[tuple[int, str, Any]] = []
        for container, names in self._containers:
            place = container(event)
            if names.keys().isdisjoint(place):
                continue
            for name, value in place.items():
                if name in names and value is not None:
                    for rank, attribute in names[name]:
                        found.append((rank, attribute, value))
        get = event.fields.get
        for name, ranked in self._own:
            if (value := get(name)) is not None:
                for rank, attribute in ranked:
                    found.append((rank, attribute, value))
        for begin, dotted in self._dotted.items():
            if begin is None or begin in event.fields:
                found += [
                    (rank, attribute, value) for rank, attribute, path in dotted if (value := path(event)) is not None
                ]
        return _judge(found) if found else DeviceReading({}, (), ())  # a dict of its own, for callers add to it

    def _read_once(self, event: Event, operations: JsonObject) -> DeviceReading:
        """Read what is set once apart from what the event says otherwise."""
        said = flatten_operations({name: value for name, value in operations.items() if name != "$setOnce"})
        once = {name: value for name, value in event.user_properties.items() if name not in said}
        fields = {**event.fields, "user_properties": None}
        values, malformed, zeroed, _ = self.read(event._replace(user_properties=said, fields=fields))
        apart = self.read(
            event._replace(user_properties=once, event_properties={}, groups={}, group_properties={}, fields={})
        )
        unreal = {*malformed, *apart.malformed} - apart.values.keys() - values.keys()
        return DeviceReading(
            values,
            tuple(sorted(unreal)),
            tuple(sorted({*zeroed, *apart.zeroed} - unreal - apart.values.keys() - values.keys())),
            {name: value for name, value in apart.values.items() if name not in values},
        )

    def forgotten(self, event: Event) -> tuple[str, ...]:
        """Return the attributes that an `$identify` takes away: those read from a property that it unsets."""
        operations = event.fields.get("user_properties")
        if not isinstance(operations, dict):
            return ()
        names = operations.get("$unset")
        everything = "$clearAll" in operations
        if not isinstance(names, dict | list):
            names = ()
        gone = {
            attribute
            for name, attributes in self._user_properties.items()
            if everything or name in names
            for _, attribute in attributes
        }
        return tuple(sorted(gone))


def _judge(found: list[tuple[int, str, Any]]) -> DeviceReading:
    values: dict[str, Value] = {}
    ranks: dict[str, int] = {}
    unreal: list[tuple[str, Any]] = []
    for rank, attribute, value in found:
        real = CANONICAL[attribute](value)
        if real is None:
            unreal.append((attribute, value))
        elif attribute not in values or rank < ranks[attribute]:
            values[attribute] = real
            ranks[attribute] = rank
    if not unreal:
        return DeviceReading(values, (), ())
    malformed: set[str] = set()
    zeroed: set[str] = set()
    for attribute, value in unreal:
        if attribute not in values and (not isinstance(value, str) or value.strip()):
            (zeroed if _is_zero(value) else malformed).add(attribute)
    return DeviceReading(values, tuple(sorted(malformed)), tuple(sorted(zeroed)))


def _is_zero(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.get("id")
    if isinstance(value, str):
        return not value.strip("0- ")
    return type(value) is int and value == 0
