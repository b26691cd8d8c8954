"""Which currency an event states for its money, and what is said where another could be meant.

Sources: AppsFlyer, OpenAPI of the S2S events API (api3): `eventCurrency`; Amplitude, «Track revenue»: `$currency`, HTTP
V2 API: `currency`; Segment, «Spec: V2 Ecommerce Events»: `currency` beside `revenue` and `price`.
"""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.currencies import CURRENCIES
from connectors.appsflyer.currency import read_currency
from connectors.appsflyer.revenue import read_revenue
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from tests.fixtures.explained import ALL, explained, ios, warned_of

AMBIGUOUS, UNKNOWN = {"ambiguous_currency"}, {"unknown_currency"}
SEGMENT = {"price": 25, "quantity": 2, "revenue": 50}
CASES: list[tuple[dict[str, Any], dict[str, Any], str | None, set[str]]] = [
    # a plain `currency` beside an amount in the same object
    ({"$revenue": 5, "currency": "ZAR"}, {}, "ZAR", set()),
    ({"$price": 5, "currency": "zar"}, {}, "ZAR", set()),
    ({"$revenue": 5, "currency": " zar "}, {}, "ZAR", set()),
    ({"revenue": 48, "currency": "ZAR"}, SEGMENT, "ZAR", set()),
    ({"price": 25, "currency": "ZAR"}, SEGMENT, "ZAR", set()),
    ({"revenue": "48", "currency": "ZAR"}, {}, "ZAR", set()),
    ({"af_revenue": 5, "currency": "ZAR"}, {}, "ZAR", set()),
    ({"$revenue": 5, "currency": "SLE"}, {}, "SLE", UNKNOWN),
    ({}, {"revenue": 5, "currency": "ZAR"}, "ZAR", set()),
    ({}, {"price": 5, "currency": "zar"}, "ZAR", set()),
    # it says nothing where no amount stands beside it
    ({"currency": "ZAR"}, SEGMENT, "USD", set()),
    ({"currency": "ZAR", "plan": "pro"}, {}, "USD", set()),
    ({"currency": "ZAR", "revenue": None, "price": ""}, SEGMENT, "USD", set()),
    ({"$revenue": 5, "cart": {"price": 3, "currency": "ZAR"}}, {}, "USD", set()),
    # no stated one is overwritten by the default
    ({"$revenue": 5, "currency": "€"}, {}, None, UNKNOWN),
    ({"$revenue": 5, "currency": "US$"}, {}, None, UNKNOWN),
    ({"$revenue": 5, "$currency": "€"}, {}, None, UNKNOWN),
    ({"$revenue": 5, "$currency": "€", "currency": "EUR"}, {}, "EUR", set()),
    # what is no code at all, such as a game's coins, is a doubt
    ({"$revenue": 5, "currency": "coins"}, {}, "USD", AMBIGUOUS),
    ({"$revenue": 5, "currency": {"code": "ZAR"}}, {}, "USD", AMBIGUOUS),
    ({"price": 100, "currency": "coins"}, {}, "USD", set()),
    ({"$revenue": 5, "$currency": "EUR", "currency": "coins"}, {}, "EUR", set()),
    # empty is absent
    ({"$revenue": 5, "$currency": "", "currency": "ZAR"}, {}, "ZAR", set()),
    ({"$revenue": 5, "$currency": " ", "currency": ""}, {}, "USD", set()),
    ({"$revenue": 5, "$currency": "", "currency": None}, {"currency": "ZAR"}, "ZAR", set()),
    # of two, the nearer to the amount, and a warning
    ({"$revenue": 5, "$currency": "USD", "currency": "usd", "af_currency": " USD"}, {"currency": "USD"}, "USD", set()),
    ({"$revenue": 5, "$currency": "EUR", "currency": "ZAR"}, {}, "EUR", AMBIGUOUS),
    ({"$revenue": 5, "currency": "ZAR", "af_currency": "EUR"}, {}, "ZAR", AMBIGUOUS),
    ({"$revenue": 5, "currency": "ZAR"}, {"currency": "EUR"}, "ZAR", AMBIGUOUS),
    ({"$revenue": 5, "$currency": "ZAR"}, {"revenue": 6, "currency": "EUR"}, "ZAR", AMBIGUOUS),
    ({"revenue": 48, "currency": "ZAR"}, {**SEGMENT, "currency": "EUR"}, "EUR", AMBIGUOUS),
    ({"$currency": "ZAR"}, {"revenue": 5, "currency": "EUR"}, "EUR", AMBIGUOUS),
    ({"af_revenue": 5, "af_currency": "ZAR", "$currency": "EUR"}, {}, "ZAR", AMBIGUOUS),
    ({"price": 5, "currency": "ZAR", "$currency": "EUR"}, {}, "EUR", set()),
    # another place than the amount's, if there is but one
    ({"$revenue": 5}, {"currency": "ZAR"}, "ZAR", set()),
    ({"$currency": "ZAR"}, {"revenue": 5}, "ZAR", set()),
    ({"$revenue": 5, "af_currency": "zar"}, {}, "ZAR", set()),
]


@pytest.mark.parametrize(("properties", "fields", "currency", "warnings"), CASES, ids=range(len(CASES)))
def test_the_currency_is_the_one_that_stands_with_the_amount(
    properties: dict[str, Any], fields: dict[str, Any], currency: str | None, warnings: set[str]
) -> None:
    """The default is for what states none; a wrong one multiplies the revenue by an exchange rate."""
    (line,) = explained(ios(event_properties=properties, **fields), sync=f'{ALL}default_currency = "USD"\n')
    assert line["request"]["body"].get("eventCurrency") == currency
    assert warned_of(line) == warnings


def an_event(properties: dict[str, Any], **fields: Any) -> Event:
    body = {"event_type": "buy", "user_id": "u1", "event_properties": properties, **fields}
    (event,) = decode(Record(orjson.dumps(body), None, "t", 0, 0, 1_700_000_000_000))
    assert isinstance(event, Event)
    return event


@pytest.mark.parametrize(
    ("properties", "fields", "currency", "consumed"),
    [
        ({"$currency": "eur"}, {}, "EUR", {"$currency"}),
        ({"$currency": " usd "}, {"currency": "USD"}, "USD", {"$currency"}),
        ({"$currency": ""}, {"currency": "GBP"}, "GBP", {"$currency"}),
        ({"$currency": "EUR"}, {"currency": "GBP", "revenue": 5}, "GBP", set()),
        ({"af_currency": "JPY"}, {}, "JPY", set()),
        ({"$currency": 5}, {}, None, set()),
        ({"$currency": "US dollars", "af_currency": "usd"}, {}, "USD", set()),
        ({"$currency": " "}, {}, None, {"$currency"}),
    ],
)
def test_only_the_own_name_of_what_is_sent_is_not_repeated(
    properties: dict[str, Any], fields: dict[str, Any], currency: str | None, consumed: set[str]
) -> None:
    revenue = read_revenue(an_event(properties, **fields))
    assert (revenue.currency, set(revenue.consumed)) == (currency, consumed)


stated = st.none() | st.sampled_from(["", " ", "€", "coins", "usd", "ZAR", 5, True, [], {}]) | st.text(max_size=4)
names = st.sampled_from(["$currency", "currency", "af_currency", "$revenue", "price", "af_revenue"])


@given(st.dictionaries(names, stated), stated, st.booleans())
def test_what_is_read_is_a_code_that_is_stated(properties: dict[str, Any], upload: Any, is_of_upload: bool) -> None:  # noqa: FBT001
    """It never raises, and invents nothing."""
    currency = read_currency(an_event(properties, currency=upload), is_of_upload=is_of_upload)
    if currency.code is not None:
        assert currency.code in {str(each).strip().upper() for each in (*properties.values(), upload)}
        assert not currency.is_unreadable
    if properties.get("$revenue") == 5 and str(properties.get("currency")).strip().upper() in CURRENCIES:
        assert currency.code is not None
