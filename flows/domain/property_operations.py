"""Property operations: what one event does to the properties of its user, in Amplitude's order.

Sources: Amplitude, Identify API and «User properties and events» (plain keys are `$set`); the order within one event is
that of `OrderedIdentifyOperations` in Amplitude's TypeScript SDK, which follows Amplitude's servers.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from flows.domain.event import JsonObject
from flows.domain.exact_json import dumps
from flows.domain.normalize import OPERATIONS


def has_operations(user_properties: JsonObject) -> bool:
    """Return whether there are orders among the properties."""
    return not OPERATIONS.isdisjoint(user_properties)


def changed_by(user_properties: JsonObject, known: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return name → new value of those named properties that an event touches; None is a property without a value.

    `known` holds the values before it. What cannot be done, such as adding to a text, changes nothing.
    """
    if not has_operations(user_properties):
        return {name: user_properties[name] for name in names if name in user_properties}
    changed: dict[str, Any] = {}
    if "$clearAll" in user_properties:
        changed = {name: None for name in names if name in known}
    unset = user_properties.get("$unset")
    if isinstance(unset, dict | list):
        changed.update({name: None for name in names if name in unset})
    changed.update({name: user_properties[name] for name in names if name in user_properties})
    for operation, apply in _IN_ORDER:
        given = user_properties.get(operation)
        if not isinstance(given, dict):
            continue
        for name in names:
            if name in given:
                before = changed[name] if name in changed else known.get(name)
                changed[name] = apply(before, given[name])
    return changed


def _set(_before: Any, given: Any) -> Any:
    return given


def _set_once(before: Any, given: Any) -> Any:
    return given if before is None else before


def _add(before: Any, given: Any) -> Any:
    if not _is_number(given) or not (before is None or _is_number(before)):
        return before
    try:
        total = (before or 0) + given
        return total if math.isfinite(total) else before
    except OverflowError:  # an integer that is larger than any float
        return before


def _append(before: Any, given: Any) -> Any:
    return before if given is None else [*_listed(before), *_listed(given)]


def _prepend(before: Any, given: Any) -> Any:
    return before if given is None else [*_listed(given), *_listed(before)]


def _pre_insert(before: Any, given: Any) -> Any:
    return before if given is None else [*_missing(before, given), *_listed(before)]


def _post_insert(before: Any, given: Any) -> Any:
    return before if given is None else [*_listed(before), *_missing(before, given)]


def _remove(before: Any, given: Any) -> Any:
    if before is None or given is None:
        return before
    gone = {_word(each) for each in _listed(given)}
    kept = [each for each in _listed(before) if _word(each) not in gone]
    return before if len(kept) == len(_listed(before)) else kept


_IN_ORDER: Final[tuple[tuple[str, Callable[[Any, Any], Any]], ...]] = (
    ("$set", _set),
    ("$setOnce", _set_once),
    ("$add", _add),
    ("$append", _append),
    ("$prepend", _prepend),
    ("$preInsert", _pre_insert),
    ("$postInsert", _post_insert),
    ("$remove", _remove),
)
"""Behind `$clearAll` and `$unset`: (operation, function of the value before and the given one)."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(value: Any) -> list[Any]:
    """Return a value as a list: an absent one is empty, any other that is none is its only member."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _missing(before: Any, given: Any) -> list[Any]:
    """Return the given members that are not there, once each, in their order."""
    there = {_word(each) for each in _listed(before)}
    missing: list[Any] = []
    for each in _listed(given):
        word = _word(each)
        if word not in there:
            there.add(word)
            missing.append(each)
    return missing


def _word(value: Any) -> bytes:
    """Return a value to be compared by: 1 and 1.0 are one, 1 and true are two."""
    return dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
