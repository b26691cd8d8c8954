"""Conditions on an event, with Amplitude's operators, compiled to closures.

Source: Amplitude, «Modify user segments» (operators, `(none)`, globs, case) and «Event streaming overview».
"""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from flows.domain.event import Event
from flows.domain.exact_json import dumps
from flows.domain.globs import Glob
from flows.domain.paths import compile_path, lookup
from flows.domain.sync import Condition, Operator, Scalar

NONE: Final = "(none)"
"""How Amplitude writes a property that is absent."""

_ALIASES: Final = {
    "app_version": ("app_version", "version_name"),
    "version_name": ("version_name", "app_version"),
    "version": ("app_version", "version_name"),
    "ip": ("ip", "ip_address"),
    "ip_address": ("ip_address", "ip"),
    "insert_id": ("insert_id", "$insert_id", "uuid"),
    "$insert_id": ("$insert_id", "insert_id", "uuid"),
    "carrier": ("carrier", "device_carrier"),
    "device_carrier": ("device_carrier", "carrier"),
    "time": ("time", "event_time", "timestamp"),
    "event_time": ("event_time", "time", "timestamp"),
    "productId": ("productId", "product_id"),
    "revenueType": ("revenueType", "revenue_type"),
}
"""Fields that Amplitude's export and its upload name differently."""

Test = Callable[[Event], bool]
_Values = Callable[[Event], list[Any]]
_Judge = Callable[[list[Any]], bool]
_MakeJudge = Callable[[Sequence[Scalar]], _Judge]
_Number = int | float
"""Not only `float`: a large integer that became one would not be what it was."""


def compile_all(conditions: Sequence[Condition]) -> Test:
    """Return a test that holds where every condition does; no condition always holds."""
    tests = [compile_condition(condition) for condition in conditions]
    if not tests:
        return lambda _event: True
    if len(tests) == 1:
        return tests[0]
    return lambda event: all(test(event) for test in tests)


def compile_condition(condition: Condition) -> Test:
    """Return a condition as a test."""
    values = _values_of(condition.property)
    judge = _JUDGES[condition.operator](condition.values)
    return lambda event: judge(values(event))


def _values_of(name: str) -> _Values:
    """Return how to get a property's values: none where it is absent, several where it is an array."""
    kind, dot, rest = name.partition(".")
    if dot and kind == "group":
        return _group_values(*rest.partition(".")[::2])
    if dot and kind in ("event", "user"):
        get = compile_path(f"{kind}_properties.{rest}")
        return lambda event: _as_list(get(event))
    alternatives = _ALIASES.get(name, (name,))
    gets = [compile_path(each) for each in alternatives]

    def own(event: Event) -> list[Any]:
        for get in gets:
            found = _as_list(get(event))
            if found:
                return found
        return []

    return own


def _group_values(group_type: str, name: str) -> _Values:
    def values(event: Event) -> list[Any]:
        if not name:
            return _as_list(event.groups.get(group_type))
        of_type = event.group_properties.get(group_type)
        if not isinstance(of_type, dict):
            return []
        groups = [each for each in of_type.values() if isinstance(each, dict)]
        return [value for group in [*groups, of_type] for value in _as_list(lookup(group, name))]

    return values


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [each for each in value if each is not None and each != ""]
    return [] if value is None or value == "" else [value]


def _text(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return dumps(value).decode()
    return str(value)


_BOOLEANS: Final = {spelt: word for word in ("true", "false") for spelt in (word, word.title(), word.upper())}


def _word(value: Any) -> str:
    """Return a value to be compared as a whole; a boolean is meant however it is spelt, and "" means absent."""
    text = _text(value)
    return _BOOLEANS.get(text, text) or NONE


def _is(wanted: Sequence[Scalar]) -> _Judge:
    words = frozenset(map(_word, wanted))
    return lambda values: any(_word(value) in words for value in values) if values else NONE in words


def _some(wanted: Sequence[Scalar], holds: Callable[[str], bool]) -> _Judge:
    """Return whether any value holds; what is absent is `(none)` as a whole, and has no letters to look into."""
    absent = NONE in wanted
    return lambda values: any(holds(_text(value)) for value in values) if values else absent


def _contains(wanted: Sequence[Scalar]) -> _Judge:
    parts = [_text(value).casefold() for value in wanted]
    return _some(wanted, lambda text: any(part in text.casefold() for part in parts))


def _starts_with(wanted: Sequence[Scalar]) -> _Judge:
    prefixes = tuple(_text(value).casefold() for value in wanted)
    return _some(wanted, lambda text: text.casefold().startswith(prefixes))


def _glob_match(wanted: Sequence[Scalar]) -> _Judge:
    globs = [Glob(_text(value)) for value in wanted]
    return _some(wanted, lambda text: any(glob.matches(text) for glob in globs))


def _number(value: Any) -> _Number | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    return None


_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def _compares(holds: Callable[[_Number, _Number], bool]) -> _MakeJudge:
    def make(wanted: Sequence[Scalar]) -> _Judge:
        limits = [number for number in map(_number, wanted) if number is not None]

        def judge(values: list[Any]) -> bool:
            numbers = [number for number in map(_number, values) if number is not None]
            return any(holds(number, limit) for number in numbers for limit in limits)

        return judge

    return make


def _set_of(values: list[Any]) -> frozenset[str]:
    return frozenset(map(_word, values)) if values else frozenset({NONE})


def _set_is(wanted: Sequence[Scalar]) -> _Judge:
    words = frozenset(map(_word, wanted))
    return lambda values: _set_of(values) == words


def _set_contains(wanted: Sequence[Scalar]) -> _Judge:
    words = frozenset(map(_word, wanted))
    return lambda values: words <= _set_of(values)


def _set_does_not_contain(wanted: Sequence[Scalar]) -> _Judge:
    words = frozenset(map(_word, wanted))
    return lambda values: not words & _set_of(values)


def _not(make: _MakeJudge) -> _MakeJudge:
    def negated(wanted: Sequence[Scalar]) -> _Judge:
        judge = make(wanted)
        return lambda values: not judge(values)

    return negated


_JUDGES: Final[dict[Operator, _MakeJudge]] = {
    Operator.IS: _is,
    Operator.IS_NOT: _not(_is),
    Operator.CONTAINS: _contains,
    Operator.DOES_NOT_CONTAIN: _not(_contains),
    Operator.STARTS_WITH: _starts_with,
    Operator.DOES_NOT_START_WITH: _not(_starts_with),
    Operator.LESS_THAN: _compares(operator.lt),
    Operator.LESS_OR_EQUAL: _compares(operator.le),
    Operator.GREATER_THAN: _compares(operator.gt),
    Operator.GREATER_OR_EQUAL: _compares(operator.ge),
    Operator.SET_IS: _set_is,
    Operator.SET_IS_NOT: _not(_set_is),
    Operator.SET_CONTAINS: _set_contains,
    Operator.SET_DOES_NOT_CONTAIN: _set_does_not_contain,
    Operator.GLOB_MATCH: _glob_match,
    Operator.GLOB_DOES_NOT_MATCH: _not(_glob_match),
}
