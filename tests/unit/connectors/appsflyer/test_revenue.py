"""Revenue, against an oracle of whole hundred-thousandths.

Sources: Amplitude, HTTP V2 API («price», «quantity», «revenue») and «Track revenue» (`$revenue`, `$price`, `$quantity`,
`$productId`, `$currency`); AppsFlyer, «In-app events» and OpenAPI of the S2S events API (api3), `eventValue`.
"""

import re
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.revenue import Revenue, print_number, read_number, read_revenue
from flows.domain.decode import decode
from flows.domain.event import Event, Record

PLAIN = re.compile(r"-?[0-9]+(\.[0-9]{1,5})?")


def an_event(properties: dict[str, Any] | None = None, **fields: Any) -> Event:
    body = {"event_type": "buy", "user_id": "u1", "event_properties": properties or {}, **fields}
    (event,) = decode(Record(orjson.dumps(body), None, "t", 0, 0, 1_700_000_000_000))
    assert isinstance(event, Event)
    return event


def revenue_of(properties: dict[str, Any] | None = None, **fields: Any) -> Revenue:
    return read_revenue(an_event(properties, **fields))


def oracle(*factors: object) -> str:
    """Multiply exactly, round half away from zero to 1/100,000, and write it by whole-number division."""
    product = Fraction(1)
    for factor in factors:
        product *= Fraction(str(factor))
    units = (abs(product) * 200_000 + 1) // 2
    whole, rest = divmod(units, 100_000)
    text = f"{whole}.{rest:05d}".rstrip("0").rstrip(".")
    return f"-{text}" if product < 0 and units else text


amounts = (
    st.integers(-(10**18), 10**18)
    | st.floats(-1e15, 1e15, allow_nan=False)
    | st.floats(-1e-3, 1e-3, allow_nan=False)
    | st.decimals(-(10**12), 10**12, allow_nan=False, places=7).map(str)
    | st.sampled_from(["1e-7", "1E+3", "-2.5e2", "+7", ".5", "5.", " 3 ", "0.000005", "-0.000005", "-0", "0"])
)


@given(amounts)
def test_revenue_is_the_exact_decimal_with_at_most_five_decimals_and_no_exponent(amount: float | str) -> None:
    """AppsFlyer, «In-app events»: digits, an optional point and minus, up to five decimals; «no formatting» (api3)."""
    text = revenue_of({"$revenue": amount}).parameters["af_revenue"]
    assert PLAIN.fullmatch(text)
    assert text == oracle(str(amount).strip())


def is_zero(amount: object) -> bool:
    return oracle(str(amount).strip()) == "0"


@given(
    amounts.filter(lambda price: not is_zero(price)),
    st.integers(1, 1000) | st.integers(-1000, -1) | st.floats(1, 100, allow_nan=False) | st.just("2.5"),
    amounts,
)
def test_price_times_quantity_wins_over_revenue(price: float | str, quantity: float | str, stated: float | str) -> None:
    """Amplitude, HTTP V2 API: «if you send all 3, price * quantity is used as the revenue value»."""
    revenue = revenue_of({"$price": price, "$quantity": quantity, "$revenue": stated})
    assert revenue.parameters == {
        "af_price": oracle(str(price).strip()),
        "af_quantity": oracle(quantity),
        "af_revenue": oracle(str(price).strip(), quantity),
    }
    assert revenue.consumed == {"$price", "$quantity", "$revenue"}


@given(amounts, amounts)
def test_top_level_fields_mean_the_same_as_properties(price: float | str, stated: float | str) -> None:
    """Amplitude, HTTP V2 API: the upload has `price`, `quantity`, `revenue`, `productId`, `currency` at its top."""
    top = revenue_of(price=price, quantity=3, revenue=stated, productId="p", currency="eur")
    inner = revenue_of({"$price": price, "$quantity": 3, "$revenue": stated, "$productId": "p", "$currency": "eur"})
    assert top.parameters == inner.parameters
    assert top.currency == inner.currency == "EUR"
    assert not top.consumed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.99, "9.99"), (6, "6"), ("16", "16"), (100, "100"), (1e-7, "0"), ("1e-7", "0"), ("1E-5", "0.00001"),
        (0.000005, "0.00001"), (-5, "-5"), ("-123.45", "-123.45"), (-0.0, "0"), ("-0.0000001", "0"), ("007", "7"),
        (1e22, "10000000000000000000000"), ("1e30", "1" + "0" * 30), (0, "0"), (12.345678, "12.34568"),
        (18446744073709551615, "18446744073709551615"),
    ],
)  # fmt: skip
def test_examples(value: object, text: str) -> None:
    """Refunds keep their sign, integers given as text are numbers, small and large ones are written out."""
    revenue = revenue_of({"$revenue": value})
    assert revenue.parameters == {"af_revenue": text}
    assert revenue.invalid == ()


@pytest.mark.parametrize(
    "value",
    [
        "1,234.56", "1,234", "$5", "5 USD", "abc", "NaN", "Infinity", "-inf", "1e31", "1e999", "9" * 41, "0x10",
        "1_000",
        "--1", "1.2.3", "٣", True, False, [], [5], {}, {"amount": 5}, "1e1000", 1e31, -1e300, "e5", ".", "-",
    ],
)  # fmt: skip
def test_what_is_no_number_is_no_revenue_and_says_so(value: object) -> None:
    """AppsFlyer takes no «1,234.56» and no currency signs; the property goes through as it is, with a warning."""
    revenue = revenue_of({"$revenue": value})
    assert revenue.parameters == {}
    assert revenue.invalid == ("$revenue",)
    assert revenue.consumed == frozenset()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), True, None, b"5", [1]])
def test_reading_a_number_is_total(number: object) -> None:
    """Whatever it is, it is read or refused, and never raises."""
    assert read_number(number) is None


@given(st.text() | st.floats() | st.integers(-(10**60), 10**60) | st.booleans() | st.none() | st.lists(st.integers()))
def test_what_is_read_as_a_number_can_be_printed(value: object) -> None:
    """No value makes the printing fail or use an exponent."""
    number = read_number(value)
    assert number is None or PLAIN.fullmatch(print_number(number))


@pytest.mark.parametrize(
    ("properties", "expected", "invalid"),
    [
        ({"$price": 2.5}, {"af_price": "2.5", "af_revenue": "2.5"}, ()),
        ({"$price": 2.5, "$revenue": 9}, {"af_price": "2.5", "af_revenue": "9"}, ()),
        ({"$quantity": 2}, {"af_quantity": "2"}, ()),
        ({"$quantity": 2, "$revenue": 9}, {"af_quantity": "2", "af_revenue": "9"}, ()),
        ({"$price": 2.5, "$quantity": "two"}, {"af_price": "2.5"}, ("$quantity",)),
        ({"$price": 2.5, "$quantity": "two", "$revenue": 5}, {"af_price": "2.5", "af_revenue": "5"}, ("$quantity",)),
        ({"$price": "x", "$quantity": 2, "$revenue": 5}, {"af_quantity": "2", "af_revenue": "5"}, ("$price",)),
        ({"$price": 2.5, "$quantity": 0}, {"af_price": "2.5", "af_revenue": "2.5"}, ()),
        ({"$price": -2.5, "$quantity": 2}, {"af_price": "-2.5", "af_quantity": "2", "af_revenue": "-5"}, ()),
        ({"$price": 0.1, "$quantity": 3}, {"af_price": "0.1", "af_quantity": "3", "af_revenue": "0.3"}, ()),
        ({"$price": None, "$quantity": "", "$revenue": 5}, {"af_revenue": "5"}, ()),
    ],
)
def test_combinations(properties: dict[str, Any], expected: dict[str, str], invalid: tuple[str, ...]) -> None:
    """Amplitude, «Track revenue»: the quantity is 1 if absent; a refund's sign is kept; null and "" mean absent."""
    revenue = revenue_of(properties)
    assert revenue.parameters == expected
    assert revenue.invalid == invalid
    assert revenue.consumed == {name for name, value in properties.items() if value is not None} - set(invalid)


OF_GO = {
    "$revenue": 0, "$price": 0, "$quantity": 0, "$productId": "", "$revenueType": "", "$receipt": "", "$receiptSig": "",
    "$currency": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"$revenue": 9.99}, {"af_revenue": "9.99"}),
        ({"$revenue": "9.99", "$price": "0", "$quantity": "0.0"}, {"af_revenue": "9.99"}),
        ({"$revenue": -9.99}, {"af_revenue": "-9.99"}),
        ({"$price": 9.99}, {"af_price": "9.99", "af_revenue": "9.99"}),
        ({"$price": 9.99, "$quantity": 3}, {"af_price": "9.99", "af_quantity": "3", "af_revenue": "29.97"}),
        ({"$price": -9.99, "$quantity": 3}, {"af_price": "-9.99", "af_quantity": "3", "af_revenue": "-29.97"}),
        ({"$price": 4, "$quantity": 0.5}, {"af_price": "4", "af_quantity": "0.5", "af_revenue": "2"}),
        ({"$price": 9, "$quantity": 3, "$revenue": 25}, {"af_price": "9", "af_quantity": "3", "af_revenue": "27"}),
        ({"$price": 9.99, "$revenue": 25}, {"af_price": "9.99", "af_revenue": "25"}),
        ({"$quantity": 3, "$revenue": 25}, {"af_quantity": "3", "af_revenue": "25"}),
        ({"$quantity": 3}, {"af_price": "0", "af_quantity": "3", "af_revenue": "0"}),
        ({"$price": "", "$quantity": " ", "$revenue": 25}, {"af_revenue": "25"}),
        ({"$price": "0", "$quantity": None, "$revenue": 25}, {"af_revenue": "25"}),
        ({"$productId": "sku", "$revenue": 25}, {"af_revenue": "25", "af_content_id": "sku"}),
        ({}, {"af_price": "0", "af_quantity": "0", "af_revenue": "0"}),
    ],
)  # fmt: skip
def test_a_zero_says_less_than_an_amount(properties: dict[str, Any], expected: dict[str, str]) -> None:
    """Amplitude's SDK for Go sends every member of a revenue, zero or empty where the app has set none."""
    revenue = revenue_of({**OF_GO, **properties})
    assert (revenue.parameters, revenue.invalid) == (expected, ())
    assert revenue.consumed == {name for name in OF_GO if {**OF_GO, **properties}[name] is not None}


@pytest.mark.parametrize(
    ("properties", "fields", "expected"),
    [
        ({}, {"revenue": 0, "price": 9.99, "quantity": 0}, {"af_price": "9.99", "af_revenue": "9.99"}),
        ({}, {"revenue": 9.99, "price": 0, "quantity": 0}, {"af_revenue": "9.99"}),
        ({}, {"revenue": 9.99, "price": 0, "quantity": 1}, {"af_quantity": "1", "af_revenue": "9.99"}),
        ({}, {"revenue": "9.99", "price": "", "quantity": None}, {"af_revenue": "9.99"}),
        (OF_GO, {"revenue": 9.99}, {"af_revenue": "9.99"}),
        (OF_GO, {"price": 5, "quantity": 2}, {"af_price": "5", "af_quantity": "2", "af_revenue": "10"}),
        ({**OF_GO, "$revenue": 7}, {"revenue": 9.99}, {"af_revenue": "7"}),
    ],
)
def test_a_zero_says_less_than_an_amount_at_the_top(
    properties: dict[str, Any], fields: dict[str, Any], expected: dict[str, str]
) -> None:
    """Amplitude, HTTP V2 API: the same amounts as the event's own fields."""
    assert revenue_of(properties, **fields).parameters == expected


@pytest.mark.parametrize(
    ("properties", "fields", "expected", "consumed", "invalid"),
    [
        ({"$quantity": 2}, {"price": 3}, {"af_price": "3", "af_quantity": "2", "af_revenue": "6"}, {"$quantity"}, ()),
        ({"$price": 3}, {"quantity": 2}, {"af_price": "3", "af_quantity": "2", "af_revenue": "6"}, {"$price"}, ()),
        ({"$revenue": 2}, {"revenue": 1}, {"af_revenue": "2"}, {"$revenue"}, ()),
        ({"$quantity": 2}, {"revenue": 9}, {"af_quantity": "2", "af_revenue": "9"}, {"$quantity"}, ()),
        ({"$revenue": None, "$price": ""}, {"revenue": 9}, {"af_revenue": "9"}, {"$price"}, ()),
        ({"$price": "x"}, {"revenue": 9}, {"af_revenue": "9"}, set(), ("$price",)),
        ({"$revenue": 9}, {"price": "x"}, {"af_revenue": "9"}, {"$revenue"}, ("price",)),
    ],
)
def test_each_amount_is_a_property_or_else_a_field(
    properties: dict[str, Any],
    fields: dict[str, Any],
    expected: dict[str, str],
    consumed: set[str],
    invalid: tuple[str, ...],
) -> None:
    """An upload whose price is at its top and whose quantity is a property loses neither."""
    revenue = revenue_of(properties, **fields)
    assert (revenue.parameters, set(revenue.consumed), revenue.invalid) == (expected, consumed, invalid)


def test_an_event_without_money_says_nothing() -> None:
    assert revenue_of({"revenue": 5, "price": 2}) == Revenue({}, frozenset(), (), None)


@pytest.mark.parametrize(("product", "text"), [("sku-1", "sku-1"), (15854, "15854"), (1.5, "1.5")])
def test_the_product_becomes_the_content_id(product: object, text: str) -> None:
    """AppsFlyer, predefined parameters: `af_content_id` is text."""
    revenue = revenue_of({"$productId": product})
    assert revenue.parameters == {"af_content_id": text}
    assert revenue.consumed == {"$productId"}


@pytest.mark.parametrize("product", [None, True, False, ["a"], {"a": 1}])
def test_what_is_no_product_id_stays_a_property(product: object) -> None:
    """It is not consumed, so that it does not disappear."""
    revenue = revenue_of({"$productId": product, "$revenue": 1})
    assert "af_content_id" not in revenue.parameters
    assert "$productId" not in revenue.consumed
