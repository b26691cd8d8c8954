"""Property operations: what one event does to its user's properties, as Amplitude does it."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.property_operations import changed_by
from tests.fixtures.examples import examples

NAMES: Final = ("a", "b", "c")
scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from([0.5, 1.0, "x", "y", "", "7"])
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from(["p", "q"]), scalars, max_size=2)
given_to = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)
OTHER_OPERATIONS: Final = ("$set", "$setOnce", "$add", "$append", "$prepend", "$preInsert", "$postInsert", "$remove")
operations = st.fixed_dictionaries(
    {},
    optional={
        "$clearAll": st.just("-"),
        "$unset": st.dictionaries(st.sampled_from(NAMES), st.just("-")) | st.lists(st.sampled_from(NAMES)),
        "$unknown": given_to,
        **dict.fromkeys(OTHER_OPERATIONS, given_to | st.just("nonsense")),
    },
)
stated = st.tuples(operations, given_to).map(lambda parts: {**parts[1], **parts[0]})
known_values = st.dictionaries(st.sampled_from(NAMES), values.filter(lambda each: each is not None), max_size=3)


def after(before: dict[str, Any], user_properties: dict[str, Any], names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """Return a user's properties after an event."""
    changed = changed_by(user_properties, before, names)
    return {name: value for name, value in {**before, **changed}.items() if value is not None}


def same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other) or (
        type(one) is not bool and type(other) is not bool and isinstance(one, int | float) and one == other
    )


def members(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def lengthened(operation: str, old: Any, value: Any) -> Any:
    more: list[Any] = []
    for each in members(value):
        if "nsert" not in operation or not any(same(each, known) for known in members(old) + more):
            more.append(each)
    if value is None:
        return old
    return more + members(old) if operation.startswith("$pre") else members(old) + more


def shortened(old: Any, value: Any) -> Any:
    left = [each for each in members(old) if not any(same(each, gone) for gone in members(value))]
    return left if len(left) < len(members(old)) else old


def modelled(before: dict[str, Any], user_properties: dict[str, Any]) -> dict[str, Any]:
    """Return a user's properties after an event, told one operation after another in Amplitude's words."""
    user = dict(before)
    orders: dict[str, Any] = {name: each for name, each in user_properties.items() if isinstance(each, dict | list)}
    if "$clearAll" in user_properties:
        user.clear()
    for name in orders.get("$unset", ()):
        user.pop(name, None)
    for name in NAMES:
        if name in user_properties:
            user[name] = user_properties[name]
    user.update(orders.get("$set", {}))
    for name, value in orders.get("$setOnce", {}).items():
        if user.get(name) is None:
            user[name] = value
    for name, value in orders.get("$add", {}).items():
        old = 0 if user.get(name) is None else user[name]
        if all(type(each) in (int, float) for each in (old, value)):
            user[name] = old + value
    for operation in ("$append", "$prepend", "$preInsert", "$postInsert"):
        for name, value in orders.get(operation, {}).items():
            user[name] = lengthened(operation, user.get(name), value)
    for name, value in orders.get("$remove", {}).items():
        user[name] = shortened(user.get(name), value)
    return {name: value for name, value in user.items() if value is not None}


@given(known_values, stated)
@examples(300)
def test_an_event_does_what_amplitude_would_have_done(before: dict[str, Any], event: dict[str, Any]) -> None:
    """Amplitude, Identify API, and the order of its TypeScript SDK's `OrderedIdentifyOperations`."""
    assert json.dumps(after(before, event), sort_keys=True) == json.dumps(modelled(before, event), sort_keys=True)


@given(known_values, stated, st.sets(st.sampled_from(NAMES)))
def test_the_named_properties_are_all_that_is_touched(
    before: dict[str, Any], event: dict[str, Any], names: set[str]
) -> None:
    """And what becomes of one does not depend on which others are named."""
    changed = changed_by(event, before, names)
    assert changed.keys() <= names
    whole = changed_by(event, before, NAMES)
    assert changed == {name: value for name, value in whole.items() if name in names}


@given(known_values, stated)
def test_what_was_known_is_never_changed_in_place(before: dict[str, Any], event: dict[str, Any]) -> None:
    """A snapshot may hold it, and the event goes on."""
    as_they_were = json.dumps([before, event])
    changed_by(event, before, NAMES)
    assert json.dumps([before, event]) == as_they_were


@given(known_values, given_to)
def test_plain_keys_are_set(before: dict[str, Any], plain: dict[str, Any]) -> None:
    """Amplitude, «User properties and events»."""
    assert after(before, plain) == after(before, {"$set": plain})


STORIES: Final[dict[str, tuple[list[dict[str, Any]], Any]]] = {
    "set wins over a plain key": ([{"a": 1, "$set": {"a": 2}}], 2),
    "set once": ([{"$setOnce": {"a": 1}}, {"$setOnce": {"a": 2}}], 1),
    "set once after unset": ([{"a": 1}, {"$unset": {"a": "-"}}, {"$setOnce": {"a": 2}}], 2),
    "unset before set": ([{"$unset": {"a": "-"}, "$set": {"a": 2}}], 2),
    "null is no value": ([{"a": 1}, {"a": None}], None),
    "add to nothing": ([{"$add": {"a": 2}}], 2),
    "add": ([{"a": 1}, {"$add": {"a": 0.5}}], 1.5),
    "add to text": ([{"a": "1"}, {"$add": {"a": 2}}], "1"),
    "add text": ([{"a": 1}, {"$add": {"a": "2"}}], 1),
    "add true": ([{"a": 1}, {"$add": {"a": True}}], 1),
    "add beyond all numbers": ([{"a": 1e308}, {"$add": {"a": 1e308}}], 1e308),
    "add to more digits than a float has": ([{"a": 10**400}, {"$add": {"a": 0.5}}], 10**400),
    "append to nothing": ([{"$append": {"a": "x"}}], ["x"]),
    "append to a value": ([{"a": "w"}, {"$append": {"a": ["x", "y"]}}], ["w", "x", "y"]),
    "prepend": ([{"a": ["w"]}, {"$prepend": {"a": ["x", "y"]}}], ["x", "y", "w"]),
    "insert before": ([{"a": ["w", "x"]}, {"$preInsert": {"a": ["y", "x", "z"]}}], ["y", "z", "w", "x"]),
    "insert behind": ([{"a": ["w", "x"]}, {"$postInsert": {"a": ["y", "x", "y"]}}], ["w", "x", "y"]),
    "remove all": ([{"a": ["x", "y", "x"]}, {"$remove": {"a": "x"}}], ["y"]),
    "remove several": ([{"a": ["x", "y", "z"]}, {"$remove": {"a": ["x", "z"]}}], ["y"]),
    "remove from another value": ([{"a": "w"}, {"$remove": {"a": "x"}}], "w"),
    "true is not 1": ([{"a": [True]}, {"$remove": {"a": 1}}], [True]),
    "1.0 is 1": ([{"a": [1.0]}, {"$postInsert": {"a": 1}}], [1.0]),
    "clear all": ([{"a": 1}, {"$clearAll": "-"}], None),
    "operations that are none": ([{"a": 1}, {"$set": "a", "$unset": "a", "$append": ["a"], "$nobody": {"a": 2}}], 1),
}


@pytest.mark.parametrize(("events", "value"), STORIES.values(), ids=STORIES)
def test_stories(events: list[dict[str, Any]], value: Any) -> None:
    """What becomes of one property in the end; facts of Amplitude's documents."""
    user: dict[str, Any] = {}
    for each in events:
        user = after(user, each)
    assert json.dumps(user.get("a")) == json.dumps(value)
