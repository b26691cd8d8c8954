"""Translation into AppsFlyer's body: each row of its field table.

Source, where none is named: AppsFlyer, OpenAPI of the S2S events API (api3), schemas AndroidIds and IosIds.
"""

import ipaddress
import json
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.appsflyer.address import read_address
from connectors.appsflyer.currencies import CURRENCIES
from connectors.appsflyer.request import Request, TooLarge, compile_translate
from flows.domain.decode import decode
from flows.domain.event import Event, Platform, Record
from flows.domain.identifiers import Value
from flows.domain.identity import Identity
from flows.domain.sync import PropertyRules, Sync
from flows.domain.warning import PLAIN_WORDS, EventWarning, RequestWarning

APPSFLYER_ID = "1234567890123-1234567"
UUID = "9c9a82fb-d5de-4cd1-90c3-527441c11828"
NOW = datetime(2026, 5, 15, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
BOTH = Sync("s", "id123456789", "com.myapp", "com.my.ios")
IOS: dict[str, Value] = {"idfa": UUID.upper(), "idfv": UUID.upper(), "att": 3}
ANDROID: dict[str, Value] = {
    "advertising_id": UUID, "oaid": UUID, "amazon_aid": UUID, "imei": "AA-BBBBBB-CCCCCC-D", "app_set_id": (1, UUID),
}  # fmt: skip


def an_event(**fields: Any) -> Event:
    body = {"event_type": "e", "user_id": "u1", "time": NOW_MS, **fields}
    (event,) = decode(Record(orjson.dumps(body), None, "t", 0, 0, NOW_MS))
    assert isinstance(event, Event)
    return event


def an_identity(platform: Platform = "ios", **values: Value) -> Identity:
    return Identity(platform, {"appsflyer_id": APPSFLYER_ID, **values})


def request(
    event: Event | None = None,
    identity: Identity | None = None,
    *,
    sync: Sync = BOTH,
    send_as: str = "e",
    now_ms: int = NOW_MS,
    max_body_bytes: int = 1024,
) -> Request:
    translated = compile_translate(sync, max_body_bytes)(
        event or an_event(), identity or an_identity(), send_as, now_ms
    )
    assert isinstance(translated, Request)
    return translated


def body(event: Event | None = None, identity: Identity | None = None, **options: Any) -> dict[str, Any]:
    read = json.loads(request(event, identity, **options).body)
    assert isinstance(read, dict)
    return read


def values_of(event: Event, **options: Any) -> dict[str, Any]:
    text = body(event, **options)["eventValue"]
    read = json.loads(text) if text else {}
    assert isinstance(read, dict)
    return read


def warnings(event: Event | None = None, identity: Identity | None = None, **options: Any) -> set[EventWarning]:
    return {note.warning for note in request(event, identity, **options).notes}


def test_the_whole_body_on_ios() -> None:
    event = an_event(
        ip="192.0.2.1", os_version="17.4", app_version="3.1", event_properties={"$revenue": 6.5, "$productId": "sku-1"},
        user_properties={"plan": "pro"},
    )  # fmt: skip
    sync = Sync("s", "id1", ios_bundle_id="com.my.ios", default_currency="EUR")
    assert body(event, an_identity("ios", **IOS), sync=sync, send_as="af_purchase") == {
        "appsflyer_id": APPSFLYER_ID,
        "customer_user_id": "u1",
        "eventName": "af_purchase",
        "eventValue": '{"af_revenue":"6.5","af_content_id":"sku-1","plan":"pro"}',
        "eventTime": "2026-05-15 12:00:00.000",
        "eventCurrency": "EUR",
        "ip": "192.0.2.1",
        "os": "17.4",
        "app_version_name": "3.1",
        "idfa": UUID.upper(),
        "idfv": UUID.upper(),
        "att": 3,
        "bundleIdentifier": "com.my.ios",
    }


def test_the_whole_body_on_android() -> None:
    """`app_set_id` is an object of scope and id; the bundle is the app id unless the sync says otherwise."""
    got = body(an_event(), an_identity("android", os_version="14", **ANDROID))
    assert got == {
        "appsflyer_id": APPSFLYER_ID,
        "customer_user_id": "u1",
        "eventName": "e",
        "eventValue": "",
        "eventTime": "2026-05-15 12:00:00.000",
        "os": "14",
        "advertising_id": UUID,
        "oaid": UUID,
        "amazon_aid": UUID,
        "imei": "AA-BBBBBB-CCCCCC-D",
        "app_set_id": {"scope": 1, "id": UUID},
        "bundleIdentifier": "com.myapp",
    }


def test_the_minimum_is_what_the_schema_requires() -> None:
    """Required are `appsflyer_id`, `eventName`, `eventValue`; what is not known is left out, never null."""
    event = an_event(user_id=None, device_id="d1")
    got = body(event, an_identity("ios"), sync=Sync("s", "id1"))
    assert got.keys() == {"appsflyer_id", "eventName", "eventValue", "eventTime"}


NO_NAMES: frozenset[str] = frozenset()
COMPUTED = frozenset({"af_revenue", "af_price", "af_quantity", "af_content_id"})
BARE = Sync(
    "s", "id123456789", "com.myapp", "com.my.ios", properties=PropertyRules(NO_NAMES, NO_NAMES, NO_NAMES, COMPUTED)
)
SPEC: dict[str, str] = {
    "appsflyer_id": r"[0-9]{13}-[0-9]{1,19}", "eventName": r"(?s).*", "eventValue": r"(?s)|\{.*\}",
    "customer_user_id": r"(?s).+", "eventCurrency": r"[A-Z0-9]{1,8}", "os": r"(?s).+", "app_version_name": r"(?s).+",
    "eventTime": r"[0-9]{4}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}",
    "ip": r"([0-9]{1,3}\.){3}[0-9]{1,3}", "bundleIdentifier": r".+",
    "idfa": r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", "idfv": r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}",
    "advertising_id": r".+", "oaid": r".+", "amazon_aid": r".+", "imei": r".+",
}  # fmt: skip
SYSTEMS = {"ios": {"idfa", "idfv", "att"}, "android": {"advertising_id", "oaid", "amazon_aid", "imei", "app_set_id"}}

some_text = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(["é" * 100, '"' * 200, "x" * 1200])
some_names = st.sampled_from(
    ["$revenue", "$price", "$quantity", "$productId", "$currency", "af_revenue", "af_price", "af_currency", "a", "b"]
) | st.text(st.characters(codec="utf-8"), max_size=10).filter(lambda name: name not in ("$set", "$setOnce"))
some_values: st.SearchStrategy[Any] = (
    some_text
    | st.sampled_from([None, "", "5", "1,234.56", "1e-7", "usd", 0, -5, 1e-7, 1e22, True, [], {}, [{"a": None}]])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**64 - 1)
)
some_properties = st.dictionaries(some_names, some_values, max_size=8)
top_level = st.fixed_dictionaries(
    {},
    optional={
        "price": some_values,
        "quantity": some_values,
        "revenue": some_values,
        "productId": some_values,
        "currency": some_values,
        "ip": some_text | st.ip_addresses().map(str),
        "os_version": some_text,
        "app_version": some_text,
        "group_properties": st.dictionaries(some_text, some_properties | some_values, max_size=2),
    },
)


@given(
    some_properties,
    some_properties,
    top_level,
    st.sampled_from(["ios", "android"]),
    some_text,
    st.sampled_from([900, 1024, 4096]),
    st.integers(0, 253_402_300_799_999),
)
def test_any_event_becomes_a_body_of_the_documented_form_or_is_too_large(
    event_properties: dict[str, Any],
    user_properties: dict[str, Any],
    fields: dict[str, Any],
    platform: Platform,
    send_as: str,
    limit: int,
    time_ms: int,
) -> None:
    """At most the limit in bytes; JSON; `eventValue` text that is "" or an object; one platform's identifiers only."""
    event = an_event(event_properties=event_properties, user_properties=user_properties, time=time_ms, **fields)
    identity = an_identity(platform, **IOS, **ANDROID)
    translated = compile_translate(BOTH, limit)(event, identity, send_as, NOW_MS)
    if isinstance(translated, TooLarge):
        bare = compile_translate(BARE, 100_000)(event, identity, send_as, NOW_MS)
        assert isinstance(bare, Request)
        assert len(bare.body) > limit
        return
    assert len(translated.body) <= limit
    got = json.loads(translated.body)
    other = SYSTEMS["android" if platform == "ios" else "ios"]
    assert not got.keys() & other
    assert SYSTEMS[platform] <= got.keys()
    for name, value in got.items():
        if name == "app_set_id":
            assert value == {"scope": 1, "id": UUID}
        elif name == "att":
            assert value == 3
        else:
            assert re.fullmatch(SPEC[name], value), name
    left = json.loads(got["eventValue"]) if got["eventValue"] else {}
    assert isinstance(left, dict)
    assert None not in left.values()
    revenue = left.get("af_revenue")
    if revenue is not None and EventWarning.INVALID_REVENUE not in {note.warning for note in translated.notes}:
        assert re.fullmatch(r"-?[0-9]+(\.[0-9]{1,5})?", revenue if isinstance(revenue, str) else json.dumps(revenue))
    assert got["eventTime"] <= "2026-05-15 12:00:00.000"


@given(some_properties, top_level)
@example({"$revenue": 5, "af_revenue": 7, "$price": "x", "$currency": "of the realm"}, {})
def test_no_property_disappears_silently(properties: dict[str, Any], fields: dict[str, Any]) -> None:
    """Where there is room, each is sent under its name, stands in its `af_…` or `eventCurrency`, or says nothing."""
    event = an_event(event_properties=properties, **fields)
    got = body(event, max_body_bytes=1_000_000)
    left = json.loads(got["eventValue"]) if got["eventValue"] else {}
    stands_for = {
        "$revenue": "af_revenue",
        "$price": "af_price",
        "$quantity": "af_quantity",
        "$productId": "af_content_id",
    }
    for name, value in properties.items():
        consumed = name == "$currency" and got.get("eventCurrency") == str(value).strip().upper()
        is_of_money = name == "$currency" or name in stands_for
        consumed |= is_of_money and str(value).strip() in ("", "0", "0.0", "-0.0", "1e-07", "1e-7")
        assert value is None or name in left or stands_for.get(name, name) in left or consumed, name


@pytest.mark.parametrize(
    ("event_ms", "now_ms", "late"),
    [
        ("2026-05-14 23:59:59.999", "2026-05-15 01:59:59.999", False),
        ("2026-05-14 23:59:59.999", "2026-05-15 02:00:00.000", True),
        ("2026-05-14 00:00:00.000", "2026-05-15 01:59:59.999", False),
        ("2026-05-14 00:00:00.000", "2026-05-15 02:00:00.000", True),
        ("2026-05-15 00:00:00.000", "2026-05-15 02:00:00.000", False),
        ("2026-05-15 00:00:00.000", "2026-05-16 01:59:59.999", False),
        ("2026-05-11 21:00:00.000", "2026-05-12 01:00:00.000", False),
        ("2026-05-11 21:00:00.000", "2026-05-13 09:00:00.000", True),
        ("2026-12-31 23:59:59.999", "2027-01-01 02:00:00.000", True),
        ("2028-02-28 12:00:00.000", "2028-02-29 01:59:59.999", False),
    ],
)
def test_arrivals_from_two_o_clock_of_the_next_day_on_are_late(event_ms: str, now_ms: str, *, late: bool) -> None:
    """AppsFlyer, «Time stamping S2S events»: such an event is dated by its arrival. Its time is sent all the same."""
    happened, now = (
        int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000 + 0.5) for text in (event_ms, now_ms)
    )
    event = an_event(time=happened)
    assert (EventWarning.LATE_EVENT in warnings(event, now_ms=now)) is late
    assert body(event, now_ms=now)["eventTime"] == event_ms


@given(st.integers(0, 253_402_300_799_999), st.integers(0, 253_402_300_799_999))
@example(NOW_MS + 1, NOW_MS)
@example(NOW_MS, NOW_MS)
def test_a_future_time_is_clamped_to_now(time_ms: int, now_ms: int) -> None:
    """`eventTime` is `yyyy-mm-dd hh:mm:ss.sss` in UTC; what AppsFlyer does with a future one is not documented."""
    event = an_event(time=time_ms)
    seconds, milliseconds = divmod(min(time_ms, now_ms), 1000)
    moment = datetime.fromtimestamp(seconds, UTC)
    assert body(event, now_ms=now_ms)["eventTime"] == f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds:03d}".rjust(23, "0")
    assert (EventWarning.FUTURE_EVENT_TIME in warnings(event, now_ms=now_ms)) == (time_ms > now_ms)


@given(st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str) | st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}\n?"))
@example("256.0.0.1")
@example("01.2.3.4")
@example("1.2.3")
@example("::ffff:192.0.2.1")
@example("192.0.2.1\n")
@example("\N{ARABIC-INDIC DIGIT ONE}.2.3.4")
def test_only_ipv4_is_sent(address: str) -> None:
    """`ip`: a pattern of IPv4, at most 16 characters. What is no public address is left out, and said."""
    event = an_event(ip=address)
    sent = body(event).get("ip")
    assert sent == read_address(address).ip
    assert sent is None or (len(sent) <= 16 and str(ipaddress.IPv4Address(sent)) == sent)
    assert (sent is None) == bool(warnings(event) & {EventWarning.NOT_IPV4, EventWarning.NOT_PUBLIC_IP})


def test_amplitudes_word_for_the_address_of_the_request_is_no_address() -> None:
    """Amplitude, HTTP V2 API: `"$remote"`. The forwarder's own address must never be sent in its place."""
    event = an_event(ip="$remote")
    assert "ip" not in body(event)
    assert EventWarning.NOT_IPV4 not in warnings(event)


def test_os_is_the_version_and_its_absence_on_ios_is_said() -> None:
    """«Must» be sent; an iOS event without it is treated as iOS 14.5. The event's own wins over the remembered one."""
    assert body(an_event(os_version="16.1"), an_identity(os_version="17.4"))["os"] == "16.1"
    assert body(an_event(), an_identity(os_version="17.4"))["os"] == "17.4"
    assert EventWarning.NO_OS in warnings()
    assert EventWarning.NO_OS not in warnings(an_event(os_version="16.1"))
    assert EventWarning.NO_OS not in warnings(identity=an_identity("android"))


def test_the_app_version_is_the_events_own_or_the_remembered_one() -> None:
    assert body(an_event(app_version="2"), an_identity(app_version="1"))["app_version_name"] == "2"
    assert body(an_event(version_name="3"))["app_version_name"] == "3"
    assert body(an_event(), an_identity(app_version="1"))["app_version_name"] == "1"


@pytest.mark.parametrize("name", ["app_version", "version_name"])
def test_an_app_version_that_is_too_long_is_left_out_and_counted(name: str) -> None:
    note = RequestWarning(EventWarning.INVALID_FIELD, "app_version_name")
    event = an_event(**{name: "1" * 257})
    assert "app_version_name" not in body(event)
    assert note in request(event).notes
    assert body(event, an_identity(app_version="1"))["app_version_name"] == "1"
    assert note in request(event, an_identity(app_version="1")).notes
    for fine in (an_event(**{name: "1" * 256}), an_event(**{name: ""}), an_event(**{name: None}), an_event()):
        assert EventWarning.INVALID_FIELD not in warnings(fine)


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_identifiers_of_the_other_platform_are_never_sent(platform: Platform) -> None:
    """The body is one of AndroidIds and IosIds, so a field of the other is none of its own."""
    got = body(identity=an_identity(platform, **IOS, **ANDROID))
    assert got.keys() & {*IOS, *ANDROID} == SYSTEMS[platform]


@pytest.mark.parametrize("att", [0, 1, 2, 3])
def test_att_is_sent_as_a_number_on_ios_only(att: int) -> None:
    """0 is «not determined», a value like the others."""
    assert body(identity=an_identity("ios", att=att))["att"] == att
    assert "att" not in body(identity=an_identity("android", att=att))


def test_absent_identifiers_are_counted_and_none_at_all_is_said() -> None:
    """Amplitude, «AppsFlyer event streaming»: what their absence costs must be visible; `att` identifies nothing."""
    nothing = request(identity=an_identity("ios", att=3))
    assert nothing.absent == ("idfa", "idfv")
    assert EventWarning.NO_DEVICE_IDENTIFIER in {note.warning for note in nothing.notes}
    one = request(identity=an_identity("android", oaid=UUID))
    assert one.absent == ("advertising_id", "amazon_aid", "imei", "app_set_id")
    assert EventWarning.NO_DEVICE_IDENTIFIER not in {note.warning for note in one.notes}


def test_malformed_and_zero_identifiers_are_named() -> None:
    identity = Identity("ios", {"appsflyer_id": APPSFLYER_ID}, ("idfv",), ("idfa",))
    notes = request(identity=identity).notes
    assert RequestWarning(EventWarning.MALFORMED_IDENTIFIER, "idfv") in notes
    assert RequestWarning(EventWarning.ZERO_IDENTIFIER, "idfa") in notes


def test_the_user_id_is_the_customer_user_id_unchanged() -> None:
    """Amplitude, «AppsFlyer event streaming»: `user_id` is sent as `customer_user_id` and must be the same value."""
    assert body(an_event(user_id=" Üser 1 "))["customer_user_id"] == " Üser 1 "
    event = an_event(user_id=None, device_id="d1")
    assert "customer_user_id" not in body(event)
    assert EventWarning.NO_CUSTOMER_USER_ID in warnings(event)


@pytest.mark.parametrize(
    ("length", "warning"),
    [
        (45, None), (46, EventWarning.LONG_EVENT_NAME),
        (100, EventWarning.LONG_EVENT_NAME), (101, EventWarning.EVENT_NAME_TOO_LONG),
    ],
)  # fmt: skip
@pytest.mark.parametrize("letter", ["n", "é", "😀"], ids=ascii)
def test_long_event_names_are_sent_and_said(length: int, warning: EventWarning | None, letter: str) -> None:
    """AppsFlyer, «In-app events»: 100 characters, 45 on older pages; longer names vanish from the dashboard."""
    name = letter * length
    got = warnings(send_as=name) & {EventWarning.LONG_EVENT_NAME, EventWarning.EVENT_NAME_TOO_LONG}
    assert got == ({warning} if warning else set())
    assert body(send_as=name)["eventName"] == name


def test_long_values_are_named() -> None:
    """AppsFlyer, «In-app events»: values of up to 1,000 characters."""
    event = an_event(event_properties={"short": "x" * 1000, "long": "x" * 1001})
    assert RequestWarning(EventWarning.LONG_PROPERTY_VALUE, "long") in request(event, max_body_bytes=4096).notes


@pytest.mark.parametrize(
    ("properties", "default", "currency", "warning"),
    [
        ({"$revenue": 1, "$currency": "usd"}, "EUR", "USD", None),
        ({"$revenue": 1}, "EUR", "EUR", None),
        ({"$revenue": 1}, None, None, EventWarning.NO_CURRENCY),
        ({"$price": 1}, "EUR", "EUR", None),
        ({"af_revenue": "1"}, "EUR", "EUR", None),
        ({"af_price": 1}, "EUR", "EUR", None),
        ({}, "EUR", "EUR", None),
        ({"plan": "pro"}, "EUR", "EUR", None),
        ({"$currency": "GBP"}, "EUR", "GBP", None),
        ({"$revenue": 1, "$currency": "XCG"}, "EUR", "XCG", EventWarning.UNKNOWN_CURRENCY),
        ({"$revenue": 1, "$currency": "USDT"}, "EUR", "USDT", EventWarning.UNKNOWN_CURRENCY),
        ({"$revenue": 1, "$currency": "US dollars"}, "EUR", None, EventWarning.UNKNOWN_CURRENCY),
        ({"$revenue": 1, "$currency": "x" * 2000}, "EUR", None, EventWarning.UNKNOWN_CURRENCY),
        ({"$revenue": 1, "$currency": 978}, None, None, EventWarning.UNKNOWN_CURRENCY),
        ({"$revenue": "x"}, "EUR", "EUR", EventWarning.INVALID_REVENUE),
    ],
    ids=str,
)
def test_the_currency(
    properties: dict[str, Any], default: str | None, currency: str | None, warning: EventWarning | None
) -> None:
    """`eventCurrency` is at the top of the body; without one in the event it is the sync's default."""
    sync = Sync("s", "id1", default_currency=default)
    event = an_event(event_properties=properties)
    assert body(event, sync=sync).get("eventCurrency") == currency
    money = {EventWarning.NO_CURRENCY, EventWarning.UNKNOWN_CURRENCY, EventWarning.INVALID_REVENUE}
    assert warnings(event, sync=sync) & money == ({warning} if warning else set())


def test_the_currencies_are_those_of_the_schema() -> None:
    """The enum of `eventCurrency` has 179 codes; the newest ISO codes are not among them."""
    assert len(CURRENCIES) == 179
    assert all(re.fullmatch("[A-Z]{3}", code) for code in CURRENCIES)
    assert not CURRENCIES & {"SLE", "VED", "XCG", "ZWG"}


@pytest.mark.parametrize(
    ("own", "sent", "invalid"),
    [
        ("6.5", "6.5", False), (6.5, 6.5, False), (6, 6, False), ("-1", "-1", False), (1e-7, "0", False),
        ("1e-7", "0", False), ("1e3", "1000", False), ("+5", "5", False), (" 5 ", "5", False), (".5", "0.5", False),
        (0.1 + 0.2, "0.3", False), (1e22, "10000000000000000000000", False), ("1,234.56", "1,234.56", True),
        ("$5", "$5", True), (True, True, True), ("", "99", False), ([5], [5], True), ("NaN", "NaN", True),
        ("1e999", "1e999", True),
    ],
    ids=repr,
)  # fmt: skip
def test_the_apps_own_revenue_wins_in_appsflyers_form(own: Any, sent: Any, *, invalid: bool) -> None:
    """A number never goes out with an exponent or over five decimals; what is none goes out as it is, and is said."""
    event = an_event(event_properties={"$revenue": 99, "af_revenue": own})
    left = values_of(event)
    assert left == {"af_revenue": sent}
    assert type(left["af_revenue"]) is type(sent)
    assert (EventWarning.INVALID_REVENUE in warnings(event)) is invalid


def test_invalid_revenue_goes_through_as_it_is() -> None:
    event = an_event(event_properties={"$revenue": "1,234.56", "$quantity": True})
    assert values_of(event) == {"$revenue": "1,234.56", "$quantity": True}
    assert RequestWarning(EventWarning.INVALID_REVENUE, "$quantity, $revenue") in request(event).notes


def test_trimmed_properties_are_named_in_the_order_they_went() -> None:
    """User, group, event; within each the longest first; the body stays under 1 KB."""
    event = an_event(
        event_properties={"e": "x" * 500, "$revenue": 5, "af_x": "y" * 500},
        user_properties={"u1": "x" * 200, "u2": "x" * 300},
        group_properties={"org": {"Acme": {"g": "x" * 200}}},
    )
    got = request(event)
    assert RequestWarning(EventWarning.TRIMMED_PROPERTIES, "u2, u1, g, e") in got.notes
    assert json.loads(json.loads(got.body)["eventValue"]) == {"af_revenue": "5", "af_x": "y" * 500}


def test_identifiers_that_do_not_fit_are_too_large() -> None:
    """The text says the limit, and nothing of the event."""
    refusal = compile_translate(BOTH, 1024)(an_event(user_id="é" * 500), an_identity(), "e", NOW_MS)
    assert refusal == TooLarge("over 1024 bytes even without any property")


def test_mapped_fields_are_added_and_invalid_ones_named() -> None:
    sync = Sync("s", "id1", fields=(("ua", ("user_agent",)), ("aie", ("event_properties.agreed",))))
    event = an_event(user_agent="Mozilla", event_properties={"agreed": "perhaps"})
    got = request(event, sync=sync)
    assert json.loads(got.body)["ua"] == "Mozilla"
    assert "aie" not in json.loads(got.body)
    assert RequestWarning(EventWarning.INVALID_FIELD, "aie") in got.notes


def test_renamed_and_dropped_properties_are_named() -> None:
    sync = Sync("s", "id1", properties=PropertyRules(nested="drop"))
    event = an_event(event_properties={"plan": 1, "list": [1]}, user_properties={"plan": 2})
    assert values_of(event, sync=sync) == {"plan": 1, "user.plan": 2}
    notes = request(event, sync=sync).notes
    assert RequestWarning(EventWarning.RENAMED_PROPERTY, "user.plan") in notes
    assert RequestWarning(EventWarning.NESTED_PROPERTY_DROPPED, "list") in notes


@pytest.mark.parametrize(
    ("sync", "platform", "app_id", "bundle_id"),
    [
        (BOTH, "ios", "id123456789", "com.my.ios"),
        (BOTH, "android", "com.myapp", "com.myapp"),
        (Sync("s", android_app_id="com.a-huawei", android_bundle_id="com.a"), "android", "com.a-huawei", "com.a"),
        (Sync("s", "id1"), "ios", "id1", None),
    ],
    ids=["iOS", "Android", "another store", "no bundle"],
)
def test_app_and_bundle(sync: Sync, platform: Platform, app_id: str, bundle_id: str | None) -> None:
    """«Always populate» `bundleIdentifier`; an Android app's is its app id unless the sync has another."""
    got = request(identity=an_identity(platform), sync=sync)
    assert got.app_id == app_id
    assert json.loads(got.body).get("bundleIdentifier") == bundle_id


def test_a_sync_without_an_app_for_the_platform_is_a_defect() -> None:
    """`identify` filters such events, so that translation never guesses."""
    with pytest.raises(ValueError, match="no android app"):
        compile_translate(Sync("s", "id1"), 1024)(an_event(), an_identity("android"), "e", NOW_MS)


@given(some_properties)
def test_translation_is_pure(properties: dict[str, Any]) -> None:
    """The same event gives the same request again, and is not changed: several syncs share it."""
    event = an_event(event_properties=properties)
    before = orjson.dumps(event.fields)
    translate = compile_translate(BOTH, 1024)
    assert translate(event, an_identity(), "e", NOW_MS) == translate(event, an_identity(), "e", NOW_MS)
    assert orjson.dumps(event.fields) == before


def test_every_warning_has_plain_words() -> None:
    """The vocabulary is closed, and what each costs is said."""
    assert PLAIN_WORDS.keys() == set(EventWarning)
    assert str(RequestWarning(EventWarning.INVALID_FIELD, "ua")).startswith("invalid_field: ")
    assert str(RequestWarning(EventWarning.INVALID_FIELD, "ua")).endswith("(ua)")
    for word in ("postbacks", "Audiences", "Facebook", "Google"):
        assert word in PLAIN_WORDS[EventWarning.NO_DEVICE_IDENTIFIER]
