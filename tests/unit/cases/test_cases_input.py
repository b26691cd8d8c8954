"""Cases of input: shapes, times, types, and what is no event. Each costs itself only, with a reason.

Sources: Amplitude, HTTP V2 API and Export API; AppsFlyer, «Time stamping S2S events».
"""

import json
from typing import Any

import pytest

from tests.fixtures.explained import NOW_MS, explained, export, fate, ios, sent, warned_of

RAW = json.dumps(ios()).encode()
UNDECODABLE: dict[str, bytes] = {
    "junk": b"\xff\xfe\x00\x01\x80", "text": b"hello", "a number": b"42", "null": b"null", "an array": b"[]",
    "half": RAW[: len(RAW) // 2], "two": RAW + RAW, "garbage behind": RAW + b" x", "single quotes": b"{'a':1}",
    "open and deep": b"[" * 10_000, "deep": b"[" * 10_000 + b"]" * 10_000,
    "deep within": RAW[:-1] + b',"event_properties":{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
    **{name: RAW[:-1] + b',"event_properties":{"a":' + name.encode() + b"}}"
       for name in ("NaN", "Infinity", "-Infinity")},
    "a lone surrogate": RAW[:-1] + b',"event_properties":{"a":"\\ud800"}}',
    "a lone surrogate as name": RAW[:-1] + b',"event_properties":{"\\udc00":1}}',
    "a surrogate's bytes": RAW[:-1] + b',"event_properties":{"a":"\xed\xa0\x80"}}',
    "latin 1": RAW.replace(b"Buy", b"B\xfcy"), "a raw NUL": RAW.replace(b"Buy", b"B\x00y"),
    "5 MB": RAW[:-1] + b',"event_properties":{"a":"' + b"x" * 5_000_000 + b'"}}',
    "UTF-16": RAW.decode().encode("utf-16"), "gzip": b"\x1f\x8b\x08\x00\x00junk",
}  # fmt: skip
INVALID: dict[str, Any] = {
    "an empty object": {},
    **{f"event_type {bad!r}": ios() | {"event_type": bad} for bad in (None, "", 1, True, ["a"])},
    **{f"nobody {bad!r}": ios() | {"user_id": bad, "device_id": bad} for bad in (None, "", "unknown")},
    **{f"time {bad!r}": ios() | {"time": bad}
       for bad in (str(NOW_MS), "2026-03-10T11:59:00Z", True, [NOW_MS], 10**20, -1, 1e300)},
    **{f"event_time {bad!r}": export(event_time=bad)
       for bad in ("2026-13-01 00:00:00.000000", "2026-02-30 00:00:00.000000", "yesterday", "10/03/2026", NOW_MS)},
    **{f"{name} no object": ios() | {name: "x"}
       for name in ("event_properties", "user_properties", "groups", "group_properties")},
    **{f"{name} of a wrong type": ios() | {name: ["x"]}
       for name in ("user_id", "device_id", "platform", "os_version", "app_version", "ip", "insert_id")},
}  # fmt: skip


@pytest.mark.parametrize("name", [*UNDECODABLE, *INVALID])
def test_what_is_no_event_costs_itself_only(name: str) -> None:
    """One line without a sync, with its reason; the next event is not harmed."""
    line = UNDECODABLE.get(name, INVALID.get(name))
    reason = "undecodable" if name in UNDECODABLE else "invalid_event"
    refused, following = explained(line, ios())
    assert fate(refused) == f"1 dead_lettered {reason}"
    assert (refused["sync"], refused["request"], following["outcome"]) == (None, None, "would_deliver")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (RAW.replace(b'"event_type": "Buy"', b'"event_type": "x", "event_type": "y"'), "y"),
        (b"  " + RAW + b" \t", "Buy"),
        (json.dumps(ios(event_type="Größe 🎉")).encode(), "Größe 🎉"),
        (json.dumps(ios(event_type="Größe 🎉"), ensure_ascii=False).encode(), "Größe 🎉"),
    ],
    ids=range(4),
)
def test_odd_but_right(line: bytes, name: str) -> None:
    """Of duplicate keys the last counts; blanks and escapes are no matter."""
    assert sent(line)["eventName"] == name


def test_the_events_of_an_upload_stand_or_fall_one_by_one() -> None:
    """Amplitude, HTTP V2 API: `{"api_key": …, "events": […]}`; an Export row may be one of them."""
    events = [ios(event_type="a"), {"event_type": "x"}, "junk", None, export(event_type="b")]
    lines = explained({"api_key": "k", "events": events, "options": {}})
    assert [fate(line) for line in lines] == [
        "1 sent", "1 dead_lettered invalid_event", *["1 dead_lettered undecodable"] * 2, "1 sent",
    ]  # fmt: skip


TIMES: list[tuple[dict[str, Any], str, set[str]]] = [
    (ios(time=NOW_MS - 1), "2026-03-10 11:59:59.999", set()),
    (ios(time=float(NOW_MS)), "2026-03-10 12:00:00.000", set()),
    (ios() | {"time": None}, "2026-03-10 12:00:00.000", {"no_event_time"}),
    (ios() | {"time": ""}, "2026-03-10 12:00:00.000", {"no_event_time"}),
    *((export(event_time=text), "2026-03-10 11:59:00.123", set())
      for text in ("2026-03-10 11:59:00.123000", "2026-03-10T11:59:00.123456", "2026-03-10 11:59:00.123",
                   "2026-03-10T11:59:00.123", "2026-03-10T11:59:00.123Z")),
    (export(event_time="2026-03-10 11:59:00"), "2026-03-10 11:59:00.000", set()),
    (export(event_time=None), "2026-03-10 12:00:00.000", {"no_event_time"}),
    (ios() | {"time": None, "timestamp": NOW_MS - 1}, "2026-03-10 11:59:59.999", set()),
    (ios(time=NOW_MS - 0.25), "2026-03-10 11:59:59.999", set()),
    (export(event_time="2026-03-10 11:59:00.123 UTC"), "2026-03-10 11:59:00.123", set()),
    (export(event_time="2026-03-10 13:59:00.123 +0200"), "2026-03-10 11:59:00.123", set()),
    (ios(time=NOW_MS + 1), "2026-03-10 12:00:00.000", {"future_event_time"}),
    (ios(time=NOW_MS + 10**12), "2026-03-10 12:00:00.000", {"future_event_time"}),
    (export(event_time="2026-03-09 23:59:59.999000"), "2026-03-09 23:59:59.999", {"late_event"}),
    (export(event_time="2026-03-10 00:00:00.000000"), "2026-03-10 00:00:00.000", set()),
    (ios(time=0), "1970-01-01 00:00:00.000", {"late_event"}),
]  # fmt: skip


@pytest.mark.parametrize(("event", "text", "warnings"), TIMES, ids=range(len(TIMES)))
def test_times(event: dict[str, Any], text: str, warnings: set[str]) -> None:
    """Read in all of Amplitude's forms, sent as AppsFlyer's; a future one is now, an absent one the arrival.

    At noon UTC what is of yesterday is late: AppsFlyer takes it until 02:00.
    """
    (line,) = explained(event)
    assert line["request"]["body"]["eventTime"] == text
    assert warned_of(line) == warnings


@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize(
    "name", ["device_id", "app_version", "ip", "event_properties", "user_properties", "groups", "insert_id", "price"]
)
def test_null_and_empty_mean_absent(name: str, absent: str | None) -> None:
    (line,) = explained(ios() | {name: absent})
    assert (line["outcome"], line["warnings"]) == ("would_deliver", [])


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("n" * 45, set()), ("é" * 45, set()), ("n" * 46, {"long_event_name"}), ("n" * 100, {"long_event_name"}),
        ("n" * 101, {"event_name_too_long"}),
    ],
)  # fmt: skip
def test_long_names(name: str, warnings: set[str]) -> None:
    """AppsFlyer, «In-app events»: 45 characters in its older pages, 100 in the newer."""
    (line,) = explained(ios(event_type=name))
    assert warned_of(line) == warnings
