"""Rekey keeps what the stream would read: the same events and refusals, in their order, each under its user's key."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import Refused, decode, wrappings_of
from flows.domain.event import Event, Record
from flows.domain.repartition import KeyedBy, KeyedRecord, rekey

NOW_MS = 1_700_000_000_000


def record(value: bytes | None, key: bytes | None = b"session-1") -> Record:
    return Record(value, key, "topic", 3, 42, NOW_MS)


def rekeyed(body: Any, key: bytes | None = b"session-1") -> list[KeyedRecord]:
    return rekey(record(json.dumps(body).encode(), key))


def event(user: str | None = None, device: str | None = None, **more: Any) -> dict[str, Any]:
    return {"event_type": "open", "user_id": user, "device_id": device, **more}


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["", "open", "ada", "anonymous"])
)
names = st.sampled_from(["event_type", "user_id", "device_id", "time", "events", "event_properties", "api_key", "$set"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
good = st.builds(
    event, st.sampled_from(["ada", "bob", None, "é"]), st.sampled_from(["phone", "tablet"]), event_properties=values
)
inner = st.fixed_dictionaries({"events": st.lists(good, max_size=2)})
bodies = st.fixed_dictionaries({"api_key": st.just("K3Y"), "events": st.lists(good | values | inner, max_size=5)})
messages = (
    (good | values | bodies).map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=20)
    | st.sampled_from([b"", b"{", b"null", b'{"events":[' + b"[" * 200 + b"]" * 200 + b"]}"])
)


def read(value: bytes | None, key: bytes | None) -> list[tuple[Any, ...]]:
    """Return what the stream makes of a record, without what a record's place and key decide."""
    return [
        (type(each), *(each[:-4] if isinstance(each, Event) else each[:2]), each.received_ms)
        for each in decode(record(value, key))
    ]


@given(messages | st.none(), st.none() | st.binary(max_size=5))
def test_the_stream_reads_the_same_events_and_refusals(value: bytes | None, key: bytes | None) -> None:
    """Also through a second rekeying, which changes nothing any more."""
    once = rekey(record(value, key))
    assert [each for one in once for each in read(one.value, one.key)] == read(value, key)
    assert once or value is not None  # a tombstone stays one
    for one in once:
        assert rekey(record(one.value, one.key)) == [one]


@given(messages, st.none() | st.binary(max_size=5))
def test_every_event_has_its_users_key_and_what_is_none_keeps_the_records(value: bytes, key: bytes | None) -> None:
    for one in rekey(record(value, key)):
        (decoded,) = decode(record(one.value, one.key))
        if isinstance(decoded, Refused):
            assert (one.by, one.key) == (KeyedBy.OWN_KEY, key)
        elif decoded.user_id is not None:
            assert (one.by, one.key) == (KeyedBy.USER, decoded.user_id.encode())
        else:
            assert (one.by, one.key) == (KeyedBy.DEVICE, (decoded.device_id or "").encode())


@given(good | values | st.binary(max_size=30))
def test_what_is_no_body_keeps_its_bytes(body: Any) -> None:
    value = body if isinstance(body, bytes) else json.dumps(body, indent=1).encode()
    if wrappings_of(record(value)):
        return
    (one,) = rekey(record(value))
    assert one.value is value


@given(st.lists(good, max_size=5))
def test_what_stands_around_the_events_of_a_body_does_not_travel(events: list[dict[str, Any]]) -> None:
    once = rekeyed({"api_key": "0123-the-projects-key", "options": {"min_id_length": 5}, "events": events})
    assert len(once) == len(events)
    assert all(b"0123-the-projects-key" not in (one.value or b"") for one in once)


def test_a_body_falls_into_its_events_in_their_order() -> None:
    body = {"api_key": "K3Y", "events": [event("ada", "phone"), event("bob"), event(None, "phone"), event("ada")]}
    once = rekeyed(body)
    assert [(one.key, one.by.value) for one in once] == [
        (b"ada", "user"),
        (b"bob", "user"),
        (b"phone", "device"),
        (b"ada", "user"),
    ]
    assert [orjson.loads(one.value or b"") for one in once] == body["events"]


def test_a_body_of_one_user_falls_apart_too_and_an_empty_one_leaves_nothing() -> None:
    assert [one.key for one in rekeyed({"api_key": "K3Y", "events": [event("ada")]})] == [b"ada"]
    assert rekeyed({"api_key": "K3Y", "events": []}) == []


@pytest.mark.parametrize(
    ("user", "device", "key"),
    [
        ("ada", "phone", b"ada"),
        ("anonymous", "phone", b"phone"),
        ("", "phone", b"phone"),
        (None, "phone", b"phone"),
        ("zoë", None, "zoë".encode()),
    ],
)
def test_the_key_is_the_user_id_else_the_device_id(user: str | None, device: str | None, key: bytes) -> None:
    assert [one.key for one in rekeyed(event(user, device))] == [key]


@pytest.mark.parametrize("value", [None, b"", b"{", b"1", b'{"event_type": "open"}', b"\xff", b'{"user_id": "ada"}'])
@pytest.mark.parametrize("key", [None, b"", b"session-1"])
def test_what_cannot_be_read_stays_as_it_is(value: bytes | None, key: bytes | None) -> None:
    assert rekey(record(value, key)) == [KeyedRecord(key, value, KeyedBy.OWN_KEY)]


def test_what_cannot_be_read_in_a_body_keeps_its_part_and_the_records_key() -> None:
    inner = {"events": [event("ada")]}
    once = rekeyed({"api_key": "K3Y", "events": [7, {"event_type": "open"}, inner, event("ada")]}, b"session-9")
    assert [(one.key, orjson.loads(one.value or b"")) for one in once] == [
        (b"session-9", 7),
        (b"session-9", {"event_type": "open"}),
        (b"ada", event("ada")),  # of the body within the body
        (b"ada", event("ada")),
    ]
