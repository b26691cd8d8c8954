"""Cases of what an event carries: revenue, properties, the size limit, mapped fields.

Sources: AppsFlyer, OpenAPI of the S2S events API and «In-app events»; Amplitude, HTTP V2 API and «Track revenue».
"""

from typing import Any

import orjson
import pytest

from tests.fixtures.explained import ALL, android, explained, ios, sent, value_of, warned_of

CURRENCY = {"$currency": "USD"}
MONEY: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(
        ({"$revenue": amount}, {"af_revenue": text})
        for amount, text in (
            (9.99, "9.99"), (10, "10"), (10.0, "10"), ("12", "12"), ("12.50", "12.5"), (" 5 ", "5"), (-5, "-5"),
            ("-3.20", "-3.2"), (0, "0"), (-0.0, "0"), (1e-7, "0"), ("1e-7", "0"), (-1e-7, "0"), (1.234567, "1.23457"),
            (1.5e3, "1500"), ("1e3", "1000"), (1e21, "1" + "0" * 21), (12345678901234567890, "12345678901234567890"),
        )
    ),
    *(
        ({"$revenue": bad}, {"$revenue": bad})
        for bad in ("9,99", "1,234.56", "$5", "5 USD", "NaN", "Infinity", "abc", True, [5], {"a": 1}, 1e300)
    ),
    ({"$price": 3, "$quantity": 2}, {"af_price": "3", "af_quantity": "2", "af_revenue": "6"}),
    ({"$price": 3, "$quantity": 2, "$revenue": 100}, {"af_price": "3", "af_quantity": "2", "af_revenue": "6"}),
    ({"$price": 19.99, "$quantity": 3}, {"af_price": "19.99", "af_quantity": "3", "af_revenue": "59.97"}),
    ({"$price": "19.99", "$quantity": "3"}, {"af_price": "19.99", "af_quantity": "3", "af_revenue": "59.97"}),
    ({"$price": 4.5}, {"af_price": "4.5", "af_revenue": "4.5"}),
    ({"$price": -3, "$quantity": 2}, {"af_price": "-3", "af_quantity": "2", "af_revenue": "-6"}),
    ({"$price": "x", "$quantity": 2, "$revenue": 7}, {"$price": "x", "af_quantity": "2", "af_revenue": "7"}),
    ({"$revenue": 3, "$productId": "sku"}, {"af_revenue": "3", "af_content_id": "sku"}),
    ({"$revenue": 3, "af_revenue": "7.5"}, {"af_revenue": "7.5"}),
    ({"$revenue": 3, "af_revenue": ""}, {"af_revenue": "3"}),
    ({"$price": 3, "$productId": "a", "af_content_id": "b", "af_price": 9},
     {"af_content_id": "b", "af_price": 9, "af_revenue": "3"}),
    ({"$revenue": None, "plan": "x"}, {"plan": "x"}),
    ({"revenue": 5, "price": 3}, {"revenue": 5, "price": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("properties", "expected"), MONEY, ids=range(len(MONEY)))
def test_money(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    """Decimal text of at most five decimals; what is no number is no revenue, goes through as it is, and is said."""
    (line,) = explained(ios(event_properties={**properties, **CURRENCY}))
    body = line["request"]["body"]
    assert value_of(body) == expected
    assert body["eventCurrency"] == "USD"
    is_invalid = any(name in expected for name in ("$revenue", "$price"))
    assert warned_of(line) == ({"invalid_revenue"} if is_invalid else set())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"revenue": 9.99}, {"af_revenue": "9.99"}),
        ({"price": 3, "quantity": 2, "revenue": 50}, {"af_price": "3", "af_quantity": "2", "af_revenue": "6"}),
        ({"revenue": -3.5, "productId": "sku"}, {"af_revenue": "-3.5", "af_content_id": "sku"}),
        ({"price": 3, "event_properties": {"$quantity": 2}},
         {"af_price": "3", "af_quantity": "2", "af_revenue": "6"}),
        ({"revenue": 1, "event_properties": {"$revenue": 2}}, {"af_revenue": "2"}),
        ({"revenue": "9,50"}, {}),
    ],
)  # fmt: skip
def test_money_of_an_upload(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Amplitude, HTTP V2 API: `price`, `quantity`, `revenue`, `productId` and `currency` at the event's top."""
    body = sent(ios(currency="EUR", **fields))
    assert (value_of(body), body["eventCurrency"]) == (expected, "EUR")


@pytest.mark.parametrize(
    ("properties", "default", "currency", "warnings"),
    [
        ({"$revenue": 5}, None, None, {"no_currency"}),
        ({"$revenue": 5}, "EUR", "EUR", set()),
        ({"$revenue": 5, "$currency": "usd"}, "EUR", "USD", set()),
        ({"$revenue": 5, "$currency": ""}, "EUR", "EUR", set()),
        ({"$revenue": 5, "$currency": "ZZZ"}, "EUR", "ZZZ", {"unknown_currency"}),
        ({"$revenue": 5, "$currency": "€"}, "EUR", None, {"unknown_currency"}),
    ],
)
def test_the_currency(
    properties: dict[str, Any], default: str | None, currency: str | None, warnings: set[str]
) -> None:
    (line,) = explained(
        ios(event_properties=properties), sync=ALL + (f'default_currency = "{default}"\n' if default else "")
    )
    assert (line["request"]["body"].get("eventCurrency"), warned_of(line)) == (currency, warnings)


KINDS = {
    "event_properties": {"a": 1, "b": {"x": [1]}},
    "user_properties": {"a": 2, "c": 3},
    "group_properties": {"org": {"Acme": {"a": 4, "d": 5}}},
}
NESTED = {"b": {"x": [1]}}
RULES: list[tuple[str, dict[str, Any]]] = [
    ("", {"a": 1, **NESTED, "user.a": 2, "c": 3, "group.a": 4, "d": 5}),
    ("properties = { event = ['a'] }", {"a": 1}),
    ("properties = { event = ['a'], user = ['c'], group = ['d'] }", {"a": 1, "c": 3, "d": 5}),
    ("properties = { event = ['b'], user = ['a'] }", {**NESTED, "a": 2}),
    ("properties = { event = 'all', user = ['c'] }", {"a": 1, **NESTED, "c": 3}),
    ("exclude = ['a']", {**NESTED, "c": 3, "d": 5}),
    ("exclude = ['user.a', 'group.a']", {"a": 1, **NESTED, "c": 3, "d": 5}),
    ("properties = { event = ['a', 'b'] }\nexclude = ['b']", {"a": 1}),
    ("properties = { event = 'all' }\nnested = 'text'", {"a": 1, "b": '{"x":[1]}'}),
    ("properties = { event = 'all' }\nnested = 'drop'", {"a": 1}),
]


@pytest.mark.parametrize(("rules", "expected"), RULES, ids=range(len(RULES)))
def test_which_properties_go_out(rules: str, expected: dict[str, Any]) -> None:
    """All by default; on a collision the event's keeps its name, and nothing disappears silently."""
    assert value_of(sent(ios(**KINDS), sync=f"{ALL}{rules}\n")) == expected


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({}, ""), ({"a": None}, ""), ({"a": ""}, '{"a":""}'), ({"a": 1.50}, '{"a":1.5}'),
        ({"$foo": 1, "[Amplitude] Screen": "x"}, '{"$foo":1,"[Amplitude] Screen":"x"}'),
        ({"n": 9007199254740993, "e": "😀", "q": 'a"\\\n'}, '{"n":9007199254740993,"e":"😀","q":"a\\"\\\\\\n"}'),
    ],
)  # fmt: skip
def test_the_event_value_is_json_as_text(properties: dict[str, Any], text: str) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: a string; without parameters the empty one."""
    assert sent(ios(event_properties=properties))["eventValue"] == text


def filled(total_bytes: int, letter: str = "x") -> dict[str, Any]:
    """Return an event whose body takes so many bytes, for the most part of one letter."""
    room = total_bytes - len(orjson.dumps(sent(ios(event_properties={"p": ""}))))
    size = len(letter.encode())
    return ios(event_properties={"p": letter * (room // size) + "x" * (room % size)})


@pytest.mark.parametrize("letter", ["x", "é", "中", "😀"])
def test_the_limit_is_in_bytes(letter: str) -> None:
    """1,024 bytes of the serialised body go out whole; one more costs the property."""
    whole = sent(filled(1024, letter))
    assert len(orjson.dumps(whole)) == 1024
    assert value_of(whole) == filled(1024, letter)["event_properties"]
    (line,) = explained(filled(1025, letter))
    assert line["request"]["body"]["eventValue"] == ""
    assert warned_of(line) == {"trimmed_properties"}


E, U, G = "event_properties", "user_properties", "group_properties"
TRIMMED: list[tuple[dict[str, Any], set[str]]] = [
    ({E: {"e": "e" * 760}, U: {"u": "u" * 100}}, {"e"}),
    ({E: {"e": "e" * 300}, U: {"u": "u" * 150}, G: {"org": {"A": {"g": "g" * 600}}}}, {"e"}),
    ({E: {"e": "e" * 300}, U: {"u": "u" * 150}, G: {"org": {"A": {"g": "g" * 400}}}}, {"e", "g"}),
    ({E: {"e": "e" * 300}, U: {"s": "s" * 100, "l": "l" * 400}}, {"e", "s"}),
    ({E: {"a": "a" * 200, "b": "b" * 500, "c": "c" * 190}}, {"a", "c"}),
    ({E: {"a": "中" * 150, "b": "b" * 300, "c": "c" * 250}}, {"b", "c"}),
    ({E: {"n" * 400: "1", "b": "b" * 300, "c": "c" * 250}}, {"b", "c"}),
    ({E: {"af_x": "x" * 600, "e": "e" * 300, "f": "f"}, U: {"u": "u"}}, {"af_x", "f"}),
    ({E: {"af_x": "x" * 900, "af_s": "1", "$revenue": 5, "e": "e"}}, {"af_s", "af_revenue"}),
    ({"user_id": "u" * 600, E: {"p": "x" * 500}}, set()),
]


@pytest.mark.parametrize(("fields", "left"), TRIMMED, ids=range(len(TRIMMED)))
def test_what_is_trimmed(fields: dict[str, Any], left: set[str]) -> None:
    """User, group, event; within each the longest first; `af_…` last."""
    body = sent(ios(**fields))
    assert value_of(body).keys() == left
    assert len(orjson.dumps(body)) <= 1024


@pytest.mark.parametrize("fields", [{"user_id": "u" * 900}, {"user_id": "ü" * 450}, {"event_type": "n" * 900}])
def test_what_does_not_fit_without_properties_is_too_large(fields: dict[str, Any]) -> None:
    (line,) = explained(ios(**fields))
    assert (line["outcome"], line["reason"], line["request"]) == ("dead_lettered", "too_large", None)


HASH = "0123456789abcdef" * 4
MANUAL = {"manual": {"gdpr_applies": True, "ad_user_data_enabled": True, "ad_personalization_enabled": False}}
AS_TEXT = {"manual": {"gdpr_applies": "true", "ad_user_data_enabled": 1, "ad_personalization_enabled": "false"}}
TCF = {"tcf": {"policy_version": 4, "gdpr_applies": 1, "cmp_sdk_id": 1, "cmp_sdk_version": 1, "tcstring": "COvFyG"}}
FIELDS: list[tuple[str, Any, Any]] = [
    ("consent_data", MANUAL, MANUAL), ("consent_data", AS_TEXT, MANUAL), ("consent_data", TCF, TCF),
    ("consent_data", {**MANUAL, **TCF}, None), ("consent_data", {"eea": True, "adUserData": True}, None),
    ("sharing_filter", "all", "all"), ("sharing_filter", ["facebook_int"], ["facebook_int"]),
    ("sharing_filter", ["a", 1], None), ("aie", True, True), ("aie", "false", False), ("aie", "x", None),
    ("ua", "Mozilla/5.0", "Mozilla/5.0"), ("custom_data", {"a": 1}, '{"a":1}'), ("custom_data", "hi", None),
    ("app_store", "huawei", "huawei"), ("app_type", "app_clip", "app_clip"), ("app_type", "x", None),
    ("fb_login_id", 123, "123"), ("fb_login_id", "x", None),
    *((f"{name}_hashed", given, real)
      for name in ("email", "phone_number", "phone_number_e164", "first_name", "last_name")
      for given, real in ((HASH, HASH), (HASH.upper(), HASH), ("ada@example.com", None))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "real"), FIELDS, ids=range(len(FIELDS)))
def test_mapped_fields_have_appsflyers_form_or_are_left_out(name: str, given: Any, real: Any) -> None:
    """`[sync.fields]`: of several paths the first with a value; what AppsFlyer would not take is said."""
    mapped = f'{ALL}[sync.fields]\n{name} = ["user_properties.none", "event_properties.p"]\n'
    (line,) = explained(android(event_properties={"p": given}), sync=mapped)
    assert line["request"]["body"].get(name) == real
    # The property itself leaves, too: an address that is not hashed is warned of.
    assert warned_of(line) - {"personal_value"} == (set() if real is not None else {"invalid_field"})
