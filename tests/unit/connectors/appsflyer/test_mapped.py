"""What a sync reads from paths of its own in place of a built-in rule, through `explain`.

Source: Amplitude, «AppsFlyer» event streaming, «Map properties to destination».
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.mapped import IN_PLACE
from flows.settings.file import parse
from flows.settings.problems import SettingsError
from tests.fixtures.explained import ALL, APPS, SOURCE, android, bare, explained, ios, value_of, warned_of

BUNDLES = 'ios_bundle_id = "com.a.ios"\ndefault_currency = "USD"\n'


def line_of(event: dict[str, Any], **paths: str | list[str]) -> dict[str, Any]:
    """Return the line that `explain` prints for one event and these mapped fields."""
    fields = "".join(f"{name} = {given!r}\n" for name, given in paths.items())
    (line,) = explained(event, sync=f"{ALL}{BUNDLES}[sync.fields]\n{fields}")
    return line


def money_of(event: dict[str, Any], **paths: str | list[str]) -> tuple[dict[str, Any], str | None, set[str]]:
    """Return the `af_…` of the request, its currency, and the warnings."""
    line = line_of(event, **paths)
    body = line["request"]["body"]
    values = {name: value for name, value in value_of(body).items() if name.startswith(("af_", "$"))}
    return values, body.get("eventCurrency"), warned_of(line)


def event_of(properties: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return ios(event_properties=properties, **fields)


TOTAL = "event_properties.total"


@pytest.mark.parametrize(
    ("properties", "path", "sent"),
    [
        ({"total": 9.5}, TOTAL, {"af_revenue": "9.5"}),
        ({"total": "12.50"}, TOTAL, {"af_revenue": "12.5"}),
        ({"total": [7]}, TOTAL, {"af_revenue": "7"}),
        ({"total": 0, "$price": 5}, TOTAL, {"af_revenue": "0", "af_price": "5"}),
        ({"total": 9, "$price": 5, "$quantity": 3, "$revenue": 1}, TOTAL,
         {"af_revenue": "9", "af_price": "5", "af_quantity": "3"}),
        ({"total": 9, "af_revenue": "1"}, TOTAL, {"af_revenue": "9"}),
        ({"cart": {"total": 3}}, "event_properties.cart.total", {"af_revenue": "3"}),
        ({"cart.total": 3, "cart": {"total": 4}}, "event_properties.cart.total", {"af_revenue": "3"}),
        ({"cart": {"total.eur": 3}}, "event_properties.cart.total.eur", {"af_revenue": "3"}),
        ({"cart.sum": {"eur": 3}}, "event_properties.cart.sum.eur", {"af_revenue": "3"}),
        ({"$revenue": 8, "$price": 2, "$quantity": 2}, "event_properties.$revenue",
         {"af_revenue": "8", "af_price": "2", "af_quantity": "2"}),
        # Nothing there: the built-in rule.
        ({"$price": 5, "$quantity": 3}, TOTAL, {"af_revenue": "15", "af_price": "5", "af_quantity": "3"}),
        ({"total": None, "$revenue": 4}, TOTAL, {"af_revenue": "4"}),
        ({"total": " ", "$revenue": 4}, TOTAL, {"af_revenue": "4"}),
        ({"total": [], "$revenue": 4}, TOTAL, {"af_revenue": "4"}),
        ({"total": None, "af_revenue": "2"}, TOTAL, {"af_revenue": "2"}),
        ({}, TOTAL, {}),
    ],
)  # fmt: skip
def test_a_mapped_revenue(properties: dict[str, Any], path: str, sent: dict[str, Any]) -> None:
    """It is the revenue, whatever the others are; where its path holds nothing, the built-in rule holds."""
    assert money_of(event_of(properties), revenue=path) == (sent, "USD", set())


@pytest.mark.parametrize("value", ["9,50", "free", True, {"eur": 1}, [1, 2], 1e300, "9" * 101])
def test_an_unusable_revenue_is_left_out(value: Any) -> None:
    """With its warning, and no other amount in its place; what Amplitude's SDK says stays a property."""
    properties = {"total": value, "$revenue": 4, "$price": 2}
    sent = {"af_price": "2", "$revenue": 4}
    assert money_of(event_of(properties), revenue=TOTAL) == (sent, "USD", {"invalid_field"})


@pytest.mark.parametrize(
    ("properties", "fields", "path", "sent"),
    [
        ({"$price": 5, "items": 3}, {}, "event_properties.items",
         {"af_price": "5", "af_quantity": "3", "af_revenue": "15"}),
        ({"$price": 5, "$quantity": 2, "items": 3}, {}, "event_properties.items",
         {"af_price": "5", "af_quantity": "3", "af_revenue": "15"}),
        ({"items": 3}, {"price": 5, "quantity": 2}, "event_properties.items",
         {"af_price": "5", "af_quantity": "3", "af_revenue": "15"}),
        ({"items": 3}, {}, "event_properties.items", {"af_quantity": "3"}),
        ({"$price": 5, "$quantity": 2}, {}, "event_properties.items",
         {"af_price": "5", "af_quantity": "2", "af_revenue": "10"}),
        ({"$revenue": 5}, {"count": "4"}, "count", {"af_revenue": "5", "af_quantity": "4"}),
    ],
)  # fmt: skip
def test_a_mapped_quantity(properties: dict[str, Any], fields: dict[str, Any], path: str, sent: dict[str, Any]) -> None:
    """It takes part in the product of price and quantity."""
    assert money_of(event_of(properties, **fields), quantity=path) == (sent, "USD", set())


def test_an_unusable_quantity_makes_no_product() -> None:
    """As a broken `$quantity`: price times quantity is then not known."""
    properties = {"$price": 5, "$revenue": 12, "items": "three"}
    sent = {"af_price": "5", "af_revenue": "12"}
    assert money_of(event_of(properties), quantity="event_properties.items") == (sent, "USD", {"invalid_field"})


@pytest.mark.parametrize(
    ("properties", "paths", "currency", "warnings"),
    [
        ({"$revenue": 1, "money": "eur"}, {"currency": "event_properties.money"}, "EUR", set()),
        ({"$revenue": 1, "money": "eur", "$currency": "GBP"}, {"currency": "event_properties.money"}, "EUR", set()),
        ({"$revenue": 1, "$currency": "GBP"}, {"currency": "event_properties.money"}, "GBP", set()),
        ({"$revenue": 1}, {"currency": "event_properties.money"}, "USD", set()),
        ({"$revenue": 1, "money": "€"}, {"currency": "event_properties.money"}, None,
         {"invalid_field", "no_currency"}),
        ({"$revenue": 1, "money": "ZZZ"}, {"currency": "event_properties.money"}, "ZZZ", {"unknown_currency"}),
        # A plain one beside the mapped revenue is its own: the default is never stamped over it.
        ({"total": 1, "currency": "CHF"}, {"revenue": TOTAL}, "CHF", set()),
        ({"cart": {"total": 1, "currency": "CHF"}}, {"revenue": "event_properties.cart.total"}, "CHF", set()),
        ({"cart": {"total": 1, "currency": "CHF"}, "c": "€"},
         {"revenue": "event_properties.cart.total", "currency": "event_properties.c"}, None,
         {"invalid_field", "no_currency"}),
    ],
)  # fmt: skip
def test_a_mapped_currency(
    properties: dict[str, Any], paths: dict[str, str], currency: str | None, warnings: set[str]
) -> None:
    """It comes first, then what the event states, then the sync's default; one that is no code suppresses them."""
    _, sent, said = money_of(event_of(properties), **paths)
    assert (sent, said) == (currency, warnings)


@pytest.mark.parametrize(
    ("key", "value", "sent"),
    [
        ("content_id", "sku", "sku"), ("content_id", 17, "17"), ("content_id", ["a", 2], ["a", "2"]),
        ("content_id", ["a"], "a"), ("content_id", {"a": 1}, None), ("content_id", ["a", None], None),
        ("content_type", "shoe", "shoe"), ("content_type", ["a", "b"], None), ("order_id", 10**20, str(10**20)),
        ("order_id", " A-1 ", "A-1"), ("order_id", 7.0, "7"), ("order_id", True, None),
    ],
)  # fmt: skip
def test_mapped_content(key: str, value: Any, sent: Any) -> None:
    """In place of `$productId`, and before an `af_…` that the app has set."""
    properties = {"it": value, "$productId": "other"} if sent else {"it": value}
    line = line_of(event_of({**properties, f"af_{key}": "old"}), **{key: "event_properties.it"})
    values = value_of(line["request"]["body"])
    assert values[f"af_{key}"] == (sent or "old")
    assert warned_of(line) == (set() if sent else {"invalid_field"})
    assert key != "content_id" or "$productId" not in values


@pytest.mark.parametrize(
    ("paths", "fields", "sent", "warnings"),
    [
        ("user_properties.account", {"user_properties": {"account": 4711}}, "4711", set()),
        ("groups.account", {"groups": {"account": ["acme"]}}, "acme", set()),
        ("groups.account", {"groups": {"account": ["a", "b"]}}, None, {"invalid_field", "no_customer_user_id"}),
        ("user_properties.account", {}, None, {"no_customer_user_id"}),
        (["user_properties.account", "user_id"], {}, "ada", set()),
        ("user_properties.account", {"user_properties": {"account": "undefined"}}, None,
         {"invalid_field", "no_customer_user_id"}),
        ([], {}, None, {"no_customer_user_id"}),
        ("device_id", {"user_id": None}, "d1", set()),
    ],
)  # fmt: skip
def test_a_mapped_customer_user_id(
    paths: str | list[str], fields: dict[str, Any], sent: str | None, warnings: set[str]
) -> None:
    """From its paths alone: Amplitude's user id is another one."""
    line = line_of(ios(**fields), customer_user_id=paths)
    assert (line["request"]["body"].get("customer_user_id"), warned_of(line)) == (sent, warnings)


def test_a_mapped_customer_user_id_is_no_key() -> None:
    """Two of Amplitude's users with one account stay two: nobody's event is another's duplicate, or gets its id."""
    lines = explained(
        ios(insert_id="i", user_properties={"account": "a"}),
        bare(user_id="bob", device_id="d2", insert_id="i", user_properties={"account": "a"}),
        sync=f'{ALL}[sync.fields]\ncustomer_user_id = "user_properties.account"\n',
    )
    assert [line["outcome"] for line in lines] == ["would_deliver", "held"]


@pytest.mark.parametrize(
    ("paths", "value", "sent", "warnings"),
    [
        ("event_properties.client", "8.8.8.8", "8.8.8.8", set()),
        ("event_properties.client", "10.0.0.1, 8.8.4.4", "8.8.4.4", set()),
        ("event_properties.client", "10.0.0.1", None, {"not_public_ip"}),
        ("event_properties.client", "2001:4860:4860::8888", None, {"not_ipv4"}),
        ("event_properties.client", 134744072, None, {"invalid_field"}),
        ("event_properties.client", None, None, set()),
        (["event_properties.client", "ip"], None, "9.9.9.9", set()),
        ([], None, None, set()),
    ],
)
def test_a_mapped_address(paths: str | list[str], value: Any, sent: str | None, warnings: set[str]) -> None:
    """From its paths alone: the event's own is a server's."""
    line = line_of(event_of({"client": value}, ip="9.9.9.9"), ip=paths)
    assert (line["request"]["body"].get("ip"), warned_of(line)) == (sent, warnings)


@pytest.mark.parametrize(
    ("value", "on_ios", "on_android", "warnings"),
    [
        ("com.b", "com.b", "com.b", set()),
        (None, "com.a.ios", "com.a.b", set()),
        ("com b", None, None, {"invalid_field"}),
    ],
)
def test_a_mapped_bundle(value: Any, on_ios: str | None, on_android: str | None, warnings: set[str]) -> None:
    """Before the sync's own, which holds where the event says nothing."""
    for event, sent in ((ios, on_ios), (android, on_android)):
        line = line_of(event(event_properties={"b": value}), bundle_id="event_properties.b")
        assert (line["request"]["body"].get("bundleIdentifier"), warned_of(line)) == (sent, warnings)


def test_exclude_takes_a_mapped_parameter_away() -> None:
    """And does not keep its path from being read."""
    (line,) = explained(
        event_of({"total": 5, "order": "o"}),
        sync=f'{ALL}exclude = ["af_revenue", "order"]\n[sync.fields]\nrevenue = "{TOTAL}"\n'
        'order_id = "event_properties.order"\n',
    )
    assert value_of(line["request"]["body"]) == {"total": 5, "af_order_id": "o"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5) | st.sampled_from(["EUR", "8.8.8.8", "com.b", "1e5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["it", "x"]), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@given(
    json_values, st.sampled_from(["event_properties.it", "user_properties.it", "groups.it", "event_properties.it.x"])
)
def test_whatever_the_paths_hold_there_is_a_request(value: Any, path: str) -> None:
    """No value raises, and none is sent as null or as an object; what is named as unusable is not sent."""
    event = ios(event_properties={"it": value}, user_properties={"it": value}, groups={"it": value})
    line = line_of(event, **dict.fromkeys(IN_PLACE, path))
    body = line["request"]["body"]
    said = [each for each in line["warnings"] if each.startswith("invalid_field")]
    unusable = said[0].rpartition("(")[2].rstrip(")").split(", ") if said else []
    for name in ("customer_user_id", "ip"):
        assert name not in body or (isinstance(body[name], str) and name not in unusable)
    parameters = value_of(body)
    assert "revenue" not in unusable or "af_revenue" not in parameters
    for name in ("af_revenue", "af_quantity", "af_content_type", "af_order_id"):
        assert isinstance(parameters.get(name, ""), str)


@pytest.mark.parametrize(
    "written",
    [
        '"event_propertes.total"', '"event.total"', '"$.event_properties.total"', '"event_properties."', '""', "5",
        '"event_properties"', "[]", '["event_properties.total", "user.x"]', '"cart.total"',
    ],
)  # fmt: skip
def test_a_bad_path_is_refused_with_what_to_do(written: str) -> None:
    """The message names the file, the key and a path that is one."""
    text = f'{SOURCE}[[sync]]\nname = "s"\n{APPS}{ALL}[sync.fields]\nrevenue = {written}\n'
    with pytest.raises(SettingsError) as raised:
        parse(text, Path("stream.toml"))
    message = str(raised.value)
    assert "stream.toml" in message
    assert "sync[s].fields.revenue" in message
    assert 'write for example ["user_properties.NAME"]' in message


def test_a_misspelt_field_is_refused_with_the_one_that_is_meant() -> None:
    text = f'{SOURCE}[[sync]]\nname = "s"\n{APPS}{ALL}[sync.fields]\naf_revenue = "{TOTAL}"\n'
    with pytest.raises(SettingsError, match="revenue"):
        parse(text, Path("stream.toml"))


def test_another_currency_than_the_one_beside_a_mapped_amount_is_not_lost_in_silence() -> None:
    """The one in the same object is the amount's; the other stays a property, with a warning."""
    event = ios(event_properties={"cart": {"total": 9, "currency": "USD"}, "$currency": "EUR"})
    line = line_of(event, revenue="event_properties.cart.total")
    assert line["request"]["body"]["eventCurrency"] == "USD"
    assert value_of(line["request"]["body"])["$currency"] == "EUR"
    assert [each.partition(":")[0] for each in line["warnings"] if "currency" in each] == ["ambiguous_currency"]


def test_a_property_without_a_name_is_sent_beside_mapped_content() -> None:
    line = line_of(ios(event_properties={"": "empty", "o": "1"}), order_id="event_properties.o")
    assert value_of(line["request"]["body"])[""] == "empty"


def test_a_mapped_quantity_of_zero_is_none_as_an_unmapped_one() -> None:
    line = line_of(ios(event_properties={"$price": 2, "n": 0}), quantity="event_properties.n")
    parameters = value_of(line["request"]["body"])
    assert parameters["af_revenue"] == "2"
    assert "af_quantity" not in parameters
