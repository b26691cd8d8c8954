"""Hostile topics: each holds what would take gigabytes of a stream whose memory is not bounded."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_MB: Final = 1 << 20


class Kind(NamedTuple):
    """One hostile topic."""

    name: str
    lines: Callable[[], Iterator[bytes]]
    bound_mb: int
    """What the process may take beyond what it takes for ordinary events."""
    by: str
    """What bounds it."""
    settings: str = ""
    """What stream.toml says beside the usual."""
    answer_ms: float = 0.0
    """How long AppsFlyer takes for an answer."""
    ends: bool = True
    """Its lines end with a line break."""
    is_quick: bool = False
    """The tests run it, too."""
    parts: int = 1
    """How many events or refusals each record is read as."""


def _event(number: int, **fields: object) -> bytes:
    own = {"event_type": "a", "user_id": f"u{number}", "insert_id": str(number), "time": 1_795_000_000_000 + number}
    return json.dumps({**own, **fields}, separators=(",", ":")).encode()


def _known(number: int, **fields: object) -> bytes:
    """Return an event that can be sent."""
    return _event(number, platform="iOS", appsflyer_id=f"1700000000000-{number + 1}", **fields)


def _ordinary() -> Iterator[bytes]:
    for number in range(2000):
        yield _known(number, event_properties={"colour": "red", "size": number})


def _members(member: bytes, count: int) -> Callable[[], Iterator[bytes]]:
    def lines() -> Iterator[bytes]:
        for _ in range(10):
            yield b'{"events":[' + b",".join([member] * count) + b"]}"

    return lines


def _held() -> Iterator[bytes]:
    objects: list[dict[str, int]] = [{}] * 30_000
    for number in range(250):
        yield _event(number, platform="iOS", event_properties={"a": objects})


def _held_of_one() -> Iterator[bytes]:
    text = "x" * 500_000
    for number in range(200):
        yield _event(number, platform="iOS", user_id="one", event_properties={"a": text})


def _pending() -> Iterator[bytes]:
    text = "x" * 900_000
    for number in range(100):
        yield _known(number, event_properties={"a": text})


def _refused() -> Iterator[bytes]:
    text = b"x" * 900_000
    for number in range(150):
        yield b"%d %s" % (number, text)


def _nested() -> Iterator[bytes]:
    for _ in range(10):
        yield b'{"event_type":"a","user_id":"u","event_properties":' + b'{"a":' * 150_000 + b"1" + b"}" * 150_001
        yield b"[" * 500_000 + b"]" * 500_000


def _properties() -> Iterator[bytes]:
    for number in range(20):
        yield _known(number, event_properties={f"p{number}-{each}": each for each in range(30_000)})


def _names() -> Iterator[bytes]:
    for number in range(120):
        name = f"{number}" + "n" * 200_000
        yield _known(number, event_properties={name: 1}, user_properties={name: 2}, os_name=name, app_version=name)


def _line() -> Iterator[bytes]:
    for _ in range(200):
        yield b"x" * _MB


def _devices() -> Iterator[bytes]:
    for number in range(15_000):
        yield _known(number, user_id="guest", device_id=f"{number:0>1000}")


def _users() -> Iterator[bytes]:
    dice = random.Random(7)
    for _ in range(15_000):
        number = dice.getrandbits(60)
        yield _event(number, platform="iOS", user_id=f"{number:0>1000}", device_id=f"{number:0>999}", event_type="b")


_STORED: Final = "[state]\nepoch_seconds = 1\n"

ORDINARY: Final = Kind("ordinary events", _ordinary, 0, "")
KINDS: Final = (
    Kind("a record of 500,000 numbers", _members(b"1", 500_000), 80, "10,000 parts a record"),
    Kind("a record of 340,000 empty objects", _members(b"{}", 340_000), 80, "10,000 parts a record"),
    Kind("a record of 10,000 refusals", _members(b"{}", 10_000), 80, "100 refusals a record", parts=101),
    Kind("nested 150,000 levels deep", _nested, 80, "100 levels"),
    Kind("30,000 properties an event", _properties, 80, "1 MB a record"),
    Kind("names of 200 KB", _names, 40, "names that are remembered", is_quick=True),
    Kind("a line of 200 MB", _line, 120, "16 MB of a line", ends=False, is_quick=True),
    Kind("130 MB of refused records", _refused, 60, "max_pending", "[delivery]\nmax_pending = 2000\n", is_quick=True),
    Kind(
        "90 MB that waits for answers",
        _pending,
        50,
        "max_pending",
        "[delivery]\nmax_pending = 2000\nmax_in_flight = 4\n",
        200.0,
        is_quick=True,
    ),
    Kind(
        "events that wait for an id", _held, 100, "hold_megabytes", "[identity]\nhold_megabytes = 16\n", is_quick=True
    ),
    Kind("one user's events that wait", _held_of_one, 60, "hold_events, of 10 KB each", is_quick=True),
    Kind("15,000 devices of one user", _devices, 80, "1,000 devices a user", _STORED),
    Kind("15,000 users with long ids", _users, 80, "remember_users", f"{_STORED}[identity]\nremember_users = 1000\n"),
)
