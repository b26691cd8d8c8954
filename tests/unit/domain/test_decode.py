"""Decode is total: whatever the bytes are, each event of a record becomes an event or a refusal, and nothing raises."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import MAX_BYTES, MAX_KEY_BYTES, Refused, decode
from flows.domain.event import Event, Position, Record
from flows.domain.exact_json import MAX_DEPTH
from flows.domain.fate import DeadLetterReason
from flows.domain.normalize import MAX_ID_CHARACTERS, NO_IDS, OPERATIONS, flatten_operations
from tests.fixtures.examples import examples

NOW_MS = 1_700_000_000_000
UNDECODABLE = DeadLetterReason.UNDECODABLE
INVALID = DeadLetterReason.INVALID_EVENT


def record(value: bytes | None) -> Record:
    return Record(value, b"key", "topic", 3, 42, NOW_MS)


def decode_json(body: Any) -> list[Event | Refused]:
    return decode(record(json.dumps(body).encode()))


def one(body: Any) -> Event | Refused:
    (decoded,) = decode_json(body)
    return decoded


def event(**fields: Any) -> Event:
    decoded = one({"event_type": "open", "user_id": "ada", **fields})
    assert isinstance(decoded, Event), decoded
    return decoded


def refusal(body: Any) -> Refused:
    decoded = one(body)
    assert isinstance(decoded, Refused), decoded
    return decoded


names = st.sampled_from(
    [
        "event_type", "user_id", "device_id", "time", "event_time", "insert_id", "$insert_id", "platform",
        "os_name", "os_version", "app_version", "version_name", "ip", "ip_address", "event_properties",
        "user_properties", "groups", "group_properties", "events", "idfa", "adid", "$set", "$unset",
    ]
)  # fmt: skip
clean_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["", "open", "ada", "2024-01-01 00:00:00", 1_700_000_000_000]),
)
leaves = st.one_of(clean_leaves, st.floats(), st.integers(), st.text(st.characters(codec=None), max_size=20))


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.one_of(names, st.text(st.characters(codec="utf-8"), max_size=5))
    return st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6))


clean_values = st.recursive(clean_leaves, nested, max_leaves=12)
values = st.recursive(leaves, nested, max_leaves=12)
objects = st.dictionaries(names, values, max_size=12)


@given(st.binary(max_size=200))
def test_any_bytes_cost_no_error(value: bytes) -> None:
    """Binary junk: its own record is refused, with its bytes; `{}` is JSON, but no event."""
    for decoded in decode(record(value)):
        assert isinstance(decoded, Refused)
        assert decoded.reason in (UNDECODABLE, INVALID)
        assert decoded.value == value or value[:1] in b'["'


def test_a_tombstone_holds_nothing() -> None:
    """A compacted topic has one for every key that was taken away: there is nothing that could be lost."""
    assert decode(record(None)) == []


@given(st.one_of(values, objects))
@examples(200)
def test_any_json_costs_no_error(value: Any) -> None:
    """NaN, lone surrogates, numbers of any size, wrong types in any place: an event, or a refusal with a reason."""
    raw = json.dumps(value).encode()
    for decoded in decode(record(raw)):
        if isinstance(decoded, Refused):
            assert decoded.reason in (UNDECODABLE, INVALID)
            assert decoded.error
        else:
            assert isinstance(decoded, Event)
            assert decoded.name
            assert decoded.user_id or decoded.device_id
            assert decoded.time_ms >= 0
            assert decoded.insert_id != ""


wrapping_names = st.sampled_from(["events", "payload", "schema", "identification"])
wrapped = st.recursive(
    clean_leaves | st.dictionaries(names, clean_values, max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(wrapping_names, inner, max_size=2),
    max_leaves=8,
)


@given(st.lists(st.one_of(clean_values, wrapped, wrapped.map(json.dumps)), max_size=5))
@examples(100)
def test_every_part_of_a_record_has_its_place_and_reads_alone_as_it_did_within(members: list[Any]) -> None:
    """Each part stands or falls alone, whatever is wrapped in what; its own bytes decode to the same."""
    decoded = decode_json({"api_key": "secret", "events": members})
    assert [each.position for each in decoded] == [Position("topic", 3, 42, place) for place in range(len(decoded))]
    for each in decoded:
        if isinstance(each, Refused):
            assert [again[:2] for again in decode(record(each.value))] == [each[:2]]
        if isinstance(each, Event):
            assert decode(record(each.raw)) == [each._replace(position=Position("topic", 3, 42))]


def test_a_good_member_is_not_harmed_by_bad_ones() -> None:
    """Amplitude refuses a whole upload for one bad event; here each costs itself only."""
    good = {"event_type": "open", "user_id": "ada"}
    decoded = decode_json({"events": [good, {}, 5, None, [], "x", {**good, "time": "yesterday"}, good]})
    assert [type(each) for each in decoded] == [Event, *[Refused] * 6, Event]
    reasons = [each.reason for each in decoded if isinstance(each, Refused)]
    assert reasons == [INVALID, *[UNDECODABLE] * 4, INVALID]


def test_a_member_keeps_its_own_bytes_only() -> None:
    """The upload body holds the project's API key: no dead letter of a member repeats it."""
    for each in decode_json({"api_key": "s3cret", "events": [{"event_type": "open", "user_id": "ada"}, {}]}):
        raw = each.raw if isinstance(each, Event) else each.value
        assert b"s3cret" not in raw
        assert json.loads(raw) in ({"event_type": "open", "user_id": "ada"}, {})


def test_a_stored_member_decodes_to_the_same_event() -> None:
    """A held event is stored as its own bytes: decoding these gives the same event, but for its place."""
    body = {
        "events": [{"event_type": "é\U0001f600", "user_id": "ada", "time": 5, "event_properties": {"a": [1.5, None]}}]
    }
    (member,) = decode_json(body)
    assert isinstance(member, Event)
    assert decode(record(member.raw)) == [member]


def test_an_empty_upload_body_holds_no_event() -> None:
    """No event is read, so none needs a fate."""
    assert decode_json({"events": []}) == []


@pytest.mark.parametrize("absent", [{}, {"event_type": None}, {"event_type": ""}])
def test_an_upload_body_is_told_by_its_events(absent: dict[str, Any]) -> None:
    """An absent `event_type` (missing, null or empty) does not make an upload body an event."""
    (decoded,) = decode_json({**absent, "events": [{"event_type": "open", "user_id": "ada"}]})
    assert isinstance(decoded, Event)


def test_an_event_may_have_a_field_called_events() -> None:
    """What has an `event_type` is an event."""
    assert event(events=[1, 2]).fields["events"] == [1, 2]


JUNK = {
    "empty": b"",
    "blank": b" \n",
    "zero bytes": b"\x00" * 20,
    "bad UTF-8": b'{"event_type":"\xff","user_id":"ada"}',
    "overlong UTF-8": b'{"event_type":"\xc0\xaf","user_id":"ada"}',
    "UTF-8 surrogate": b'{"event_type":"\xed\xa0\x80","user_id":"ada"}',
    "UTF-16": '{"event_type":"open","user_id":"ada"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"event_type":"open","user_id":"ada"}',
    "lone surrogate": rb'{"event_type":"\ud800","user_id":"ada"}',
    "lone low surrogate": rb'{"event_type":"open","user_id":"\udc00 "}',
    "NaN": b'{"event_type":"open","user_id":"ada","event_properties":{"a":NaN}}',
    "infinity": b'{"event_type":"open","user_id":"ada","event_properties":{"a":-Infinity}}',
    "too large a number": b'{"event_type":"open","user_id":"ada","event_properties":{"a":1e999}}',
    "truncated": b'{"event_type":"open","user_id":"ad',
    "two values": b'{"event_type":"open","user_id":"ada"} {}',
    "trailing zero byte": b'{"event_type":"open","user_id":"ada"}\x00',
    "single quotes": b"{'event_type':'open','user_id':'ada'}",
    "comment": b'{"event_type":"open","user_id":"ada"}//',
    "Confluent's magic byte and Avro": b"\x00\x00\x00\x00\x07\x08open\x06ada",
    "form of something else": b"name=ada&event_type=open",
    "text": b'"open"',
    "number": b"5",
    "null": b"null",
    "gzip": gzip.compress(b'{"event_type":"open","user_id":"ada"}'),
    "zlib": zlib.compress(b"{}"),
    "10,000 deep array": b"[" * 10_000 + b"]" * 10_000,
    "10,000 deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 deep property": b'{"event_type":"open","user_id":"ada","a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "200 deep property": b'{"event_type":"open","user_id":"ada","a":' + b"[" * 200 + b"]" * 200 + b"}",
    "200 deep member": b'{"events":[{"event_type":"open","user_id":"ada","a":' + b"[" * 200 + b"]" * 200 + b"}]}",
    "unclosed 100,000": b"[" * 100_000,
    "5 MB": b'{"event_type":"open","user_id":"ada","event_properties":{"a":"' + b"x" * 5_000_000 + b'"}}',
}  # fmt: skip


@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_one_undecodable_refusal_with_the_original_bytes(kind: str) -> None:
    """Bad input costs its own record only, and its dead letter keeps what came, with the Kafka key."""
    (decoded,) = decode(record(JUNK[kind]))
    assert isinstance(decoded, Refused)
    assert decoded.reason == UNDECODABLE
    assert decoded.value == JUNK[kind]
    assert decoded.key == b"key"
    assert decoded.received_ms == NOW_MS
    assert decoded.position == Position("topic", 3, 42)
    assert "ada" not in decoded.error


@pytest.mark.parametrize("depth", [40, MAX_DEPTH - 2])
def test_as_deep_as_amplitude_allows_is_fine(depth: int) -> None:
    """Amplitude, HTTP V2 API: up to 40 levels."""
    nested: Any = 1
    for _ in range(depth):
        nested = {"a": nested}
    assert event(event_properties={"deep": nested}).event_properties["deep"] == nested


def test_depth_is_counted_exactly() -> None:
    """One level more than allowed is refused, however wide the event is, and brackets in texts do not count."""
    brackets = "[{" * 500

    def nested(depth: int) -> dict[str, Any]:
        value: Any = []
        for _ in range(depth - 2):
            value = [brackets, value]
        return {"event_type": "open", "user_id": "ada", "wide": value, "filler": [[]] * 200}

    assert isinstance(one(nested(MAX_DEPTH)), Event)
    assert refusal(nested(MAX_DEPTH + 1)).reason == UNDECODABLE


def test_the_size_limit_is_exact() -> None:
    """One megabyte is taken, one byte more is not (Amplitude takes no larger request)."""
    frame = b'{"event_type":"open","user_id":"ada","x":"%s"}'
    filler = MAX_BYTES - len(frame) + 2
    assert isinstance(decode(record(frame % (b"x" * filler)))[0], Event)
    assert isinstance(decode(record(frame % (b"x" * (filler + 1))))[0], Refused)


def test_of_duplicate_keys_the_last_counts() -> None:
    """As JSON readers do."""
    (decoded,) = decode(record(b'{"event_type":"a","event_type":"b","user_id":"x","user_id":"ada"}'))
    assert isinstance(decoded, Event)
    assert (decoded.name, decoded.user_id) == ("b", "ada")


EXPORT = {
    "$insert_id": "i-1", "event_type": "open", "user_id": "ada", "device_id": "d-1",
    "event_time": "2023-11-14 22:13:20.123000", "platform": "iOS", "os_name": "ios", "os_version": "17.4",
    "version_name": "2.1", "ip_address": "1.2.3.4", "event_properties": {"a": 1}, "user_properties": {"b": 2},
    "groups": {"company": ["Acme"]}, "group_properties": {"company": {"Acme": {"c": 3}}},
}  # fmt: skip
UPLOAD = {
    "insert_id": "i-1", "event_type": "open", "user_id": "ada", "device_id": "d-1", "time": 1_700_000_000_123,
    "platform": "iOS", "os_name": "ios", "os_version": "17.4", "app_version": "2.1", "ip": "1.2.3.4",
    "event_properties": {"a": 1}, "user_properties": {"b": 2}, "groups": {"company": ["Acme"]},
    "group_properties": {"company": {"Acme": {"c": 3}}},
}  # fmt: skip


def test_the_shapes_become_the_same_event() -> None:
    """Amplitude: Export API, webhook (the Export row, other decimals), HTTP V2 API, and its upload body."""
    shapes = [EXPORT, {**EXPORT, "event_time": "2023-11-14T22:13:20.123"}, UPLOAD, {"events": [UPLOAD]}]
    decoded = [one(shape) for shape in shapes]
    bare = [each._replace(fields={}, raw=b"") for each in decoded if isinstance(each, Event)]
    assert len(bare) == len(shapes)
    assert all(each == bare[0] for each in bare)
    assert bare[0].time_ms == 1_700_000_000_123
    assert bare[0].insert_id == "i-1"
    assert (bare[0].app_version, bare[0].ip) == ("2.1", "1.2.3.4")


@pytest.mark.parametrize("name", sorted((EXPORT.keys() | UPLOAD.keys()) - {"event_type"}))
def test_missing_null_and_empty_are_all_absent(name: str) -> None:
    """Amplitude's exports write absent fields as null, others leave them out or empty."""
    other = {"device_id": "d-2"} if name == "user_id" else {"user_id": "ada"}
    missing, null, empty = (one({"event_type": "open", **other, **extra}) for extra in ({}, {name: None}, {name: ""}))
    assert isinstance(missing, Event)
    assert isinstance(null, Event)
    assert isinstance(empty, Event)
    assert (
        missing._replace(fields={}, raw=b"") == null._replace(fields={}, raw=b"") == empty._replace(fields={}, raw=b"")
    )


def test_an_event_without_a_time_happened_when_it_arrived() -> None:
    """Amplitude, HTTP V2 API: `time` defaults to the upload's."""
    assert event().time_ms == NOW_MS
    assert event(time=None, event_time="").time_ms == NOW_MS
    assert not event().is_dated
    assert event(time="", event_time="2023-11-14 22:13:20.123").time_ms == 1_700_000_000_123
    assert event(time=5).is_dated


@pytest.mark.parametrize(
    "fields",
    [
        {"event_type": None}, {"event_type": ""}, {"event_type": 5}, {"event_type": ["open"]},
        {"user_id": None}, {"user_id": ""}, {"user_id": 5.5}, {"user_id": {"a": 1}}, {"user_id": False},
        {"device_id": 1e20},
        {"time": "1700000000000"}, {"time": "2024-01-01 00:00:00"}, {"time": True}, {"time": -1}, {"time": -0.5},
        {"time": 10**18}, {"time": []}, {"time": {}},
        {"event_time": "yesterday"}, {"event_time": 1_700_000_000_000}, {"event_time": "2023-02-29 00:00:00"},
        {"event_properties": []}, {"event_properties": "a"}, {"user_properties": 5}, {"groups": "a"},
        {"group_properties": [1]}, {"insert_id": True}, {"$insert_id": {}},
        {"uuid": []}, {"timestamp": {}}, {"timestamp": "soon"}, {"timestamp": -1}, {"platform": 1}, {"os_name": []},
        {"os_version": {}}, {"os_version": True}, {"app_version": [1]}, {"ip": 5}, {"ip_address": {}},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_types_and_impossible_times_are_invalid(fields: dict[str, Any]) -> None:
    """Amplitude, HTTP V2 API: «Invalid field values on some events»; `time` as text is refused."""
    refused = refusal({"event_type": "open", "user_id": "ada", **fields})
    assert refused.reason == INVALID
    assert json.loads(refused.value) == {"event_type": "open", "user_id": "ada", **fields}
    for value in ("ada", "yesterday", "2023-02-29", "1700000000000"):
        assert value not in refused.error


def test_an_upload_body_whose_events_are_no_list_is_one_refusal() -> None:
    """It is neither an event nor a list of them."""
    assert refusal({"events": {"event_type": "open", "user_id": "ada"}}).reason == INVALID
    assert refusal({"events": None}).reason == INVALID


@pytest.mark.parametrize("text", sorted(NO_IDS | {" ", "NULL", "Unknown", " none "}))
def test_texts_that_are_no_id_name_nobody(text: str) -> None:
    """Amplitude, HTTP V2 API, «Device ID and user ID»: these would merge strangers into one user."""
    assert event(user_id=text, device_id="d-1").user_key == "d:d-1"
    assert event(device_id=text).device_id is None
    assert refusal({"event_type": "open", "user_id": text, "device_id": text}).reason == INVALID


def test_a_device_named_like_a_user_is_another_key() -> None:
    """Keys of users and of nobody's devices never collide."""
    user, device = event(user_id="x"), event(user_id=None, device_id="x")
    assert user.user_key != device.user_key
    assert event(user_id="x", device_id="y").user_key == user.user_key


@pytest.mark.parametrize(("version", "text"), [(17, "17"), (17.4, "17.4"), ("17.4.1", "17.4.1"), (0, "0")])
def test_versions_written_as_numbers_are_read(version: Any, text: str) -> None:
    """Senders write 17.4 without quotes."""
    assert event(os_version=version).os_version == text
    assert event(app_version=version).app_version == text
    assert event(version_name=version).app_version == text


def test_operations_are_read_like_user_properties() -> None:
    """Amplitude, Identify API: `$set` wins over `$setOnce`; the other operations are orders, not properties."""
    operations: dict[str, Any] = {name: {"n": 1} for name in OPERATIONS - {"$set", "$setOnce"}}
    properties = {"$set": {"a": 1, "b": 2}, "$setOnce": {"b": 3, "c": 4}, "plain": 5, **operations}
    decoded = event(event_type="$identify", user_properties=properties)
    assert decoded.user_properties == {"a": 1, "b": 2, "c": 4, "plain": 5}
    assert decoded.fields["user_properties"] == properties  # where `$unset` is looked for
    assert event(user_properties={"$add": {"n": 1}, "plain": 5}).user_properties == {"plain": 5}


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(OPERATIONS)), st.text(max_size=3)), values, max_size=6))
def test_flattening_is_total_and_leaves_no_operation(properties: dict[str, Any]) -> None:
    """Operations with values of any kind cost nothing."""
    inner = [properties.get(name) for name in ("$set", "$setOnce")]
    flat = flatten_operations(properties)
    assert OPERATIONS.isdisjoint(flat.keys() - {name for each in inner if isinstance(each, dict) for name in each})


def test_a_member_that_grows_over_the_limit_when_written_again_is_refused() -> None:
    """What is kept of a held event can always be decoded again, so that none is lost at a restart."""
    numbers = b",".join([b"1e15"] * 200_000)
    body = b'{"events":[{"event_type":"a","user_id":"u","event_properties":{"n":[' + numbers + b"]}}]}"
    assert len(body) < MAX_BYTES
    (refused,) = decode(Record(body, None, "events", 0, 1, 0))
    assert isinstance(refused, Refused)
    assert refused.reason is DeadLetterReason.UNDECODABLE


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (4711001, "4711001"),
        (4711001.0, "4711001"),
        (2**63 + 1, "9223372036854775809"),
        (10**25, "1" + "0" * 25),
        (-7, "-7"),
    ],
)
def test_numbers_as_ids_are_their_decimal_text(number: float, text: str) -> None:
    """Amplitude takes them as text; tables write whole numbers with a point."""
    assert event(user_id=number).user_id == text
    assert event(device_id=number).device_id == text
    for name in ("insert_id", "$insert_id", "uuid"):
        assert event(**{name: number}).insert_id == text
    assert event(user_id=0, device_id="d").user_key == "d:d"


def test_a_uuid_is_the_duplicate_key_where_there_is_no_insert_id() -> None:
    """Amplitude's older SDKs write it, and so do Export rows, whose `$insert_id` may be null."""
    assert event(uuid="u").insert_id == "u"
    assert event(uuid="u", **{"$insert_id": None}).insert_id == "u"
    assert event(uuid="u", **{"$insert_id": "i"}).insert_id == "i"
    assert event(uuid="u", insert_id="i").insert_id == "i"


def test_an_older_sdks_upload_is_read() -> None:
    """amplitude-ios, amplitude-android, amplitude-js before the current SDKs: `timestamp`, `uuid`, `version_name`."""
    decoded = event(timestamp=1_795_831_200_000, uuid="u", version_name="3.1", time=None)
    assert (decoded.time_ms, decoded.is_dated, decoded.app_version) == (1_795_831_200_000, True, "3.1")
    assert event(time=5, timestamp=7).time_ms == 5
    assert event(event_time="1970-01-01 00:00:00.006", timestamp=7).time_ms == 6
    assert event(timestamp="2026-11-29T01:10:12.345Z").time_ms == 1_795_914_612_345
    assert event(timestamp=1_795_831_200_000.9).time_ms == 1_795_831_200_000


def test_money_of_older_sdks_has_todays_names() -> None:
    """Amplitude-Swift sends `product_id`; `logRevenue` of the oldest ones is in `api_properties`."""
    assert event(product_id="p").fields["productId"] == "p"
    assert event(product_id="p", productId="q").fields["productId"] == "q"
    own = {"special": "revenue_amount", "productId": "p", "quantity": 2, "price": 4.99}
    for api_properties in (own, json.dumps(own)):
        fields = event(api_properties=api_properties).fields
        assert (fields["productId"], fields["quantity"], fields["price"]) == ("p", 2, 4.99)
    assert "price" not in event(api_properties={"price": 3}).fields


def test_an_id_that_amplitude_could_not_keep_is_refused() -> None:
    """Amplitude, «Limits»: texts of at most 1,024 characters. It would be remembered for as long as its user."""
    assert event(user_id="u" * MAX_ID_CHARACTERS).user_id == "u" * MAX_ID_CHARACTERS
    for name in ("user_id", "device_id"):
        refused = refusal({"event_type": "open", "user_id": "u", name: "x" * (MAX_ID_CHARACTERS + 1)})
        assert (refused.reason, refused.error) == ("invalid_event", f"{name} has 1025 characters, over 1024")
    assert event(insert_id="i" * 5000).insert_id == "i" * 5000


def test_an_endless_app_version_is_none() -> None:
    """It would be remembered with its device."""
    assert event(app_version="1" * 256).app_version == "1" * 256
    assert event(app_version="1" * 257).app_version is None


def test_a_record_with_an_endless_key_is_refused_whole() -> None:
    """Each of thousands of events of a record would be kept, and dead-lettered, with the key beside it."""
    value = b'{"events":[' + b",".join([b'{"event_type":"a","user_id":"u"}'] * 1000) + b"]}"
    assert len(decode(Record(value, b"k" * MAX_KEY_BYTES, "t", 0, 0, 0))) == 1000
    (refused,) = decode(Record(value, b"k" * (MAX_KEY_BYTES + 1), "t", 0, 0, 0))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.value) == ("undecodable", value)
