"""Invented traffic: rows as Amplitude exports them, of users who are made up from their number alone.

Keys that are null are left out, as producers of a topic do, and the times of other stages; an event is about 1.4 KB.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import orjson

from examples.sample.people import people
from examples.sample.rows import Act, export_row
from flows.domain.identifiers import APPSFLYER_ID
from flows.domain.paths import split_path
from tests.tools.load.skew import Users
from tests.tools.load.traffic import MARK, Message

UNSELECTED: Final = "Load Test Screen Viewed"
"""The name of the events that no sync is meant to select."""
_MOBILE: Final = ("iOS", "Android")
_DRAWN: Final = 1000
_GOODS: Final = (("sku-boots-42", 149.95), ("sku-map-07", 12.5), ("sku-bottle-1l", 24.0), ("sku-poles-alu", 59.9))


class Invented:
    """Makes events up. The same seed gives the same users and events, apart from their times."""

    def __init__(
        self,
        users: Users,
        rng: Random,
        names: Sequence[str],
        *,
        selected: float = 0.8,
        without_ids: float = 0.1,
        introduced: bool = False,
        platforms: Sequence[str] = ("ios", "android"),
        paths: Mapping[str, Sequence[str]],
        run: str,
    ) -> None:
        """`names` are what the syncs select; `paths` where they read identifiers; `run` sets its insert ids apart.

        `without_ids` is a share of the events of users who have told theirs: nobody has to wait to be known, which
        would say more of the traffic than of the stream. `introduced`: all of them have told theirs before.
        """
        self._users, self._rng, self._names = users, rng, names
        self._is_known = bytearray([introduced]) * users.count
        self._selected, self._without_ids, self._run = selected, without_ids, run
        self._templates = [_template(each) for each in _MOBILE if each.lower() in platforms]
        self._places = {name: split_path(alternatives[0]) for name, alternatives in paths.items() if alternatives}

    def messages(self, first: int, count: int, now_ms: int) -> Iterator[Message]:
        """Yield the events with these numbers."""
        moment = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"
        number = first
        while count > 0:
            drawn = self._users.draw(min(count, _DRAWN))
            for user in drawn:
                yield self._message(user, number, moment)
                number += 1
            count -= len(drawn)

    def _message(self, user: int, number: int, moment: str) -> Message:
        chance = self._rng.random
        template = self._templates[user % len(self._templates)]
        product, price = _GOODS[number % len(_GOODS)]
        user_id = f"load-user-{user:08d}"
        row = {
            **template,
            "$insert_id": f"{self._run}-{number}",
            "event_type": self._names[number % len(self._names)] if chance() < self._selected else UNSELECTED,
            "user_id": user_id,
            "device_id": f"10AD7E57-0000-4000-8000-{user:012X}",
            "event_time": moment,
            "event_properties": {
                **template["event_properties"],
                MARK: number,
                "$price": price,
                "$quantity": 1 + number % 3,
                "$productId": product,
                "$currency": "EUR",
            },
            "user_properties": {**template["user_properties"]},
        }
        if not self._is_known[user] or chance() >= self._without_ids:
            self._is_known[user] = 1
            for name, value in _identifiers(template["platform"] == "iOS", user):
                if name in self._places:
                    container, key = self._places[name]
                    (row if container is None else row[container])[key] = value
        return Message(user_id.encode(), orjson.dumps(row))


def _identifiers(is_ios: bool, user: int) -> Iterator[tuple[str, Any]]:  # noqa: FBT001 - one of two kinds
    if is_ios:
        yield APPSFLYER_ID, f"{1_700_000_000_000 + user}-{user:07d}"
        yield "idfa", f"AD000000-0000-4000-8000-{user:012X}"
        yield "idfv", f"AD000001-0000-4000-8000-{user:012X}"
        yield "att", 3
    else:
        yield APPSFLYER_ID, f"{1_700_000_000_000 + user}-{user:019d}"
        yield "advertising_id", f"ad000002-0000-4000-8000-{user:012x}"


def _template(platform: str) -> dict[str, Any]:
    """Return a row as the sample's app has it, on one platform."""
    rng = Random(platform)
    person = next(each for each in people(20, rng) if each.devices[0].platform == platform)
    properties = {"coupon": None, "screen": "checkout", "tabs": ["map", "shop", "club"], "offline_map": False}
    belongings = {
        "plan": "club",
        "hikes_total": 17,
        "favourite_region": person.region,
        "newsletter": None,
        "preferences": {"units": "metric", "dark_mode": True},
    }
    act = Act(person, person.devices[0], UNSELECTED, 0, 0, properties, belongings, {}, {})
    row = export_row(act, 1, rng)
    return {name: value for name, value in row.items() if value is not None and not name.endswith("_time")}
