"""What looks like a person's e-mail address or telephone number, and what only resembles one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.personal import looks_personal, personal_properties

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "value",
    [
        "ada@example.com", " Ada.Lovelace+x@mail.example.co.uk ", "Ada <ada@example.com>", "mailto:ada@example.com",
        "https://a.example/?u=ada%40example.com", '{"mail":"ada@example.com"}', "ADA@EXAMPLE.COM",
        "jürgen@müller.example",
        "+4917112345678", "+49 171 1234567", "+1 (555) 123-4567", "0049 171 1234567", "call +491711234567 now",
        "tel:+15551234567", "(555) 123-4567", "555-123-4567", "555.123.4567", "0171 1234567", "0171/1234567",
        "01711234567", "555-123-4567 x12",
    ],
)  # fmt: skip
def test_what_a_person_is_reached_at(value: str) -> None:
    assert looks_personal(value)


@pytest.mark.parametrize(
    "value",
    [
        "", "ada", "@ada", "a@b", "logo@2x.png", "@scope/package.json", "12.5", "1700000000000", 1_700_000_000_001,
        "1700000000000-1234567", "2024-03-10", "2024-03-10 11:59:00", "10.03.2024", "192.168.100.101", "1.2.3456",
        "AEBE52E7-03EE-455A-B3C4-E57283966239", "978-3-16-148410-0", "4000-5000", "ORD-555-123-4567", "4839201234",
        "52.5200 13.4050", True, None, 5551234567, "123456789012345678", "38400000-8cf0-11bd-b23e-10b96e40000d",
    ],
)  # fmt: skip
def test_what_only_resembles_it(value: Any) -> None:
    assert not looks_personal(value)


@pytest.mark.parametrize(("name", "value"), [("phone", "5551234567"), ("Mobile_No", 4917112345678), ("tel", "1234567")])
def test_bare_digits_count_where_the_name_says_telephone(name: str, value: Any) -> None:
    assert looks_personal(value, name)
    assert not looks_personal(value, "order_id")


def test_the_path_is_named_and_no_value() -> None:
    properties = {
        "plan": "pro",
        "profile": {"contacts": [{"mail": "ada@example.com"}, "+491711234567"], "age": 36},
        "bob@example.com": True,
        "phone": 4917112345678,
    }
    assert personal_properties(properties) == (
        "profile.contacts.mail", "profile.contacts", "a name that is one itself", "phone",
    )  # fmt: skip


@given(st.emails(), st.sampled_from([lambda x: x, lambda x: {"k": x}, lambda x: [x], lambda x: [[{"k": [x]}]]]))
def test_every_address_is_found_and_none_is_repeated(address: str, wrap: Any) -> None:
    (said,) = personal_properties({"p": wrap(f" {address} ")})
    assert said.startswith("p")
    assert address not in said


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=5))
def test_it_is_total_and_a_text_without_at_and_digits_is_nobody(properties: dict[str, Any]) -> None:
    personal_properties(properties)
    assert not looks_personal("".join(each for each in str(properties) if each not in "@%" and not each.isdigit()))


def test_a_text_that_was_made_to_take_long_takes_no_time() -> None:
    """Bounded, and by no step more than once a character."""
    for piece in ("a@", "a.", "+1 ", "1-", "a@a.", "%40", "((("):
        personal_properties({"p": piece * 500_000})
