"""What a visit to «Trailmix» looks like: the events of one session, in their order."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from examples.sample.people import Arrival, Device, Person
from examples.sample.rows import Act

_TRAILS: Final = (
    ("Höllentalklamm", 12.4, "hard"),
    ("Emerald Lake Loop", 5.1, "easy"),
    ("上高地 河童橋", 7.8, "moderate"),
    ("Cat Bells ⛰️", 5.6, "moderate"),
    ("Pedra do Baú", 3.2, "hard"),
    ("Kungsleden: Abisko → Alesjaure", 33.9, "hard"),
    ("Lakeside stroll", 2.0, "easy"),
)
_GOODS: Final = (("sku-boots-42", 149.95), ("sku-map-07", 12.5), ("sku-bottle-1l", 24.0), ("sku-poles-alu", 59.9))
_REVIEW: Final = "Wunderschön! 🥾 Early start recommended; the last 300 m are steep, 眺めは最高 — bring water. "
_LAST: Final = "[Amplitude] End Session"
_WHOLE_UNITS: Final = frozenset({"JPY"})


class Visits:
    """Makes up visits of one user, who becomes known to AppsFlyer in the course of them."""

    def __init__(self, person: Person, rng: Random) -> None:
        self._person = person
        self._rng = rng
        self._has_signed_up = False
        self._hikes = rng.randrange(40)
        self._events_until_known = rng.randrange(4, 9) if person.arrival is Arrival.LATE else 0

    def visit(self) -> Iterator[Act]:
        """Yield what happens in a visit, with times from its beginning on; it is over within four minutes."""
        device = self._rng.choice(self._person.devices)
        time_ms = 0
        for name, event_properties, from_server in self._story():
            if name == _LAST:
                self._events_until_known = 0
            yield self._act(device, name, time_ms, event_properties, from_server=from_server)
            time_ms += self._rng.randrange(900, 12_000)

    def _story(self) -> Iterator[tuple[str, dict[str, Any], bool]]:
        rng = self._rng
        trail, distance_km, difficulty = rng.choice(_TRAILS)
        yield "[Amplitude] Start Session", {}, False
        if self._person.user_id is not None and not self._has_signed_up:
            self._has_signed_up = True
            yield "$identify", {}, False
            if self._chance(0.3):
                yield "Sign Up", {"method": rng.choice(("email", "passkey")), "referrer": None}, False
        yield "Screen Viewed", {"screen": "home", "tabs": ["map", "shop", "club"]}, False
        if self._chance(0.5):
            yield "Search", {"query": trail.split()[0].lower(), "results": rng.randrange(30), "filters": {}}, False
        yield "Trail Viewed", {"trail": trail, "difficulty": difficulty, "distance_km": distance_km}, False
        if self._chance(0.5):
            self._hikes += 1
            weather = {"sky": rng.choice(("sunny ☀️", "rain 🌧️")), "wind_kmh": rng.randrange(40)}
            yield "Hike Started", {"trail": trail, "offline_map": self._chance(0.4)}, False
            yield "Hike Completed", {"trail": trail, "distance_km": distance_km, "weather": weather}, False
        if self._chance(0.15):
            review = _REVIEW * rng.choice((1, 2, 8))
            yield "Review Posted", {"trail": trail, "rating": rng.randrange(3, 6), "review": review.strip()}, False
        yield from self._shopping()
        yield _LAST, {}, False

    def _shopping(self) -> Iterator[tuple[str, dict[str, Any], bool]]:
        rng, currency = self._rng, self._person.currency
        if self._chance(0.35):
            product, price = rng.choice(_GOODS)
            price = self._amount(price)
            order = {
                "$price": price,
                "$quantity": rng.randrange(1, 4),
                "$productId": product,
                "$revenueType": "purchase",
                "$currency": currency,
                "coupon": rng.choice((None, "", "SPRING-10")),
            }
            yield "Order Completed", order, False
            if self._chance(0.2):
                refund = {**order, "$price": -price, "$revenueType": "refund", "reason": "wrong size"}
                # Accounts are known to the shop's server; the devices are not.
                yield "Order Refunded", refund, self._person.user_id is not None
        if self._chance(0.1):
            yield "Trial Started", {"plan": "club", "days": 14}, False
        if self._chance(0.12):
            yearly = {
                "$revenue": self._amount(39.99),
                "$productId": "club-yearly",
                "$currency": currency,
                "plan": "club",
            }
            yield "Subscription Started", yearly, False

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _amount(self, amount: float) -> float:
        return round(amount * 150) if self._person.currency in _WHOLE_UNITS else amount

    def _act(
        self,
        device: Device,
        name: str,
        time_ms: int,
        event_properties: dict[str, Any],
        *,
        from_server: bool,
    ) -> Act:
        person = self._person
        is_club_member = person.is_club_member and person.user_id is not None
        user_properties: dict[str, Any] = {
            "plan": "club" if person.is_club_member else "free",
            "hikes_total": self._hikes,
            "favourite_region": person.region,
            "newsletter": None,
            "preferences": {
                "units": "imperial" if person.currency == "USD" else "metric",
                "dark_mode": self._hikes % 2 == 0,
            },
        }
        if not from_server:
            user_properties |= device.identifiers | self._appsflyer_id(device)
        return Act(
            person=person,
            device=device,
            name=name,
            time_ms=time_ms,
            session_ms=0,
            event_properties=event_properties,
            user_properties={"$set": user_properties} if name == "$identify" else user_properties,
            groups={"club": ["Alpenverein Beispielstadt"]} if is_club_member else {},
            group_properties={"club": {"Alpenverein Beispielstadt": {"members": 412}}} if is_club_member else {},
            from_server=from_server,
        )

    def _appsflyer_id(self, device: Device) -> dict[str, Any]:
        if device.appsflyer_id is None or self._person.arrival is Arrival.NEVER:
            return {}
        if self._events_until_known > 0:
            self._events_until_known -= 1
            return {"appsflyer_id": None}
        return {"appsflyer_id": device.appsflyer_id}
