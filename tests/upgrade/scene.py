"""What was on the topic when a release wrote its state, and with which settings; the same in every release's state."""

from typing import Any, Final

import orjson

TOPIC: Final = "upgraded"
GROUP: Final = "upgraded-group"
PARTITIONS: Final = 2
WORKS, FAILS = "id111111111", "id222222222"
"""Apps: the first takes what it is sent, the second answers 503 as long as the earlier version runs."""
REFUSED: Final = "Refused"
"""The name of events that the first app refuses with 400; their dead letters were replayed before the upgrade."""
EVENTS: Final = range(150)
UNKNOWN: Final = range(20, 30)
"""Events whose users nobody knows the AppsFlyer id of: held, so that the group's offsets stay below them."""
_BEGUN_MS: Final = 1_795_000_000_000

SETTINGS: Final = f"""\
[source]
kind = "kafka"
bootstrap_servers = "{{bootstrap}}"
topic = "{TOPIC}"
group_id = "{GROUP}"
start = "earliest"

[identity]
hold_seconds = 604800
remember_days = 3650

[delivery]
endpoint = "{{url}}"
max_pending = 100
drain_seconds = 4
timeout_seconds = 2

[dead_letters]
kind = "files"
directory = "letters"

[state]
directory = "state"
epoch_seconds = 1

[health]
port = 0

[[sync]]
name = "works"
ios_app_id = "{WORKS}"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"

[[sync]]
name = "fails"
ios_app_id = "{FAILS}"
s2s_key = "env:APPSFLYER_S2S_KEY"
events = "all"
"""


def refused() -> set[int]:
    """Return the numbers of the events that the first app refuses."""
    return {number for number in EVENTS if number % 30 == 29 and number not in UNKNOWN}


def message(number: int, *, introduces: bool = False) -> tuple[int, str, bytes]:
    """Return (partition, key, value) of an event; one that introduces states its user's AppsFlyer id in any case."""
    user = f"user-{number}"
    event: dict[str, Any] = {
        "event_type": REFUSED if number in refused() else "Order",
        "user_id": user,
        "device_id": f"device-{number}",
        "insert_id": f"insert-{number}",
        "time": _BEGUN_MS + number,
        "platform": "iOS",
        "event_properties": {"number": number},
    }
    if introduces:
        event.update(event_type="$identify", insert_id=f"introduction-{number}")
    if introduces or number not in UNKNOWN:
        event["user_properties"] = {"appsflyer_id": f"1700000000000-{1_000_000 + number}"}
    return number % PARTITIONS, user, orjson.dumps(event)


UNREADABLE: Final = (0, "nobody", b"no JSON")
