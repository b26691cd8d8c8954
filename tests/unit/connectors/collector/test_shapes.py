"""What each client's shape becomes: identifiers, time, revenue and address, by the collector and as a Kafka record.

The bodies are reduced ones, with the fields, nulls and zeros that Amplitude's clients were seen to send.
"""

import json
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import orjson
import pytest

from connectors.appsflyer.revenue import read_revenue
from connectors.collector.protocol import Request, Rules, Taken, take
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS

READER = IdentifierReader(DEFAULT_PATHS)
NOW_MS: Final = 1_795_917_600_000
IDFA, IDFV = "AAAAAAAA-0000-4000-8000-00000000000A", "BBBBBBBB-0000-4000-8000-00000000000B"
ADID, APP_SET_ID = "cccccccc-0000-4000-8000-00000000000c", "dddddddd-0000-4000-8000-00000000000d"
INSTALL = "1700000000000-1234567"
NO_REVENUE: Final[dict[str, str]] = {}
BOUGHT = {"af_price": "9.99", "af_quantity": "2", "af_revenue": "19.98", "af_content_id": "sku-1"}


class Shape(NamedTuple):
    """One client's body, and what an event of it comes to."""

    event: dict[str, Any]
    identifiers: dict[str, Any]
    revenue: dict[str, str]
    ip: str | None = "198.51.100.9"
    around: dict[str, Any] | None = None
    """Beside the events in a JSON body; None is a form of the older SDKs."""


JAVA_NULLS = dict.fromkeys(
    ("country", "device_model", "city", "language", "device_manufacturer", "partner_id", "idfv", "idfa", "os_version",
     "ip", "carrier", "version_name", "device_brand", "os_name", "dma", "region", "android_id", "device_id")
)  # fmt: skip
GO_ZEROS = {
    "$currency": "", "$price": 0, "$productId": "", "$quantity": 0, "$receipt": "", "$receiptSig": "", "$revenue": 0,
    "$revenueType": "",
}  # fmt: skip
OLDER = {
    "device_id": "device-1", "user_id": "user-1", "timestamp": NOW_MS - 5, "event_id": 1, "session_id": -1,
    "event_type": "revenue_amount", "version_name": "1.2.3", "uuid": "i-1", "event_properties": {},
    "user_properties": {}, "groups": {}, "group_properties": {}, "sequence_number": 3, "partner_id": None,
}  # fmt: skip
CURRENT = {"event_type": "revenue_amount", "user_id": "user-1", "time": NOW_MS - 5, "insert_id": "i-1"}
OLDEST_REVENUE = {"special": "revenue_amount", "productId": "sku-1", "quantity": 2, "price": 9.99, "receipt": "r"}
SHAPES: Final = {
    "java": Shape(
        {
            **JAVA_NULLS, **CURRENT, "platform": "Android", "adid": ADID, "price": 9.99, "quantity": 2,
            "productId": "sku-1", "currency": "EUR", "location_lat": 0, "location_lng": 0, "session_id": -1,
            "event_id": 0, "library": "amplitude-java/1.13.0", "groups": {}, "user_properties": {},
        },
        {"advertising_id": ADID}, BOUGHT, None, {"options": {}},
    ),
    "go": Shape(
        {**CURRENT, "platform": "iOS", "idfa": IDFA, "idfv": IDFV, "library": "amplitude-go/1.3.1",
         "event_properties": {**GO_ZEROS, "$revenue": 9.99}},
        {"idfa": IDFA, "idfv": IDFV}, {"af_revenue": "9.99"}, None, {},
    ),
    "python": Shape(
        {**CURRENT, "platform": "iOS", "idfa": IDFA, "ip": "203.0.113.7", "library": "amplitude-python/1.3.0",
         "event_properties": {"$price": 9.99, "$quantity": 2, "$productId": "sku-1", "$currency": "EUR"}},
        {"idfa": IDFA}, BOUGHT, "203.0.113.7", {},
    ),
    "node": Shape(
        {**CURRENT, "platform": "Android", "adid": ADID, "android_app_set_id": APP_SET_ID, "app_version": "1.2.3",
         "event_properties": {"$price": 9.99, "$quantity": 2, "$productId": "sku-1", "none": None},
         "library": "amplitude-node-ts/1.5.73"},
        {"advertising_id": ADID, "app_set_id": (1, APP_SET_ID)}, BOUGHT, None,
        {"client_upload_time": "2026-11-29T02:00:00.000Z", "options": {}},
    ),
    "browser": Shape(
        {**CURRENT, "platform": "Web", "ip": "$remote", "user_agent": "Mozilla/5.0", "event_properties": {"total": 1},
         "library": "amplitude-ts-sdk-script/2.48.1"},
        {}, NO_REVENUE, around={"client_upload_time": "2026-11-29T02:00:00.000Z", "options": {}},
    ),
    "kotlin": Shape(
        {**CURRENT, "platform": "Android", "ip": "$remote", "version_name": "1.2.3", "adid": ADID,
         "android_app_set_id": APP_SET_ID, "library": "amplitude-analytics-android/1.26.0", "group_properties": {},
         "event_properties": {"$productId": "sku-1", "$quantity": 2, "$price": 9.99}},
        {"advertising_id": ADID, "app_set_id": (1, APP_SET_ID)}, BOUGHT,
        around={"client_upload_time": "2026-11-29T02:00:00.445Z", "request_metadata": {"sdk": {"metrics": {}}}},
    ),
    "swift": Shape(
        {**CURRENT, "platform": "iOS", "ip": "$remote", "idfv": IDFV, "device_id": IDFV, "version_name": "1.2.3",
         "price": 9.99, "quantity": 2, "product_id": "sku-1", "revenue_type": "t", "library": "amplitude-swift/1.18.6"},
        {"idfv": IDFV}, BOUGHT, around={"client_upload_time": "2026-11-29T02:00:00.000Z"},
    ),
    "legacy browser": Shape(
        {**OLDER, "platform": "Web", "os_name": "Chrome", "os_version": "156", "api_properties": {},
         "event_properties": {"$price": 9.99, "$quantity": 2, "$productId": "sku-1"}, "version_name": None,
         "library": {"name": "amplitude-js", "version": "8.21.10"}},
        {}, BOUGHT,
    ),
    "legacy Android": Shape(
        {**OLDER, "platform": "Android", "os_name": "android", "os_version": "14", "api_level": 34,
         "library": {"name": "amplitude-android", "version": "2.40.1"},
         "api_properties": {"androidADID": ADID, "android_app_set_id": APP_SET_ID, "limit_ad_tracking": False,
                            "gps_enabled": True, "location": {"lat": 1.5, "lng": 2.5}, **OLDEST_REVENUE}},
        {"advertising_id": ADID, "app_set_id": (1, APP_SET_ID)}, BOUGHT,
    ),
    "legacy iOS": Shape(
        {**OLDER, "platform": "iOS", "os_name": "ios", "os_version": "17.4",
         "library": {"name": "amplitude-ios", "version": "8.22.0"},
         "api_properties": {"ios_idfa": IDFA, "ios_idfv": IDFV, **OLDEST_REVENUE}},
        {"idfa": IDFA, "idfv": IDFV}, BOUGHT,
    ),
}  # fmt: skip


def body_of(shape: Shape) -> bytes:
    """Return the bytes that the client sends."""
    if shape.around is not None:
        return orjson.dumps({"api_key": "k" * 32, "events": [shape.event], **shape.around})
    return urlencode({"v": "2", "client": "k" * 32, "e": json.dumps([shape.event]), "upload_time": NOW_MS}).encode()


def by_collector(body: bytes) -> list[Event]:
    """Return what the stream reads of what the collector stores."""
    outcome = take(Request("POST", "/", "", body, "198.51.100.9", NOW_MS), Rules())
    assert isinstance(outcome, Taken)
    assert not outcome.invalid
    return [event for each in outcome.events for event in events_of(each.value, each.key)]


def events_of(value: bytes, key: bytes | None = None) -> list[Event]:
    """Return what the stream reads of a record."""
    events = [each for each in decode(Record(value, key, "events", 0, 0, NOW_MS)) if isinstance(each, Event)]
    assert events
    return events


@pytest.mark.parametrize("client", SHAPES)
def test_each_client_gives_its_identifiers_time_revenue_and_address(client: str) -> None:
    """The address is the client's where it asks for it, or may be the user's; never that of a server."""
    shape = SHAPES[client]
    (event,) = by_collector(body_of(shape))
    assert (event.name, event.user_id, event.time_ms, event.insert_id) == (
        "revenue_amount",
        "user-1",
        NOW_MS - 5,
        "i-1",
    )
    assert READER.read(event).values == shape.identifiers
    assert dict(read_revenue(event).parameters) == shape.revenue
    assert event.ip == shape.ip
    assert event.fields.get("location_lat") != 0


@pytest.mark.parametrize("client", SHAPES)
def test_the_stream_reads_the_same_of_a_body_that_another_collector_writes_to_kafka(client: str) -> None:
    """All but what only a collector knows: the address and the upload."""
    body = body_of(SHAPES[client])
    (ours,), (theirs,) = by_collector(body), events_of(body)
    same = ("name", "user_id", "device_id", "time_ms", "insert_id", "platform", "os_name", "os_version", "app_version")
    assert [getattr(ours, name) for name in same] == [getattr(theirs, name) for name in same]
    assert READER.read(ours) == READER.read(theirs)
    assert read_revenue(ours) == read_revenue(theirs)


@pytest.mark.parametrize("client", ["browser", "kotlin", "legacy Android"])
def test_a_wrong_clock_is_set_right_from_a_minute_on(client: str) -> None:
    """And the event says what it had stated itself."""
    shape = SHAPES[client]
    for skew_ms, expected_ms in ((59_000, NOW_MS - 59_005), (86_400_000, NOW_MS - 5), (-61_000, NOW_MS - 5)):
        name = "time" if "time" in shape.event else "timestamp"
        event = {**shape.event, name: NOW_MS - skew_ms - 5}
        if shape.around is not None:
            body = orjson.dumps({"events": [event], "client_upload_time": NOW_MS - skew_ms})
        else:
            body = urlencode({"client": "k", "e": json.dumps([event]), "upload_time": NOW_MS - skew_ms}).encode()
        (read,) = by_collector(body)
        assert read.time_ms == expected_ms
        assert ("client_event_time" in read.fields) == (skew_ms != 59_000)


def test_an_absent_address_is_the_clients_and_remote_without_one_is_none() -> None:
    """A server's SDK says nothing of its users' address."""
    bare = {"event_type": "Buy", "user_id": "user-1"}
    assert by_collector(orjson.dumps({"events": [bare]}))[0].ip == "198.51.100.9"
    on_server = {**bare, "library": "amplitude-go/1.3.1"}
    assert by_collector(orjson.dumps({"events": [on_server]}))[0].ip is None
    body = orjson.dumps({"events": [{**on_server, "ip": "$remote"}, {**bare, "ip": "$remote"}]})
    outcome = take(Request("POST", "/", "", body, None, NOW_MS), Rules())
    assert isinstance(outcome, Taken)
    assert all(b"ip" not in orjson.loads(each.value) and b"$remote" not in each.value for each in outcome.events)
