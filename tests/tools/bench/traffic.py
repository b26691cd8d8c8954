"""Traffic: the same invented events for every contestant, as Amplitude's Export API writes them.

Seeded: the same seed, count and time give the same bytes. An event is some 1.4 KB, users repeat as they do in an app
(each event's user is drawn anew), four events of five are among `SELECTED`, and every user's properties hold the
device identifiers that the app has set, so that a forwarder without any memory can deliver them too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

SELECTED: Final = {
    "Order Completed": "af_purchase",
    "Product Added": "af_add_to_cart",
    "Sign Up": "af_complete_registration",
    "Product Viewed": "af_content_view",
}
"""The events that are sent, and the names that AppsFlyer knows them by."""
UNSELECTED: Final = ("Screen Viewed", "Push Received", "Session Started", "Scrolled")
EXCLUDED: Final = ("appsflyer_id", "idfa", "idfv", "advertising_id", "email")
"""User properties that are not repeated among the event's values."""
IOS_APP_ID: Final = "id1234567890"
ANDROID_APP_ID: Final = "com.example.outfitters"
IOS_BUNDLE_ID: Final = "com.example.outfitters.ios"
DEFAULT_CURRENCY: Final = "USD"

_SHARE: Final = 0.8
_SPACING_MS: Final = 2
_PLANS: Final = ("free", "plus", "club")
_CITIES: Final = (("Lisbon", "Lisbon", "Portugal"), ("Leeds", "England", "United Kingdom"), ("Kyoto", "Kyoto", "Japan"))


class Shape(NamedTuple):
    """What traffic to invent."""

    events: int
    users: int = 20_000
    seed: int = 1


class Message(NamedTuple):
    """One Kafka message."""

    key: bytes
    value: bytes
    is_selected: bool


def messages(shape: Shape, last: datetime) -> Iterator[Message]:
    """Yield the messages in the order of their time; the last event happened at `last`."""
    rng = Random(shape.seed)
    first = last - timedelta(milliseconds=_SPACING_MS * (shape.events - 1))
    for number in range(shape.events):
        user = rng.randrange(shape.users)
        happened = first + timedelta(milliseconds=_SPACING_MS * number)
        row = _row(number, user, happened, rng)
        yield Message(row["user_id"].encode(), orjson.dumps(row), row["event_type"] in SELECTED)


def now() -> datetime:
    """Return the time that a topic's traffic ends at: a little ago, so that no event is in the future or late."""
    return datetime.now(UTC) - timedelta(seconds=1)


def _row(number: int, user: int, happened: datetime, rng: Random) -> dict[str, Any]:
    is_selected = rng.random() < _SHARE
    name = rng.choice(tuple(SELECTED)) if is_selected else rng.choice(UNSELECTED)
    is_ios = user % 2 == 0
    city, region, country = _CITIES[user % len(_CITIES)]
    received = happened + timedelta(milliseconds=rng.randrange(80, 900))
    return {
        "$insert_id": _uuid(rng),
        "$schema": 13,
        "adid": None,
        "amplitude_event_type": None,
        "amplitude_id": 600_000_000_000 + user,
        "app": 310042,
        "city": city,
        "client_event_time": _time(happened),
        "country": country,
        "data": {"path": "/2/httpapi", "group_first_event": {}, "group_ids": {}},
        "data_type": "event",
        "device_brand": "Apple" if is_ios else "Google",
        "device_carrier": None,
        "device_family": "Apple iPhone" if is_ios else "Google Pixel",
        "device_id": _fixed_uuid(user, 4),
        "device_model": "iPhone 15" if is_ios else "Pixel 8",
        "device_type": "Apple iPhone" if is_ios else "Google Pixel",
        "event_id": number,
        "event_properties": _event_properties(name, rng),
        "event_time": _time(happened),
        "event_type": name,
        "group_properties": {},
        "groups": {},
        "idfa": None,
        "ip_address": f"203.0.113.{user % 254 + 1}",
        "is_attribution_event": False,
        "language": "English",
        "library": "amplitude-swift/1.9.2" if is_ios else "amplitude-analytics-android/1.16.8",
        "os_name": "ios" if is_ios else "android",
        "os_version": "17.4.1" if is_ios else "14",
        "platform": "iOS" if is_ios else "Android",
        "region": region,
        "server_upload_time": _time(received),
        "session_id": int(happened.timestamp()) * 1000,
        "user_id": f"user-{user:07d}",
        "user_properties": _user_properties(user, is_ios=is_ios),
        "uuid": _uuid(rng),
        "version_name": "5.12.0",
    }


def _event_properties(name: str, rng: Random) -> dict[str, Any]:
    sku = f"sku-{rng.randrange(500):04d}"
    properties: dict[str, Any] = {"screen": "catalogue", "position": rng.randrange(40)}
    if name in ("Order Completed", "Product Added"):
        properties |= {
            "$price": rng.choice((4.99, 9.99, 19.5, 120)),
            "$quantity": rng.randrange(1, 4),
            "$productId": sku,
            "coupon": rng.choice((None, "SPRING", "WELCOME10")),
        }
    if name == "Order Completed":
        properties |= {"$currency": rng.choice(("EUR", "GBP")), "order_id": f"order-{rng.randrange(10**9):09d}"}
    if name == "Product Viewed":
        properties |= {"product_id": sku, "referrer": "search", "query": "rain jacket"}
    return properties


def _user_properties(user: int, *, is_ios: bool) -> dict[str, Any]:
    suffix = f"{user:07d}" if is_ios else f"{user:019d}"
    properties: dict[str, Any] = {
        "appsflyer_id": f"{1_700_000_000_000 + user}-{suffix}",
        "plan": _PLANS[user % len(_PLANS)],
        "email": f"person-{user:07d}@example.com",
        "signed_up": "2025-11-03",
        "orders": user % 17,
        "favourite_category": "tents and shelters",
        "experiment": f"checkout-{user % 4}",
    }
    if is_ios:
        properties |= {"idfa": _fixed_uuid(user, 1).upper(), "idfv": _fixed_uuid(user, 2).upper()}
    else:
        properties |= {"advertising_id": _fixed_uuid(user, 3)}
    return properties


def _fixed_uuid(user: int, kind: int) -> str:
    return str(UUID(int=kind << 96 | user, version=4))


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
