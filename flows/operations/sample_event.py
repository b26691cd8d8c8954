"""The sample event: one event as Amplitude would hold it, made for `send-test`."""

from typing import Any, Final

import orjson

from flows.domain.event import Platform
from flows.domain.identifiers import APPSFLYER_ID
from flows.domain.select import RESERVED
from flows.domain.sync import Sync
from flows.settings.model import Settings

SAMPLE_APPSFLYER_ID: Final = "1700000000000-1234567"
"""Of no install: only a stand-in for AppsFlyer takes it for one."""
FALLBACK_NAME: Final = "stream_test"
"""The event's name where the sync takes any."""


def default_name(sync: Sync) -> str:
    """Return the first event that the sync names; where it takes any, one that nobody mistakes for a user's."""
    named = (row.name for row in sync.selections if row.name != "*" and row.name not in RESERVED)
    return next(named, FALLBACK_NAME)


def make_event(
    settings: Settings,
    name: str,
    platform: Platform,
    appsflyer_id: str,
    customer_user_id: str | None,
    now_ms: int,
    more: dict[str, Any],
) -> bytes:
    """Return the event as JSON. `more` is laid over it, path by path. Raises ValueError where a path leads nowhere."""
    event: dict[str, Any] = {
        "event_type": name,
        "time": now_ms,
        "platform": "iOS" if platform == "ios" else "Android",
        "insert_id": f"send-test-{now_ms}",
    }
    if customer_user_id is not None:
        event["user_id"] = customer_user_id
    else:
        event["device_id"] = "send-test"
    paths = settings.identity.identifier_paths[APPSFLYER_ID]
    _set(event, paths[0] if paths else f"user_properties.{APPSFLYER_ID}", appsflyer_id)
    for path, value in more.items():
        _set(event, path, value)
    return orjson.dumps(event)


def _set(event: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place: Any = event
    for each in parents:
        place = place.setdefault(each, {})
        if not isinstance(place, dict):
            raise ValueError(f"{path}: {each} is no object")  # noqa: TRY004 - it is the path that is wrong
    place[last] = value
