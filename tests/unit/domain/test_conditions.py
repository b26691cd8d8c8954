"""Conditions mean what Amplitude's filters mean: each operator against a slow reading of its page."""

import json
import re
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.conditions import compile_all, compile_condition
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.sync import Condition, Operator, Scalar
from tests.fixtures.examples import examples

NEGATED = {
    Operator.IS_NOT: Operator.IS,
    Operator.DOES_NOT_CONTAIN: Operator.CONTAINS,
    Operator.DOES_NOT_START_WITH: Operator.STARTS_WITH,
    Operator.SET_IS_NOT: Operator.SET_IS,
    Operator.GLOB_DOES_NOT_MATCH: Operator.GLOB_MATCH,
}


def event(**fields: Any) -> Event:
    body = {"event_type": "open", "user_id": "ada", **fields}
    (decoded,) = decode(Record(json.dumps(body).encode(), None, "topic", 0, 1, 0))
    assert isinstance(decoded, Event), decoded
    return decoded


def holds(value: Any, operator: Operator, *wanted: Scalar) -> bool:
    """Return whether the condition holds for an event property of this value."""
    test = compile_condition(Condition("event.p", operator, wanted))
    return test(event(event_properties={"p": value}))


# --- the slow reading, written from Amplitude's page «Modify user segments» ---


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not re.fullmatch(
        r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", str(value), re.IGNORECASE
    ):
        return None
    return Decimal(str(value).strip())


def oracle(value: Any, operator: Operator, wanted: tuple[Scalar, ...]) -> bool:
    if operator in NEGATED:
        return not oracle(value, NEGATED[operator], wanted)
    several = value if isinstance(value, list) else [value]
    present = [each for each in several if each not in (None, "")]
    texts = [as_text(each) for each in present] or ["(none)"]
    goals = [as_text(each) for each in wanted]
    numbers = [number for number in map(as_number, present) if number is not None]
    limits = [number for number in map(as_number, wanted) if number is not None]
    result = False
    match operator:
        case Operator.IS:
            result = any(text == goal for text in texts for goal in goals)
        case Operator.CONTAINS:
            found = any(goal.lower() in text.lower() for text in texts for goal in goals)
            result = found if present else "(none)" in goals
        case Operator.STARTS_WITH:
            found = any(text.lower().startswith(goal.lower()) for text in texts for goal in goals)
            result = found if present else "(none)" in goals
        case Operator.LESS_THAN:
            result = any(number < limit for number in numbers for limit in limits)
        case Operator.LESS_OR_EQUAL:
            result = any(number <= limit for number in numbers for limit in limits)
        case Operator.GREATER_THAN:
            result = any(number > limit for number in numbers for limit in limits)
        case Operator.GREATER_OR_EQUAL:
            result = any(number >= limit for number in numbers for limit in limits)
        case Operator.SET_IS:
            result = sorted(set(texts)) == sorted(set(goals))
        case Operator.SET_CONTAINS:
            result = all(goal in texts for goal in goals)
        case Operator.SET_DOES_NOT_CONTAIN:
            result = not any(goal in texts for goal in goals)
        case Operator.GLOB_MATCH:  # these texts have no slash: any glob will do
            found = any(fnmatchcase(text, goal) for text in texts for goal in goals)
            result = found if present else "(none)" in goals
    return result


words = st.one_of(
    st.text("aAbB1 .é", min_size=1, max_size=4),
    st.sampled_from(["pro", "Pro", "(none)", "true", "false", "10", "9", "1e2", "-1", "1.50", "0", "none"]),
)
numbers_ = st.one_of(st.integers(-20, 20), st.sampled_from([0.5, 1.5, 10.0, -0.0, 100.0, 1.50]))
scalars = st.one_of(words, numbers_, st.booleans())
values = st.one_of(st.none(), st.just(""), scalars, st.lists(st.one_of(scalars, st.none(), st.just("")), max_size=4))


@pytest.mark.parametrize("operator", list(Operator))
@given(value=values, wanted=st.lists(scalars, min_size=1, max_size=3).map(tuple))
@examples(120)
def test_every_operator_means_what_amplitude_says(operator: Operator, value: Any, wanted: tuple[Scalar, ...]) -> None:
    """Amplitude, «Modify user segments».

    Several values are «any of», negated «none of»; `contains` and `starts with` ignore case; `set contains` takes all;
    what is absent (missing, null, empty) is `(none)`.
    """
    assert holds(value, operator, *wanted) == oracle(value, operator, wanted)


@pytest.mark.parametrize(("negated", "plain"), NEGATED.items())
@given(value=values, wanted=st.lists(scalars, min_size=1, max_size=3).map(tuple))
@examples(40)
def test_a_negated_operator_is_the_exact_negation(
    negated: Operator, plain: Operator, value: Any, wanted: tuple[Scalar, ...]
) -> None:
    """Amplitude, «Modify user segments»: `is not` of several values is none of them."""
    assert holds(value, negated, *wanted) is not holds(value, plain, *wanted)


@given(value=values, wanted=st.lists(scalars, min_size=1, max_size=3).map(tuple))
@examples(60)
def test_set_does_not_contain_is_none_of_the_values(value: Any, wanted: tuple[Scalar, ...]) -> None:
    """Several values of a negated operator: none of them, although `set contains` takes all of them."""
    none_of = all(not holds(value, Operator.SET_CONTAINS, each) for each in wanted)
    assert holds(value, Operator.SET_DOES_NOT_CONTAIN, *wanted) == none_of


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "expected"),
    [
        # absent
        (None, Operator.IS, ["(none)"], True),
        ("", Operator.IS, ["(none)"], True),
        ([], Operator.IS, ["(none)"], True),
        ([None, ""], Operator.IS, ["(none)"], True),
        ([None], Operator.IS, ["None"], False),
        (0, Operator.IS, ["(none)"], False),
        (None, Operator.IS, [""], True),
        ("", Operator.IS, ["", "pro"], True),
        ("x", Operator.IS, [""], False),
        ("x", Operator.IS_NOT, [""], True),
        ("", Operator.IS_NOT, [""], False),
        (None, Operator.SET_IS, [""], True),
        (False, Operator.IS, ["(none)"], False),
        ("x", Operator.IS_NOT, ["(none)"], True),
        (None, Operator.IS_NOT, ["(none)"], False),
        (None, Operator.IS_NOT, ["pro"], True),
        (None, Operator.CONTAINS, ["none"], False),
        (None, Operator.DOES_NOT_CONTAIN, ["x"], True),
        (None, Operator.DOES_NOT_START_WITH, ["x"], True),
        (None, Operator.GLOB_MATCH, ["*"], False),
        (None, Operator.GLOB_DOES_NOT_MATCH, ["*"], True),
        (None, Operator.LESS_THAN, [1], False),
        (None, Operator.GREATER_OR_EQUAL, [0], False),
        (None, Operator.SET_IS, ["(none)"], True),
        (None, Operator.SET_CONTAINS, ["a"], False),
        (None, Operator.SET_DOES_NOT_CONTAIN, ["a"], True),
        # case
        ("Pro", Operator.IS, ["pro"], False),
        ("Premium", Operator.CONTAINS, ["EMI"], True),
        ("Premium", Operator.STARTS_WITH, ["pRE"], True),
        ("STRASSE", Operator.CONTAINS, ["straße"], True),
        ("Pro", Operator.GLOB_MATCH, ["p*"], False),
        # numbers, as numbers and as text
        (10, Operator.IS, ["10"], True),
        ("10", Operator.IS, [10], True),
        (10.0, Operator.IS, [10], True),
        ("9", Operator.LESS_THAN, ["10"], True),
        ("1e2", Operator.GREATER_THAN, [99], True),
        (" 5 ", Operator.LESS_OR_EQUAL, [5], True),
        ("1,000", Operator.GREATER_THAN, [1], False),
        ("pro", Operator.GREATER_THAN, [1], False),
        (True, Operator.GREATER_OR_EQUAL, [0], False),
        (2**63, Operator.GREATER_THAN, [2**63 - 1], True),
        # booleans, however they are spelt
        (True, Operator.IS, ["true"], True),
        (True, Operator.IS, ["True"], True),
        ("True", Operator.IS, [True], True),
        ("FALSE", Operator.IS, ["false"], True),
        ("False", Operator.SET_CONTAINS, [False], True),
        (1, Operator.IS, [True], False),
        # arrays
        (["a", "b"], Operator.IS, ["b"], True),
        (["a", "b"], Operator.IS_NOT, ["b"], False),
        (["a", "b"], Operator.SET_IS, ["b", "a", "b"], True),
        (["a", "b", "c"], Operator.SET_IS, ["a", "b"], False),
        (["a", "b", "c"], Operator.SET_CONTAINS, ["a", "c"], True),
        (["a"], Operator.SET_CONTAINS, ["a", "c"], False),
        (["a"], Operator.SET_DOES_NOT_CONTAIN, ["a", "c"], False),
        ("a", Operator.SET_IS, ["a"], True),
        # globs
        ("/cart/pay", Operator.GLOB_MATCH, ["/cart/*"], True),
        ("/cart/pay/done", Operator.GLOB_MATCH, ["/cart/*"], False),
        ("/cart/pay/done", Operator.GLOB_MATCH, ["/cart/**"], True),
        ("v2", Operator.GLOB_MATCH, ["v[0-9]"], True),
        ("vx", Operator.GLOB_MATCH, ["v[!a-z]"], False),
        ("vX", Operator.GLOB_MATCH, ["v[!a-z]"], True),
    ],
)
def test_by_example(value: Any, operator: Operator, wanted: list[Scalar], *, expected: bool) -> None:
    """Amplitude, «Modify user segments»."""
    assert holds(value, operator, *wanted) is expected


# --- where a property is ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event.plan", "e"),
        ("event.a.b", "nested"),
        ("event.with.dots", "dots"),
        ("event.$price", "5"),
        ("user.plan", "u"),
        ("group.company.plan", "g"),
        ("group.company", "Acme"),
        ("group.team.size", "3"),
        ("user_id", "ada"),
        ("event_type", "open"),
        ("country", "Norway"),
        ("platform", "iOS"),
        ("app_version", "2.1"),
        ("version_name", "2.1"),
        ("ip", "1.2.3.4"),
        ("ip_address", "1.2.3.4"),
        ("insert_id", "i-1"),
        ("$insert_id", "i-1"),
        ("carrier", "Telenor"),
        ("device_carrier", "Telenor"),
        ("data.path", "/x"),
    ],
)
@pytest.mark.parametrize("shape", ["export", "upload"])
def test_every_place_of_a_property_is_reached(name: str, value: str, shape: str) -> None:
    """Design: event, user and group properties and the event's own fields, whichever of Amplitude's names they have."""
    common = {
        "event_properties": {"plan": "e", "a": {"b": "nested"}, "with.dots": "dots", "$price": 5},
        "user_properties": {"plan": "u"},
        "groups": {"company": ["Acme"]},
        "group_properties": {"company": {"Acme": {"plan": "g"}}, "team": {"size": 3}},
        "country": "Norway",
        "platform": "iOS",
        "data": {"path": "/x"},
    }
    export = {"version_name": "2.1", "ip_address": "1.2.3.4", "$insert_id": "i-1", "device_carrier": "Telenor"}
    upload = {"app_version": "2.1", "ip": "1.2.3.4", "insert_id": "i-1", "carrier": "Telenor"}
    found = event(**common, **(export if shape == "export" else upload))
    assert compile_condition(Condition(name, Operator.IS, (value,)))(found)
    assert not compile_condition(Condition(name, Operator.IS, ("(none)",)))(found)
    assert compile_condition(Condition(name, Operator.IS, ("(none)",)))(event(user_id=None, device_id="d")) is (
        name != "event_type"
    )


@given(values)
@examples(50)
def test_any_group_of_the_type_may_hold(value: Any) -> None:
    """Amplitude: an event may have several groups of one type."""
    found = event(group_properties={"company": {"Acme": {"plan": value}, "Bolt": {"plan": "pro"}}})
    assert compile_condition(Condition("group.company.plan", Operator.IS, ("pro",)))(found)


@given(st.lists(st.booleans(), max_size=4))
def test_all_conditions_must_hold(each_holds: list[bool]) -> None:
    """Amplitude: several conditions are AND; no condition always holds."""
    conditions = [
        Condition("user_id", Operator.IS if expected else Operator.IS_NOT, ("ada",)) for expected in each_holds
    ]
    assert compile_all(conditions)(event()) == all(each_holds)


@given(
    st.recursive(st.one_of(st.none(), scalars), lambda inner: st.one_of(st.lists(inner), st.dictionaries(words, inner)))
)
@examples(60)
def test_a_property_of_any_kind_costs_no_error(value: Any) -> None:
    """Nested values are compared as JSON text."""
    for operator in Operator:
        assert holds(value, operator, "a", 1) in (True, False)
    if isinstance(value, dict):
        assert holds(value, Operator.CONTAINS, "{")
