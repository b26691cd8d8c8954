"""Integers beyond 64 bits keep their digits, from the record to the body; all else is as orjson reads and writes it."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.exact_json import dumps, loads
from tests.fixtures.explained import explained, ios

integers = st.integers(-(10**40), 10**40) | st.sampled_from(
    [2**63, 2**63 - 1, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64]
)
leaves = integers | st.none() | st.booleans() | st.text(st.characters(codec="utf-8"), max_size=30) | st.from_regex(
    r"[0-9]{13}-[0-9]{17,25}", fullmatch=True
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
)


@given(values, st.sampled_from([None, 1]))
def test_what_is_written_is_read_exactly(value: Any, indent: int | None) -> None:
    assert loads(json.dumps(value, indent=indent).encode()) == value
    assert loads(dumps(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_as_ever(number: float) -> None:
    assert loads(json.dumps([number]).encode()) == [number]
    assert dumps([number]) == orjson.dumps([number])


@pytest.mark.parametrize("text", ["1" * 5000, "[" * 2000, '{"a":NaN}', '{"a":12345678901234567890 }}', '"\\ud800"'])
def test_what_orjson_refuses_is_refused(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        loads(text.encode())


@pytest.mark.parametrize("digits", ["89314404000123456789", "-9223372036854775809", "1" * 60, "18446744073709551616"])
@pytest.mark.parametrize("nested", [False, True])
def test_the_digits_arrive(digits: str, nested: bool) -> None:  # noqa: FBT001
    """Card, account and order numbers: as a float they would be other numbers."""
    own = f'{{"n":{digits}}}' if nested else digits
    line = json.dumps(ios(event_properties={"iccid": "HERE"})).replace('"HERE"', own)
    (sent,) = explained(line.encode())
    assert f'"iccid":{own}' in sent["request"]["body"]["eventValue"]
