"""An event of Amplitude's Export API → AppsFlyer's request."""

from datetime import UTC, datetime
from typing import Any

import orjson

SEND_AS = {
    "Order Completed": "af_purchase",
    "Product Added": "af_add_to_cart",
    "Sign Up": "af_complete_registration",
    "Product Viewed": "af_content_view",
}
CONSUMED = {"$price", "$quantity", "$productId", "$currency"}
EXCLUDED = {"appsflyer_id", "idfa", "idfv", "advertising_id", "email"}


def translate(value: bytes) -> tuple[str, bytes] | None:
    """Return (app id, body), or None where it is not sent."""
    event = orjson.loads(value)
    name = SEND_AS.get(event["event_type"])
    user = event["user_properties"]
    if name is None or not user.get("appsflyer_id"):
        return None
    properties = event["event_properties"]
    body: dict[str, Any] = {
        "appsflyer_id": user["appsflyer_id"],
        "customer_user_id": event["user_id"],
        "eventName": name,
        "eventValue": orjson.dumps(_event_value(properties, user)).decode(),
        "eventTime": _event_time(event["event_time"]),
        "eventCurrency": properties.get("$currency") or "USD",
        "ip": event["ip_address"],
        "os": event["os_version"],
        "app_version_name": event["version_name"],
    }
    if event["platform"] == "iOS":
        app_id = "id1234567890"
        body |= {"idfa": user["idfa"], "idfv": user["idfv"], "bundleIdentifier": "com.example.outfitters.ios"}
    elif event["platform"] == "Android":
        app_id = "com.example.outfitters"
        body |= {"advertising_id": user["advertising_id"], "bundleIdentifier": "com.example.outfitters"}
    else:
        return None
    return app_id, orjson.dumps({name: value for name, value in body.items() if value is not None})


def _event_value(properties: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    values = {
        name: value
        for name, value in properties.items()
        if value is not None and name not in CONSUMED and name not in EXCLUDED
    }
    price = properties.get("$price")
    if price is not None:
        quantity = properties.get("$quantity")
        if quantity is not None:
            values["af_quantity"] = _decimal(quantity)
        values["af_price"] = _decimal(price)
        values["af_revenue"] = _decimal(price * (1 if quantity is None else quantity))
    if "$productId" in properties:
        values["af_content_id"] = str(properties["$productId"])
    for name, value in user.items():
        if value is not None and name not in EXCLUDED:
            values[f"user.{name}" if name in values else name] = value
    return values


def _event_time(text: str) -> str:
    """`2026-01-31 23:59:59.123456` in UTC → the same with milliseconds, clamped to now."""
    return min(text[:23], f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:23])


def _decimal(number: float) -> str:
    return f"{number:.5f}".rstrip("0").rstrip(".")
