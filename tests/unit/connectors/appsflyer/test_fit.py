"""The body within AppsFlyer's size limit, against an oracle that takes one property away at a time.

Source of the limit: AppsFlyer, OpenAPI of the S2S events API (api3): «JSON payload size: up to 1KB».
"""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.fit import fit, serialise
from connectors.appsflyer.properties import EVENT, GROUP, USER, EventProperties

ENVELOPE = {"appsflyer_id": "1234567890123-1234567", "eventName": "af_purchase", "eventValue": "", "os": "17.4"}
ENVELOPE_BYTES = len(orjson.dumps(ENVELOPE))

kinds = st.sampled_from(["user", "group", "event"])
names = st.sampled_from(["af_revenue", "af_price", "af_x", "af_"]) | st.text(
    st.characters(codec="utf-8"), min_size=0, max_size=12
)
values = st.recursive(
    st.text(st.characters(codec="utf-8"), max_size=300) | st.sampled_from(['"' * 50, "\\" * 50, "é" * 200, "😀" * 90])
    | st.integers(-(2**53), 2**53) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
properties_of_all_kinds = st.dictionaries(names, st.tuples(kinds, values), max_size=12).map(
    lambda content: dict(sorted(content.items(), key=lambda item: (EVENT, USER, GROUP).index(item[1][0])))
)


def as_properties(content: dict[str, tuple[str, Any]]) -> EventProperties:
    kinds = [kind for kind, _ in content.values()]
    values = {name: value for name, (_, value) in content.items()}
    return EventProperties(values, kinds.count(EVENT), kinds.count(USER))


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def body_of(values: dict[str, Any]) -> bytes:
    return dumps({**ENVELOPE, "eventValue": dumps(values) if values else ""}).encode()


def oracle(content: dict[str, tuple[str, Any]], limit: int) -> tuple[bytes, list[str]] | None:
    """Take away, one by one: user, group, event, `af_…`, revenue; the longest first; of equals the last by name."""

    def first_to_go(name: str) -> tuple[int, int, str]:
        kind, value = content[name]
        order = {"user": 4, "group": 3, "event": 2}[kind]
        if name[:3] == "af_":
            order = 0 if name == "af_revenue" else 1
        return order, len(dumps(dumps({name: value})).encode()), name

    values = {name: value for name, (_, value) in content.items()}
    trimmed: list[str] = []
    while len(body_of(values)) > limit:
        if not values:
            return None
        gone = max(values, key=first_to_go)
        del values[gone]
        trimmed.append(gone)
    return body_of(values), trimmed


@given(properties_of_all_kinds, st.integers(ENVELOPE_BYTES - 2, ENVELOPE_BYTES + 1500) | st.just(1024))
def test_the_body_is_that_of_the_oracle(content: dict[str, tuple[str, Any]], limit: int) -> None:
    """The same properties are left out, in the same order, and never one more than it takes."""
    fitted = fit(dict(ENVELOPE), as_properties(content), limit)
    expected = oracle(content, limit)
    if fitted is None:
        assert expected is None
        assert limit < ENVELOPE_BYTES
    else:
        assert expected == (fitted.body, list(fitted.trimmed))


@given(properties_of_all_kinds, st.integers(1, 12), st.sampled_from([-1, 0, 1]))
def test_the_greedy_order_is_left_at_the_very_byte(content: dict[str, tuple[str, Any]], gone: int, off: int) -> None:
    """A body that fits to the byte stays; one byte over costs exactly the next property."""
    exact = oracle(content, ENVELOPE_BYTES)
    assert exact is not None
    left = {name: value for name, (_, value) in content.items() if name not in exact[1][:gone]}
    limit = max(len(body_of(left)) + off, ENVELOPE_BYTES)
    fitted = fit(dict(ENVELOPE), as_properties(content), limit)
    assert fitted is not None
    assert oracle(content, limit) == (fitted.body, list(fitted.trimmed))


@given(properties_of_all_kinds, st.integers(ENVELOPE_BYTES, ENVELOPE_BYTES + 1500))
def test_the_body_fits_and_event_value_is_text_that_holds_an_object_or_nothing(
    content: dict[str, tuple[str, Any]], limit: int
) -> None:
    """AppsFlyer, api3: `eventValue` is a string of format json; without parameters it is ""."""
    fitted = fit(dict(ENVELOPE), as_properties(content), limit)
    assert fitted is not None
    assert len(fitted.body) <= limit
    event_value = json.loads(fitted.body)["eventValue"]
    assert isinstance(event_value, str)
    left = json.loads(event_value) if event_value else {}
    assert left == {name: value for name, (_, value) in content.items() if name not in fitted.trimmed}
    assert (event_value == "") == (not left)


@given(properties_of_all_kinds, st.integers(ENVELOPE_BYTES, ENVELOPE_BYTES + 600))
def test_no_property_goes_while_one_of_a_lower_rank_stays(content: dict[str, tuple[str, Any]], limit: int) -> None:
    """User before group before event before `af_…` before `af_revenue`."""
    properties = as_properties(content)
    fitted = fit(dict(ENVELOPE), properties, limit)
    assert fitted is not None
    gone = [properties.ranks()[name] for name in fitted.trimmed]
    left = [properties.ranks()[name] for name in content if name not in fitted.trimmed]
    assert gone == sorted(gone)
    assert not gone or not left or max(gone) <= min(left)


@pytest.mark.parametrize("length", [1023, 1024, 1025])
@pytest.mark.parametrize("letter", ["a", "é", "漢", "😀", '"', "\\", "\n", "\0", "\x7f", "\u2028"], ids=ascii)
def test_the_edge_is_counted_in_bytes(letter: str, length: int) -> None:
    """1,024 bytes fit, 1,025 do not: letters count as the bytes that they take where they stand, as JSON in JSON."""
    text = letter
    while len(body_of({"e": text + letter, "f": "x"})) <= length:
        text += letter
    filler = "x" * (length - len(body_of({"e": text, "f": ""})))
    values = {"e": text, "f": filler}
    assert len(body_of(values)) == length
    fitted = fit(dict(ENVELOPE), as_properties({name: ("event", value) for name, value in values.items()}), 1024)
    assert fitted is not None
    assert fitted.trimmed == (() if length <= 1024 else ("e",))
    assert fitted.body == body_of(values if length <= 1024 else {"f": filler})


def test_identifiers_alone_that_do_not_fit_are_refused() -> None:
    """Nothing but properties is ever left out."""
    assert fit(dict(ENVELOPE), as_properties({}), ENVELOPE_BYTES) is not None
    assert fit(dict(ENVELOPE), as_properties({}), ENVELOPE_BYTES - 1) is None
    assert fit(dict(ENVELOPE), as_properties({"a": ("event", 1)}), ENVELOPE_BYTES - 1) is None


def test_without_properties_the_value_is_empty_text() -> None:
    """Not "{}", not " ", not null (AppsFlyer, api3: «send `"eventValue":""`»)."""
    assert json.loads(serialise(dict(ENVELOPE), {}))["eventValue"] == ""
