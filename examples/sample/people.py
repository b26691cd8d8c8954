"""The invented users of «Trailmix» and their devices. Every id is random, and every address reserved for documentation.

Who is who goes by the user's number, not by chance, so that even a small sample has some of every kind.
"""

import uuid
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any, Final

ZERO_ID: Final = "00000000-0000-0000-0000-000000000000"
"""What iOS gives for an IDFA where tracking was denied."""

IOS: Final = "iOS"
ANDROID: Final = "Android"
WEB: Final = "Web"

_PHONES: Final = {
    IOS: (
        ("iPhone 14", "Apple iPhone", "17.4.1"),
        ("iPhone 15 Pro", "Apple iPhone", "18.1"),
        ("iPhone SE", "Apple iPhone", "16.7"),
    ),
    ANDROID: (
        ("Pixel 8", "Google Pixel", "14"),
        ("Galaxy S23", "Samsung Galaxy", "13"),
        ("Moto G84", "Motorola Moto", "14"),
    ),
    WEB: (("Windows", "Windows", "126"), ("Mac", "Mac", "127")),
}
_TABLETS: Final = {
    IOS: ("iPad Air", "Apple iPad", "17.5"),
    ANDROID: ("Galaxy Tab S9", "Samsung Galaxy Tablet", "13"),
}
_BRANDS: Final = {"Pixel": "Google", "Galaxy": "samsung", "Moto": "motorola"}
_PLACES: Final = (
    # country, region, city, language, currency
    ("Germany", "Bavaria", "Garmisch-Partenkirchen", "German", "EUR"),
    ("Switzerland", "Zürich", "Zürich", "German", "CHF"),
    ("United States", "Colorado", "Boulder", "English", "USD"),
    ("Japan", "Nagano", "松本市", "Japanese", "JPY"),
    ("United Kingdom", "Cumbria", "Keswick", "English", "GBP"),
    ("Brazil", "São Paulo", "São Bento do Sapucaí", "Portuguese", "BRL"),
    ("Sweden", "Norrbotten", "Kiruna", "Swedish", "SEK"),
)


class Arrival(Enum):
    """When the app comes to know its AppsFlyer id and sets it."""

    AT_ONCE = "at once"
    LATE = "late"
    """The first events of the user go without it."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Device:
    """One installation of the app, or one browser."""

    device_id: str
    platform: str
    model: str
    family: str
    os_version: str
    ip: str
    appsflyer_id: str | None
    identifiers: dict[str, Any]
    """The device identifiers, as the app sets them as user properties."""

    @property
    def is_ios(self) -> bool:
        """Whether it is an Apple device."""
        return self.platform == IOS

    @property
    def brand(self) -> str | None:
        """The maker, as Amplitude's SDKs report it."""
        return "Apple" if self.is_ios else _BRANDS.get(self.model.split()[0])


@dataclass(frozen=True, slots=True)
class Person:
    """A user; anonymous ones have never logged in."""

    user_id: str | None
    amplitude_id: int
    devices: tuple[Device, ...]
    arrival: Arrival
    country: str
    region: str
    city: str
    language: str
    currency: str
    is_club_member: bool


def people(count: int, rng: Random) -> list[Person]:
    """Return that many users."""
    return [_person(number, rng) for number in range(count)]


def _person(number: int, rng: Random) -> Person:
    platform = WEB if _is_one(number, every=17, first=5) else (IOS, ANDROID)[number % 2]
    arrival = Arrival.AT_ONCE
    if _is_one(number, every=9, first=2):
        arrival = Arrival.LATE
    elif _is_one(number, every=25, first=7):
        arrival = Arrival.NEVER
    devices = [_device(rng.choice(_PHONES[platform]), platform, number, rng)]
    if _is_one(number, every=3, first=1) and platform != WEB:
        devices.append(_device(_TABLETS[platform], platform, number, rng))
    country, region, city, language, currency = _PLACES[number % len(_PLACES)]
    return Person(
        user_id=None if _is_one(number, every=11, first=4) else f"hiker-{rng.randrange(10**6):06d}-{number}",
        amplitude_id=rng.randrange(10**11, 10**12),
        devices=tuple(devices),
        arrival=arrival,
        country=country,
        region=region,
        city=city,
        language=language,
        currency=currency,
        is_club_member=_is_one(number, every=4, first=0),
    )


def _is_one(number: int, *, every: int, first: int) -> bool:
    return number % every == first


def _device(kind: tuple[str, str, str], platform: str, number: int, rng: Random) -> Device:
    model, family, os_version = kind
    first_launch = f"{rng.randrange(1_690_000_000_000, 1_730_000_000_000)}"
    appsflyer_id: str | None = None
    identifiers: dict[str, Any] = {}
    if platform == IOS:
        is_denied = number % 3 == 0
        appsflyer_id = f"{first_launch}-{rng.randrange(10**6, 10**7)}"
        identifiers = {
            "idfa": ZERO_ID if is_denied else random_uuid(rng).upper(),
            "idfv": random_uuid(rng).upper(),
            "att_status": 2 if is_denied else 3,
        }
    elif platform == ANDROID:
        appsflyer_id = f"{first_launch}-{rng.randrange(10**18, 9 * 10**18)}"
        identifiers = {"gaid": random_uuid(rng)}
    return Device(
        device_id=random_uuid(rng).upper() if platform == IOS else f"{random_uuid(rng)}R",
        platform=platform,
        model=model,
        family=family,
        os_version=os_version,
        ip=_address(number, rng),
        appsflyer_id=appsflyer_id,
        identifiers=identifiers,
    )


def random_uuid(rng: Random) -> str:
    """Return a random UUID that the seed decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _address(number: int, rng: Random) -> str:
    # RFC 5737 and RFC 3849: addresses for documentation.
    if number % 13 == 0:
        return f"2001:db8::{rng.randrange(1, 0xFFFF):x}"
    network = ("192.0.2", "198.51.100", "203.0.113")[number % 3]
    return f"{network}.{rng.randrange(1, 255)}"
