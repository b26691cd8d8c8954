"""What the scenarios produce: everything about an event is a function of its id, and so is the body that must arrive.

The expected body is written down here by hand, from the documented mapping; nothing of the product is asked for it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

IOS_APP: Final = "id123456789"
ANDROID_APP: Final = "com.example.chaos"
EVENT: Final = "Order Completed"
SENT_AS: Final = "af_purchase"
USERS: Final = 40
"""Even users have an iPhone, odd ones an Android phone."""
_BROKEN_EVERY: Final = 97
_UNSELECTED_EVERY: Final = 10
_REPEATED_EVERY: Final = 31
_TELLS_ITS_ID_EVERY: Final = 3

Body = dict[str, Any]


class Message(NamedTuple):
    """One Kafka message."""

    key: bytes
    value: bytes


def user_of(number: int) -> int:
    """Return whose event it is."""
    return number % USERS


def app_of(number: int) -> str:
    """Return the app that it must go to."""
    return ANDROID_APP if user_of(number) % 2 else IOS_APP


def is_broken(number: int) -> bool:
    """Whether it is no JSON, and so must become a dead letter."""
    return number % _BROKEN_EVERY == 0


def is_wanted(number: int) -> bool:
    """Whether it must arrive, once."""
    return not is_broken(number) and number % _UNSELECTED_EVERY != 0


def tells_its_id(number: int) -> bool:
    """Whether the event itself holds its AppsFlyer id; the others depend on what the user's state remembers."""
    return number % _TELLS_ITS_ID_EVERY == 0


def introductions() -> Iterator[Message]:
    """Yield the events that teach each user's AppsFlyer id; they must stand before all others."""
    for user in range(USERS):
        teaches = {
            "event_type": "$identify",
            "user_id": _user_id(user),
            "device_id": f"device-{user}",
            "platform": _platform(user),
            "user_properties": {"$set": {"appsflyer_id": _appsflyer_id(user)}},
        }
        yield Message(_user_id(user).encode(), orjson.dumps(teaches))


def messages(number: int) -> Iterator[Message]:
    """Yield the messages of one id: mostly one; some come twice, as Amplitude's clients send when they are unsure."""
    user = user_of(number)
    key = _user_id(user).encode()
    if is_broken(number):
        yield Message(key, b'{"event_type": "broken", "id": %d' % number)
        return
    event: dict[str, Any] = {
        "event_type": EVENT if is_wanted(number) else "Page Viewed",
        "user_id": _user_id(user),
        "device_id": f"device-{user}",
        "insert_id": f"insert-{number}",
        "platform": _platform(user),
        "os_version": f"{14 + user % 5}.{user}",
        "app_version": "3.1.4",
        "time": int(_time(number).timestamp() * 1000),
        "event_properties": {"id": number, "$revenue": number / 100, "$currency": "EUR", "text": _text(number)},
    }
    if tells_its_id(number):
        event["user_properties"] = {"appsflyer_id": _appsflyer_id(user)}
    value = orjson.dumps(event)
    yield Message(key, value)
    if number % _REPEATED_EVERY == 0:
        yield Message(key, value)


def expected_body(number: int) -> Body:
    """Return the body that must arrive, with `eventValue` parsed."""
    user = user_of(number)
    value: dict[str, Any] = {
        "af_revenue": _money(number),
        "id": number,
        "text": _text(number),
    }
    if tells_its_id(number):
        value["appsflyer_id"] = _appsflyer_id(user)
    return {
        "appsflyer_id": _appsflyer_id(user),
        "customer_user_id": _user_id(user),
        "eventName": SENT_AS,
        "eventValue": value,
        "eventTime": _time(number).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "eventCurrency": "EUR",
        "os": f"{14 + user % 5}.{user}",
        "app_version_name": "3.1.4",
        "bundleIdentifier": ANDROID_APP if user % 2 else "com.example.ios",
    }


def _platform(user: int) -> str:
    return "Android" if user % 2 else "iOS"


def _user_id(user: int) -> str:
    return f"user-{user}"


def _appsflyer_id(user: int) -> str:
    return f"1700000000000-{7_000_000 + user}"


def _text(number: int) -> str:
    return f"{number:x}-é" * (1 + number % 5)


def _money(number: int) -> str:
    return f"{number / 100:.2f}".rstrip("0").rstrip(".")


def _time(number: int) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
