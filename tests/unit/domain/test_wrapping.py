"""The usual wrappings of events: each is taken off, in any order, and each part stands or falls by itself."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.sample import sample_of, wrappings
from flows.domain.decode import MAX_BYTES, MAX_REFUSALS, Refused, decode, wrappings_of
from flows.domain.event import Event, Record
from flows.domain.fate import DeadLetterReason
from flows.domain.wrapping import MAX_PARTS, Wrapping

A = {"event_type": "a", "user_id": "ada", "time": 5}
B = {"event_type": "b", "user_id": "bob", "time": 6}
CAPITALS = {
    "EVENT_TYPE": "a", "USER_ID": "ada", "EVENT_TIME": "2026-03-10 12:00:00.000 Z", "$INSERT_ID": "i-1",
    "EVENT_PROPERTIES": '{"Plan": "pro"}', "USER_PROPERTIES": {"E": 1}, "IDFA": None,
}  # fmt: skip
MAGIC = b"\x00\x00\x00\x00\x2a"


def record(value: Any) -> Record:
    return Record(value if isinstance(value, bytes) else json.dumps(value).encode(), b"key", "topic", 3, 42, 7)


def names(value: Any) -> list[str]:
    return [each.name if isinstance(each, Event) else each.reason.value for each in decode(record(value))]


def connect(payload: Any) -> dict[str, Any]:
    return {"schema": {"type": "struct", "optional": False}, "payload": payload}


@pytest.mark.parametrize(
    ("value", "expected", "around"),
    [
        (A, ["a"], []),
        ({"events": [A, B]}, ["a", "b"], [Wrapping.UPLOAD]),
        ([A, B], ["a", "b"], [Wrapping.ARRAY]),
        (json.dumps(A), ["a"], [Wrapping.TEXT]),
        (json.dumps(json.dumps(A)), ["a"], [Wrapping.TEXT]),
        (json.dumps([A, B]), ["a", "b"], [Wrapping.TEXT, Wrapping.ARRAY]),
        ([json.dumps(A), B], ["a", "b"], [Wrapping.ARRAY, Wrapping.TEXT]),
        (connect(A), ["a"], [Wrapping.CONNECT]),
        (connect(json.dumps(A)), ["a"], [Wrapping.CONNECT, Wrapping.TEXT]),
        (connect({"events": [A, B]}), ["a", "b"], [Wrapping.CONNECT, Wrapping.UPLOAD]),
        (connect([A, B]), ["a", "b"], [Wrapping.CONNECT, Wrapping.ARRAY]),
        ({"payload": A}, ["a"], [Wrapping.CONNECT]),
        (CAPITALS, ["a"], [Wrapping.CAPITALS]),
        ([CAPITALS, B], ["a", "b"], [Wrapping.ARRAY, Wrapping.CAPITALS]),
        ([1, "event_type", A], ["undecodable", "undecodable", "a"], [Wrapping.ARRAY]),
        ([1, "event_type"], ["undecodable"], []),
        ([], ["undecodable"], []),
        (connect(None), [], [Wrapping.CONNECT]),
        ([{"events": [A]}, {"events": [B]}], ["a", "b"], [Wrapping.ARRAY, Wrapping.UPLOAD]),
        ([connect(A), 5, B], ["a", "undecodable", "b"], [Wrapping.ARRAY, Wrapping.CONNECT]),
        (MAGIC + json.dumps(A).encode(), ["a"], [Wrapping.CONFLUENT]),
        (MAGIC + json.dumps(connect([A])).encode(), ["a"], [Wrapping.CONFLUENT, Wrapping.CONNECT, Wrapping.ARRAY]),
        ({"identification": [{"user_id": "ada"}]}, ["$identify"], [Wrapping.IDENTIFY]),
        ({"api_key": "k", "identification": {"user_id": "ada"}}, ["$identify"], [Wrapping.IDENTIFY]),
        ({"identification": json.dumps([{"user_id": "ada"}])}, ["$identify"], [Wrapping.IDENTIFY]),
        ({"identification": [{"user_id": "ada"}, 5, {}]}, ["$identify", "undecodable", "invalid_event"],
         [Wrapping.IDENTIFY]),
        ({"identification": {"group_type": "org", "group_value": "acme", "group_properties": {}}}, [],
         [Wrapping.IDENTIFY]),
        (urlencode({"api_key": "k", "identification": json.dumps({"user_id": "ada"})}).encode(), ["$identify"],
         [Wrapping.FORM, Wrapping.IDENTIFY]),
        (urlencode({"v": "2", "client": "k", "e": json.dumps([A, B]), "upload_time": "1"}).encode(), ["a", "b"],
         [Wrapping.FORM, Wrapping.ARRAY]),
        (urlencode({"api_key": "k", "event": json.dumps(A)}).encode(), ["a"], [Wrapping.FORM]),
    ],
)  # fmt: skip
def test_what_is_within_is_read(value: Any, expected: list[str], around: list[Wrapping]) -> None:
    assert names(value) == expected
    assert list(wrappings_of(record(value))) == around


@pytest.mark.parametrize("value", [[A], connect(A), MAGIC + json.dumps(A).encode(), json.dumps(A), {"events": [A]}])
def test_an_event_keeps_its_own_bytes_and_is_read_from_them_again(value: Any) -> None:
    """A held event, and a dead letter, hold these: neither the wrapping nor what else was in it."""
    (event,) = decode(record(value))
    assert isinstance(event, Event)
    assert json.loads(event.raw) == A
    assert decode(record(event.raw)) == [event]


def test_names_in_capitals_are_those_of_columns_only() -> None:
    """Snowflake's columns are in capitals; what the JSON in a column calls its properties is the sender's own."""
    (event,) = decode(record(CAPITALS))
    assert isinstance(event, Event)
    assert (event.user_id, event.insert_id, event.time_ms) == ("ada", "i-1", 1_773_144_000_000)
    assert (event.event_properties, event.user_properties) == ({"Plan": "pro"}, {"E": 1})


def test_an_identification_teaches_as_an_event_does() -> None:
    """Amplitude, Identify API: the operations of its user properties."""
    member = {"user_id": "kim", "platform": "iOS", "user_properties": {"$set": {"appsflyer_id": "1-2"}}}
    (event,) = decode(record({"api_key": "s3cret", "identification": [member]}))
    assert isinstance(event, Event)
    assert (event.name, event.user_id, event.user_properties) == ("$identify", "kim", {"appsflyer_id": "1-2"})
    assert b"s3cret" not in event.raw


def test_more_than_a_hundred_refusals_of_one_record_are_one() -> None:
    """500,000 refusals of one megabyte would be gigabytes; those that can be read are read nonetheless."""
    decoded = decode(record({"events": [*[1] * 5000, A, *[2] * 4000, B]}))
    assert len(decoded) == MAX_REFUSALS + 3
    assert [each.name for each in decoded if isinstance(each, Event)] == ["a", "b"]
    rest = decoded[-1]
    assert isinstance(rest, Refused)
    assert rest.error == f"{9000 - MAX_REFUSALS} more parts of a record that cannot be read"
    assert rest.position.place == MAX_REFUSALS
    assert json.loads(rest.value)["events"] == [*[1] * (5000 - MAX_REFUSALS), *[2] * 4000]


@pytest.mark.parametrize(
    "value",
    [
        {"events": [1] * (MAX_PARTS + 1)}, [A] * (MAX_PARTS + 1), {"events": [{}] * 300_000},
        [{"events": [1] * 6000}, {"events": [2] * 6000}], {"identification": [1] * (MAX_PARTS + 1)},
    ],
    ids=["numbers", "events", "empty objects", "arrays", "identifications"],
)  # fmt: skip
def test_a_record_of_too_many_parts_is_one_refusal_with_its_bytes(value: Any) -> None:
    raw = json.dumps(value, separators=(",", ":")).encode()
    assert len(raw) < MAX_BYTES
    (refused,) = decode(record(raw))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.value) == (DeadLetterReason.UNDECODABLE, raw)
    assert refused.error == "over 10000 events in one record"


def test_properties_may_be_json_text_as_in_a_warehouses_column() -> None:
    columns = {name: json.dumps({"a": 1}) for name in ("event_properties", "user_properties", "groups")}
    (event,) = decode(record({**A, **columns, "group_properties": "null"}))
    assert isinstance(event, Event)
    assert event.event_properties == event.user_properties == event.groups == event.fields["groups"] == {"a": 1}
    assert event.group_properties == {}
    for text in ("a", "[1]", "{", '"a"'):
        assert names({**A, "event_properties": text}) == ["invalid_event"]
    assert names({**A, "event_properties": '{"a":' * 200 + "1" + "}" * 200}) == ["invalid_event"]
    assert names(json.dumps({**A, "x": [0]}).replace("[0]", "[" * 200 + "]" * 200)) == ["undecodable"]


def test_check_names_the_wrappings_that_it_sees() -> None:
    sample = sample_of([record([A, B]), record({"events": [A]}), record([A]), record(A)], "4 records")
    (finding,) = wrappings(sample)
    assert "arrays of events: 2; upload bodies" in finding.text
    assert "of 4 records" in finding.text
    assert list(wrappings(sample_of([record(A)], "1 record"))) == []
