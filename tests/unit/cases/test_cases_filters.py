"""Cases of «Send events»: every operator on every kind of value, written in the settings as users write them.

Source: Amplitude, «Modify user segments»: several values are any of them, a negated operator is none of them,
`contains` and `starts with` do not look at case, and `(none)` is absent.
"""

import json
from typing import Any, Final

import pytest

from tests.fixtures.explained import ALL, explained, fate, ios, sent

MISSING: Final = "<missing>"
# operator, its values → values of the property for which it holds, and for which it does not
ROWS: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("is", "a", ["a", ["a", "b"]], ["A", "b", "", None, MISSING, 1]),
    ("is", ["a", "b"], ["a", "b"], ["c", "A", MISSING]),
    ("is", "(none)", [MISSING, None, "", []], ["a", 0, False]),
    ("is", ["(none)", "a"], [MISSING, "a"], ["b"]),
    ("is", "", [MISSING, ""], ["a"]),
    ("is", 5, [5, 5.0, "5"], [6, "6", MISSING]),
    ("is", "5", [5, "5"], [6]),
    ("is", True, [True, "true"], [False, "false", 1, MISSING]),
    ("is", False, [False, "false"], [True, 0, MISSING]),
    ("is_not", "a", ["b", "A", "", None, MISSING, 1], ["a", ["a", "b"]]),
    ("is_not", ["a", "b"], ["c", MISSING], ["a", "b"]),
    ("is_not", "(none)", ["a", 0, False], [MISSING, None, ""]),
    ("is_not", "", ["a"], [MISSING, ""]),
    ("contains", "ell", ["hello", "HELLO", ["x", "yelly"]], ["hi", MISSING, None, ""]),
    ("contains", ["ELL", "zz"], ["hello", "azz"], ["hi", MISSING]),
    ("contains", 2, [123, "123"], ["456"]),
    ("does_not_contain", ["ell", "zz"], ["hi", "", MISSING], ["HELLO", "azz"]),
    ("starts_with", ["he", "wo"], ["hello", "World"], ["ohe", "", MISSING]),
    ("does_not_start_with", ["he", "wo"], ["ohe", MISSING, ""], ["hello", "World"]),
    ("less_than", 5, [4, 4.9, -1, "4", "-3.5"], [5, 6, "10", MISSING, None, "abc", "", True]),
    ("less_than", [5, 10], [4, 7], [10, 11]),
    ("less_or_equal", 5, [5, 4, "5", 5.0], [5.1, "6", MISSING]),
    ("greater_than", 5, [6, "6", 5.1, "10"], [5, 4, MISSING, "abc", None, True]),
    ("greater_than", "5", [6, "10"], [5, "4"]),
    ("greater_than", 0, [1e-7, "1e-7"], [0, -0.0, -1]),
    ("greater_or_equal", 5, [5, 6, "5.0"], [4.99, MISSING]),
    ("set_is", ["a", "b"], [["a", "b"], ["b", "a", "b"]], [["a"], ["a", "b", "c"], MISSING, [], "a"]),
    ("set_is_not", ["a", "b"], [["a"], ["a", "b", "c"], MISSING], [["b", "a"]]),
    ("set_contains", ["a", "b"], [["a", "b", "c"]], [["a"], [], MISSING, ["A", "B"]]),
    ("set_does_not_contain", ["a", "b"], [["x"], [], MISSING], [["a", "b"], ["a"]]),
    ("glob_match", "/shop/*", ["/shop/x", "/shop/"], ["/shop/x/y", "shop/x", MISSING]),
    ("glob_match", "/shop/**", ["/shop/x", "/shop/x/y"], ["/shopping"]),
    ("glob_match", ["item-[0-9]", "[!a-z]x"], ["item-5", "1x"], ["item-x", "item-55", "ax"]),
    ("glob_match", "a.c", ["a.c"], ["abc"]),
    ("glob_does_not_match", ["a*", "b*"], ["cx", MISSING, None], ["ax", "bx"]),
]


def holding(properties: dict[str, Any], kind: str) -> set[int]:
    """Return the places of the rows whose condition holds, each of which sends the event under its own name."""
    rows = "".join(
        f'[[sync.event]]\nname = "Buy"\nsend_as = "{place}"\n'
        f'where = [{{ property = "{kind}p", {operator} = {json.dumps(wanted)} }}]\n'
        for place, (operator, wanted, _, _) in enumerate(ROWS)
    )
    lines = explained(ios(**properties), sync=rows)
    return {int(line["request"]["body"]["eventName"]) for line in lines if line["request"] is not None}


VALUES = {json.dumps(value): value for _, _, yes, no in ROWS for value in (*yes, *no)}


@pytest.mark.parametrize("kind", ["event.", "user.", "group.org."])
def test_every_operator(kind: str) -> None:
    """On event, user and group properties alike."""
    found: dict[tuple[str, str, str], bool] = {}
    expected: dict[tuple[str, str, str], bool] = {}
    for value, meant in VALUES.items():
        properties: dict[str, Any] = {} if meant == MISSING else {"p": meant}
        where: dict[str, dict[str, Any]] = {
            "event.": {"event_properties": properties},
            "user.": {"user_properties": properties},
            "group.org.": {"groups": {"org": ["Acme"]}, "group_properties": {"org": {"Acme": properties}}},
        }
        holds = holding(where[kind], kind)
        for place, (operator, wanted, yes, no) in enumerate(ROWS):
            case = (value, operator, json.dumps(wanted))
            if value in map(json.dumps, [*yes, *no]):
                expected[case] = value in map(json.dumps, yes)
                found[case] = place in holds
    assert set(VALUES) == {value for value, _, _ in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("row", "outcomes"),
    [
        ('name = "Buy"', ["1 sent", "2 filtered not_selected"]),
        ('name = "buy"', ["1 filtered not_selected", "2 filtered not_selected"]),
        ('name = "*"', ["1 sent", "2 sent"]),
        ('name = "*"\nwhere = [{ property = "country", is = "US" }]', ["1 filtered not_selected", "2 sent"]),
        ('name = "*"\nwhere = [{ property = "country", is = "US" }, { property = "platform", is = "x" }]',
         ["1 filtered not_selected", "2 filtered not_selected"]),
        ('name = "Buy"\n[[sync.event]]\nname = "*"\nsend_as = "any"', ["1 sent", "1 sent", "2 sent"]),
    ],
    ids=range(6),
)  # fmt: skip
def test_rows_of_send_events(row: str, outcomes: list[str]) -> None:
    """Any row that holds sends the event; all conditions of a row must hold; two names make two requests."""
    lines = explained(ios(), ios(event_type="Other", country="US"), sync=f"[[sync.event]]\n{row}\n")
    assert [fate(line) for line in lines] == outcomes


def test_an_event_may_go_out_under_another_name() -> None:
    assert sent(ios(), sync='[[sync.event]]\nname = "Buy"\nsend_as = "af_purchase"\n')["eventName"] == "af_purchase"


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (ios(user_properties={"ok": True}), "1 sent"),
        (ios(), "1 filtered consent"),
        (ios(platform="Web"), "1 filtered consent"),
        (ios(platform="Web", user_properties={"ok": True}), "1 filtered platform"),
        (ios(event_type="$identify"), "1 filtered reserved"),
    ],
)
def test_the_first_reason_that_holds_is_said(event: dict[str, Any], outcome: str) -> None:
    """Reserved, not selected, consent, platform."""
    (line,) = explained(event, sync=f'{ALL}consent_where = [{{ property = "user.ok", is = true }}]\n')
    assert fate(line) == outcome
