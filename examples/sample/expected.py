"""What the stream has to make of the sample: every row's outcome, known from how the rows were made."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from examples.sample.people import ANDROID, IOS
from examples.sample.rows import Row

SYNC: Final = "trailmix"
LONG_HIKE_KM: Final = 5
SENT_AS: Final = {
    "Sign Up": "af_complete_registration",
    "Trial Started": "af_start_trial",
    "Subscription Started": "af_subscribe",
    "Order Completed": "af_purchase",
    "Order Refunded": "refund",
    "Review Posted": "af_rate",
    "Hike Completed": "hike_completed",
}
"""The events that the sync `trailmix` selects, and the names it sends them under."""
_RESERVED: Final = frozenset({"$identify"})


@dataclass(frozen=True, slots=True)
class Expected:
    """The numbers that the run's summary has to show for the sample and its settings."""

    read: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    delivered: int = 0
    duplicate: int = 0
    filtered: dict[str, int] = field(default_factory=dict)
    dead_lettered: dict[str, int] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return them in the shape of the summary that `STREAM_SUMMARY` asks for."""
        sync = {
            "copies": 0,
            "delivered": self.delivered,
            "duplicate": self.duplicate,
            "filtered": self.filtered,
            "dead_lettered": self.dead_lettered,
            "pending": 0,
        }
        return {"read": self.read, "refused": self.refused, "syncs": {SYNC: sync}}


def expect(rows: list[Row], duplicates: int, refused: dict[str, int]) -> Expected:
    """Return what is to come of these rows, `duplicates` more that repeat some of them, and the refused lines."""
    known = {place for row in rows if "appsflyer_id" in properties(row) for place in _places(row)}
    outcomes = Counter(outcome(row, known) for row in rows)
    return Expected(
        read=len(rows) + duplicates + sum(refused.values()),
        refused=refused,
        delivered=outcomes.pop("delivered", 0),
        duplicate=duplicates,
        dead_lettered={"no_appsflyer_id": count} if (count := outcomes.pop("no_appsflyer_id", 0)) else {},
        filtered=dict(sorted(outcomes.items())),
    )


def properties(row: Row) -> dict[str, Any]:
    """Return the user properties that are set."""
    plain = row["user_properties"].get("$set", row["user_properties"])
    return {name: value for name, value in plain.items() if value is not None}


def outcome(row: Row, known: set[tuple[str, ...]]) -> str:
    """Return `delivered`, `no_appsflyer_id`, or why it is filtered. `known` are the places that learn an id."""
    name = row["event_type"]
    if name in _RESERVED:
        return "reserved"
    if name not in SENT_AS or (name == "Hike Completed" and row["event_properties"]["distance_km"] < LONG_HIKE_KM):
        return "not_selected"
    if row["platform"] not in (IOS, ANDROID):
        return "platform"
    return "delivered" if _places(row)[0] in known else "no_appsflyer_id"


def _places(row: Row) -> list[tuple[str, ...]]:
    """Return where the row's identifiers are remembered: under its device; and under its user, for rows without one."""
    user = ("user", row["user_id"]) if row["user_id"] is not None else ("device", row["device_id"])
    by_user = (*user, row["platform"])
    return [by_user] if row["device_id"] is None else [(*user, row["platform"], row["device_id"]), by_user]
