"""What one device has taught. Kept small, for millions of them are remembered, and quick where nothing is new."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flows.domain.identifiers import Value

FORGOTTEN: Final = ""
"""The value of what was unset: it wins over what was taught before it, or at the same time."""

Taught = tuple[int, Value]
"""(time of the event in ms, value)"""
TaughtBy = dict[str, Taught]


def newer(one: Taught, other: Taught) -> Taught:
    """Return the newer of two. The order in which they came is no matter, also where they are of the same time.

    Then what was unset stays unset, for it may have been unset in order not to be sent; else the greater text counts.
    """
    return one if _rank(one) >= _rank(other) else other


def _rank(taught: Taught) -> tuple[int, bool, str]:
    time_ms, value = taught
    return time_ms, value == FORGOTTEN, str(value)


_FIRST: Final = "|first"
_LAST: Final = "|last"
"""Behind a name: the earliest and the latest `$setOnce` of it, which say nothing where something was set before."""


def taught_by(time_ms: int, values: Mapping[str, Value], once: Mapping[str, Value] = MappingProxyType({})) -> TaughtBy:
    """Return what an event teaches by what it sets, and by what it sets once."""
    taught = {name: (time_ms, value) for name, value in values.items()}
    for name, value in once.items():
        taught[name + _FIRST] = taught[name + _LAST] = (time_ms, value)
    return taught


def merge(one: Mapping[str, Taught], other: Mapping[str, Taught]) -> dict[str, Taught]:
    """Return what both have taught; the order, and what is in both, is no matter."""
    merged = dict(one)
    for name, taught in other.items():
        known = merged.get(name)
        merged[name] = taught if known is None else _of_both(name, known, taught)
    return merged


def in_effect(taught: dict[str, Taught]) -> dict[str, Taught]:
    """Return what is known by all that was taught: of what was set once, what Amplitude would have kept.

    Source: Amplitude, Identify API: `$setOnce` counts only where nothing is set. That is the earliest one, unless the
    property was set, or unset after it: then the latest one, if that came after. Those between the two are not kept.
    """
    if not any(name.endswith(_LAST) for name in taught):
        return taught
    known = {name: each for name, each in taught.items() if not name.endswith((_FIRST, _LAST))}
    for key, latest in taught.items():
        name = key.removesuffix(_LAST)
        last = known.get(name)
        if name == key or (last is not None and last[1] != FORGOTTEN):
            continue
        earliest = taught[name + _FIRST]
        if last is None or earliest[0] > last[0]:
            known[name] = earliest
        elif latest[0] > last[0]:
            known[name] = latest
    return known


def _of_both(name: str, one: Taught, other: Taught) -> Taught:
    if not name.endswith(_FIRST):
        return newer(one, other)
    return one if (-one[0], str(one[1])) >= (-other[0], str(other[1])) else other


_names_with_once: Final[set[tuple[str, ...]]] = set()
"""Lists of names of which some were set once: most apps have none."""
_shared_names: dict[tuple[str, ...], tuple[str, ...]] = {}

DeviceState = tuple[int, int, tuple[str, ...], tuple[Value, ...], int | tuple[int, ...]]
"""A device as it is stored: (seen_ms, touched_s, names, values, times_ms); none of it is changed by later calls."""


class Device:
    """What one device has taught while stating one platform (or none): name → value, and when it was taught."""

    __slots__ = ("_names", "_times_ms", "_values", "seen_ms", "touched_s")

    def __init__(self, seen_ms: int, touched_s: int, taught: Mapping[str, Taught]) -> None:
        self.seen_ms = seen_ms
        """Time of its newest event."""
        self.touched_s = touched_s
        """When it was last heard of, by this machine's clock."""
        self._names: tuple[str, ...]
        self._values: tuple[Value, ...]
        self._times_ms: int | tuple[int, ...]
        """One for all where one event has taught everything, as most do."""
        self._keep(taught)

    @classmethod
    def restore(cls, state: DeviceState) -> "Device":
        """Return a device as it was stored."""
        device = cls(state[0], state[1], {})
        device._names = _share(state[2])
        device._values = state[3]
        device._times_ms = state[4]
        return device

    def state(self) -> DeviceState:
        """Return everything as builtins that no later call changes."""
        return (self.seen_ms, self.touched_s, self._names, self._values, self._times_ms)

    def learn(self, time_ms: int, values: Mapping[str, Value]) -> bool:
        """Take what an event sets; return whether anything changed."""
        if tuple(values) == self._names and type(self._times_ms) is int:
            same_values = tuple(values.values())
            if same_values == self._values:
                self._times_ms = max(self._times_ms, time_ms)
                return False
            if time_ms > self._times_ms:
                self._times_ms = time_ms
                self._values = same_values
                return True
        changed = False
        taught = self.taught
        for name, value in values.items():
            known = taught.get(name)
            if known is None or (known[1] != value and newer((time_ms, value), known)[1] == value):
                changed = True
                taught[name] = (time_ms, value)
            elif known[1] == value and known[0] < time_ms:
                taught[name] = (time_ms, value)
        self._keep(taught)
        return changed

    def merge(self, more: Mapping[str, Taught]) -> bool:
        """Take what was taught; return whether any value changed."""
        known = self.taught
        merged = merge(known, more)
        self._keep(merged)
        before, after = in_effect(known), in_effect(merged)
        return any(name not in before or before[name][1] != value for name, (_, value) in after.items())

    @property
    def taught(self) -> dict[str, Taught]:
        """Everything that was taught, as name → (time in ms, value)."""
        times_ms = self._times_ms
        if type(times_ms) is int:
            return {name: (times_ms, value) for name, value in zip(self._names, self._values, strict=True)}
        return dict(zip(self._names, zip(times_ms, self._values, strict=True), strict=True))  # type: ignore[arg-type]

    def complete(self, own: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return an event's own values, and behind them what is known."""
        if tuple(own) == self._names:
            return own
        if _names_with_once and self._names in _names_with_once:
            known = {name: value for name, (_, value) in in_effect(self.taught).items() if value != FORGOTTEN}
        else:
            known = {name: value for name, value in zip(self._names, self._values, strict=True) if value != FORGOTTEN}
        known.update(own)
        return known

    def _keep(self, taught: Mapping[str, Taught]) -> None:
        names = tuple(taught)
        shared = _shared_names.get(names)
        self._names = _share(names) if shared is None else shared
        self._values = tuple([value for _, value in taught.values()])
        times_ms = [time_ms for time_ms, _ in taught.values()]
        is_one = not times_ms or times_ms.count(times_ms[0]) == len(times_ms)
        self._times_ms = (times_ms[0] if times_ms else 0) if is_one else tuple(times_ms)


def _share(names: tuple[str, ...]) -> tuple[str, ...]:
    shared = _shared_names.get(names)
    if shared is None:
        _shared_names[names] = shared = names
        if any(name.endswith(_LAST) for name in names):
            _names_with_once.add(names)
    return shared
