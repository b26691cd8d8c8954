"""Requests as Amplitude's clients send them → events in one shape, and the answers that those clients act on."""

import gzip
import json
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.protocol import InvalidReason, RefusalReason, Refused, Request, Rules, Taken, take
from flows.domain.decode import Refused as RefusedEvent
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from tests.fixtures.examples import examples

KEY = "0123456789abcdef0123456789abcdef"
NOW_MS = 1_795_921_126_000
ADDRESS = "198.51.100.9"
RULES = Rules(api_keys=frozenset({KEY}), webhook_tokens=frozenset({"long-token"}), paths=frozenset({"/collect"}))
EVENT: dict[str, Any] = {"event_type": "Buy", "user_id": "user-1", "time": NOW_MS - 5, "insert_id": "i-1"}


def post(body: bytes | dict[str, Any], path: str = "/2/httpapi", **more: Any) -> Taken | Refused:
    """Return what becomes of a POST."""
    rules = more.pop("rules", RULES)
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return take(Request(**{**_DEFAULTS, "path": path, "body": raw, **more}), rules)


_DEFAULTS: dict[str, Any] = {
    "method": "POST",
    "path": "/",
    "query": "",
    "body": b"",
    "client_address": ADDRESS,
    "received_ms": NOW_MS,
}


def upload(*events: Any, **more: Any) -> dict[str, Any]:
    """Return a JSON body."""
    return {"api_key": KEY, "events": list(events), **more}


def taken(outcome: Taken | Refused) -> Taken:
    """Return it where something was taken."""
    assert isinstance(outcome, Taken), outcome
    return outcome


def refused(outcome: Taken | Refused) -> Refused:
    """Return it where nothing was taken."""
    assert isinstance(outcome, Refused), outcome
    return outcome


def values(outcome: Taken | Refused) -> list[Any]:
    """Return the events that are to be stored."""
    return [orjson.loads(event.value) for event in taken(outcome).events]


def read(outcome: Taken | Refused) -> list[Event | RefusedEvent]:
    """Return what the stream reads of them."""
    return [
        each
        for event in taken(outcome).events
        for each in decode(Record(event.value, event.key, "inbox", 0, 0, event.received_ms))
    ]


@pytest.mark.parametrize(
    "path", ["/2/httpapi", "/batch", "/", "/collect", "/collect/", "/httpapi", "/anything/at/all", "/2/httpapi/"]
)
def test_json_is_told_by_the_body_and_answered_with_all_four_keys(path: str) -> None:
    """The path matters no more than Content-Type, which is not even given."""
    outcome = taken(post(upload(EVENT, EVENT), path))
    size = len(orjson.dumps(upload(EVENT, EVENT)))
    assert outcome.stored.status == 200
    assert json.loads(outcome.stored.body) == {
        "code": 200,
        "events_ingested": 2,
        "payload_size_bytes": size,
        "server_upload_time": NOW_MS,
    }
    assert outcome.stored.content_type == "application/json"
    assert [event.key for event in outcome.events] == [b"user-1", b"user-1"]
    assert [event.received_ms for event in outcome.events] == [NOW_MS, NOW_MS]


def test_busy_names_every_event_and_whose_they_are() -> None:
    """A client waits half a minute for what is named, and sends the rest again at once."""
    device = {"event_type": "Buy", "device_id": "device-1"}
    busy = taken(post(upload(EVENT, device, EVENT, "no event"))).busy
    assert busy.status == 429
    assert json.loads(busy.body) == {
        "code": 429,
        "error": "Too many requests for some devices and users",
        "eps_threshold": 30,
        "throttled_devices": {"device-1": 1},
        "throttled_users": {"user-1": 2},
        "exceeded_daily_quota_users": {},
        "exceeded_daily_quota_devices": {},
        "throttled_events": [0, 1, 2, 3],
    }


@pytest.mark.parametrize(
    "body", [b"{'api_key': 'x'}", b"[", b'{"api_key":"k"}', b'{"events":{}}', b"null=", b"[]", b""]
)
def test_what_holds_no_events_is_answered_so_that_every_client_lets_go_of_it(body: bytes) -> None:
    """A 4xx that names no index makes the SDK for Go ask again in a hot loop."""
    answer = refused(post(body)).answer
    parsed = json.loads(answer.body)
    assert (answer.status, parsed["code"], parsed["missing_field"]) == (400, 400, "events")
    assert parsed["events_with_missing_fields"] == {"event_type": list(range(2_000))}


def test_an_unknown_key_is_named_as_it_was_sent() -> None:
    """The SDK for Swift compares the text as a whole; what is shown to operators is masked."""
    outcome = refused(post({"api_key": "f" * 28 + "cafe", "events": [EVENT]}))
    assert outcome.answer.status == 400
    assert json.loads(outcome.answer.body)["error"] == "Invalid API key: " + "f" * 28 + "cafe"
    assert outcome.why is RefusalReason.UNKNOWN_API_KEY
    assert outcome.api_key == "ffff…cafe"
    assert outcome.raw is None


def test_without_keys_uploads_are_everybodys_or_nobodys_and_webhooks_go_by_their_token() -> None:
    """A collector that other machines reach may be for webhooks alone."""
    for anybody in (True, False):
        rules = Rules(webhook_tokens=frozenset({"long-token"}), anybody=anybody)
        for body in (upload(EVENT), {"events": [EVENT]}):
            assert isinstance(post(body, rules=rules), Taken if anybody else Refused)
        assert isinstance(post(EVENT, "/webhook/long-token", rules=rules), Taken)


def test_an_invalid_event_is_passed_on_and_the_stream_says_what_is_wrong() -> None:
    """The others of its body are taken, and it is counted."""
    outcome = taken(post(upload(EVENT, {**EVENT, "time": "noon"}, None, EVENT)))
    assert outcome.stored.status == 200
    kinds = [type(each).__name__ for each in read(outcome)]
    assert kinds == ["Event", "Refused", "Refused", "Event"]
    assert outcome.invalid == {InvalidReason.INVALID_TIME: 1, InvalidReason.NO_OBJECT: 1}


def test_strict_refuses_the_body_and_names_all_that_is_wrong() -> None:
    """As Amplitude does: the client drops what is named and sends the rest again."""
    short = {"event_type": "Buy", "user_id": "ab"}
    nobody = {"event_type": "Buy"}
    late = {**EVENT, "time": "noon"}
    outcome = refused(post(upload(EVENT, late, nobody, short), rules=RULES._replace(strict=True)))
    assert json.loads(outcome.answer.body) == {
        "code": 400,
        "error": "Invalid field values on some events",
        "events_with_invalid_fields": {"time": [1]},
        "events_with_missing_fields": {"user_id": [2]},
        "events_with_invalid_id_lengths": {"user_id": [3]},
    }
    body = upload(EVENT, short, options={"min_id_length": 2})
    assert len(taken(post(body, rules=RULES._replace(strict=True))).events) == 2


def test_over_2000_events_is_too_large_and_2000_are_not() -> None:
    """As Amplitude: 413, upon which clients send smaller bodies."""
    assert len(taken(post(upload(*[EVENT] * 2_000))).events) == 2_000
    outcome = refused(post(upload(*[EVENT] * 2_001)))
    parsed = json.loads(outcome.answer.body)
    assert (outcome.answer.status, parsed["code"], parsed["error"]) == (413, 413, "Payload too large")


def test_gzip_is_known_by_its_bytes() -> None:
    """A proxy may have taken the header, or the packing, away."""
    plain = orjson.dumps(upload(EVENT))
    halves = gzip.compress(plain[:20]) + gzip.compress(plain[20:])
    for body in (gzip.compress(plain), halves, plain):
        assert values(post(body)) == [{**EVENT, "ip": ADDRESS}]


def test_a_bomb_is_too_large_and_damaged_gzip_is_no_json() -> None:
    """Neither is unpacked further than what a body may hold."""
    assert refused(post(gzip.compress(bytes(21 << 20)))).answer.status == 413
    assert refused(post(gzip.compress(b"{}")[:4] + b"broken")).answer.status == 400


def test_get_of_an_unknown_path_is_404_in_the_form_that_clients_read() -> None:
    """So is a POST without events."""
    for outcome in (refused(post(b"", "/favicon.ico", method="GET")), refused(post(b"hello", "/x"))):
        parsed = json.loads(outcome.answer.body)
        assert (outcome.answer.status, parsed["code"]) == (404, 404)
        assert len(parsed["events_with_missing_fields"]["event_type"]) == 2_000
        assert outcome.raw is None


def test_a_form_of_the_older_sdks_gets_the_names_of_today() -> None:
    """It is answered with the text that those SDKs wait for."""
    events = [
        {
            "device_id": "d-1", "user_id": "user-1", "timestamp": NOW_MS - 100, "event_type": "Buy",
            "version_name": "1.2", "uuid": "u-1", "library": {"name": "amplitude-android", "version": "2.40.1"},
            "api_properties": {"androidADID": "cccccccc-0000-4000-8000-00000000000c", "location": {"lat": 1, "lng": 2}},
        }
    ]  # fmt: skip
    form = urlencode({"v": "2", "client": KEY, "e": json.dumps(events), "upload_time": str(NOW_MS)}).encode()
    outcome = taken(post(form, "/"))
    assert outcome.stored == (200, b"success", "text/html;charset=utf-8")
    assert values(outcome) == [
        {
            "device_id": "d-1", "user_id": "user-1", "time": NOW_MS - 100, "event_type": "Buy", "app_version": "1.2",
            "insert_id": "u-1", "library": "amplitude-android/2.40.1", "adid": "cccccccc-0000-4000-8000-00000000000c",
            "location_lat": 1, "location_lng": 2, "ip": ADDRESS, "client_upload_time": "2026-11-29 02:58:46.000",
        }
    ]  # fmt: skip
    assert outcome.events[0].library == "amplitude-android/2.40.1"


def test_a_wrong_checksum_is_said_and_nothing_is_kept() -> None:
    """The client keeps the events and sends them again; a right one is taken."""
    fields = {"client": KEY, "e": '[{"event_type":"Käufe","user_id":"user-1"}]', "upload_time": "5", "v": "2"}
    good = {**fields, "checksum": "09299b83a655777eabcbec0405387bf1"}
    bad = refused(post(urlencode({**fields, "checksum": "0" * 32}).encode(), "/"))
    assert (bad.answer.status, bad.answer.body, bad.raw) == (400, b"bad_checksum", None)
    assert len(taken(post(urlencode(good).encode(), "/")).events) == 1


@pytest.mark.parametrize("as_query", [False, True])
def test_identify_becomes_the_event_of_the_sdks(as_query: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """By a form or by a query; a group's own properties belong to no user."""
    members = [{"user_id": "user-1", "user_properties": {"$set": {"a": 1}}}, {"group_type": "org", "group_value": "x"}]
    text = urlencode({"api_key": KEY, "identification": json.dumps(members)})
    more: dict[str, Any] = {"method": "GET", "query": text, "body": b""} if as_query else {"body": text.encode()}
    outcome = taken(take(Request(**{**_DEFAULTS, "path": "/identify", **more}), RULES))
    assert outcome.stored.body == b"success"
    (event,) = read(outcome)
    assert isinstance(event, Event)
    assert (event.name, event.user_id, event.user_properties, event.is_dated) == (
        "$identify",
        "user-1",
        {"a": 1},
        False,
    )


def test_http_api_v1_takes_an_event_or_several() -> None:
    """Its texts are plain words."""
    for event in (EVENT, [EVENT, EVENT]):
        form = urlencode({"api_key": KEY, "event": json.dumps(event)}).encode()
        assert taken(post(form, "/httpapi")).stored.body == b"success"
    for body, text in (
        (urlencode({"api_key": KEY}), b"missing_event"),
        (urlencode({"api_key": KEY, "event": "{'"}), b"invalid_event"),
        (urlencode({"api_key": "other", "event": json.dumps(EVENT)}), b"invalid_api_key"),
    ):
        answer = refused(post(body.encode(), "/httpapi")).answer
        assert (answer.status, answer.body) == (400, text)


def test_a_webhook_takes_events_and_users_in_any_packing() -> None:
    """And what cannot be read, because Amplitude sends it up to ten times otherwise."""
    row = {"event_type": "Buy", "user_id": "user-1", "$insert_id": "i-1", "event_time": "2026-11-29 02:00:00.500000"}
    user = {"user_id": "user-1", "user_properties": {"plan": "pro"}}
    lines = orjson.dumps(row) + b"\nbroken\n" + orjson.dumps(user)
    for body in (orjson.dumps([row, "broken", user]), lines):
        outcome = taken(post(body, "/webhook/long-token", client_address="192.0.2.1"))
        assert outcome.stored.status == 200
        first, second, third = read(outcome)
        assert isinstance(first, Event)
        assert (first.insert_id, first.time_ms, first.ip) == ("i-1", 1_795_917_600_500, None)
        assert isinstance(second, RefusedEvent)
        assert isinstance(third, Event)
        assert (third.name, third.user_properties) == ("$identify", {"plan": "pro"})
        assert outcome.invalid == {InvalidReason.NO_OBJECT: 1}


@pytest.mark.parametrize("token", ["long-token", "bG9uZyB0b2t/", "a/b+c=="])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_token_may_hold_slashes_as_base64_does(token: str, end: str) -> None:
    """As it is, or escaped; and a slash behind it is nothing."""
    rules = RULES._replace(webhook_tokens=frozenset({token}))
    for written in (token, quote(token, safe="")):
        assert taken(post(EVENT, f"/webhook/{written}{end}", rules=rules)).events
    assert isinstance(post(EVENT, f"/webhook/{token[:-2]}{end}", rules=rules), Refused)


@pytest.mark.parametrize("path", ["/webhook/other", "/webhook/long-tokem", "/webhook/%6Cong"])
def test_a_wrong_token_takes_nothing(path: str) -> None:
    """401, and nothing is kept."""
    outcome = refused(post(orjson.dumps(EVENT), path))
    assert (outcome.answer.status, outcome.why, outcome.raw) == (401, RefusalReason.WRONG_TOKEN, None)


def test_nobody_without_a_key_gets_an_event_in_by_a_body_that_is_refused() -> None:
    """What is kept of such a body is refused by the stream as well."""
    for body in (
        orjson.dumps([EVENT]),
        orjson.dumps(EVENT),
        orjson.dumps({"payload": EVENT}),
        b"\x00\x00\x00\x00\x01[{}]",
    ):
        outcome = refused(post(body))
        kept = outcome.raw
        if kept is not None:
            assert all(isinstance(e, RefusedEvent) for e in decode(Record(kept.value, None, "inbox", 0, 0, NOW_MS)))


@pytest.mark.parametrize("levels", [101, 300, 990])
def test_an_event_that_is_nested_too_deep_costs_no_other(levels: int) -> None:
    """The stream refuses it, whether or not it can still be written as it was."""
    deep = (
        b'{"event_type":"Buy","user_id":"user-1","event_properties":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"
    )
    outcome = taken(post(b'{"api_key":"%b","events":[%b,%b]}' % (KEY.encode(), deep, orjson.dumps(EVENT))))
    assert [type(each).__name__ for each in read(outcome)] == ["Refused", "Event"]
    assert outcome.invalid == {InvalidReason.TOO_DEEP: 1}


@examples(60)
@given(
    good=st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2), max_size=3),
    place=st.integers(0, 3),
    bad=st.sampled_from([rb"\ud83d", rb"x\udc00 y", b"\xff", b"\xed\xa0\x80", b"\\ud83d\xff\\udc00"]),
    name=st.sampled_from(["user_id", "event_type", "insert_id", "anything"]),
    way=st.sampled_from(["json", "array", "sdk form", "v1 form", "identify"]),
)
def test_an_event_that_no_utf_8_can_hold_costs_no_other(
    good: list[dict[str, str]], place: int, bad: bytes, name: str, way: str
) -> None:
    """A text that was cut in the middle of an emoji, or that is of another encoding: the stream refuses that event."""
    is_form = way in {"sdk form", "v1 form", "identify"}
    if is_form:
        bad = rb"\ud83d"  # what is no UTF-8 makes the form unreadable, whose fields browsers write in UTF-8
    events = [orjson.dumps({**EVENT, "event_properties": properties}) for properties in good]
    text = b'{"event_type":"Buy","user_id":"user-1","%b":"%b"}' % (name.encode(), bad)
    events.insert(place, text)
    listed = b"[%b]" % b",".join(events)
    key = KEY.encode()
    body, path = {
        "json": (b'{"api_key":"%b","events":%b}' % (key, listed), "/2/httpapi"),
        "array": (listed, "/webhook/long-token"),
        "sdk form": (urlencode({"client": KEY, "e": listed}).encode(), "/"),
        "v1 form": (urlencode({"api_key": KEY, "event": listed}).encode(), "/httpapi"),
        "identify": (urlencode({"api_key": KEY, "identification": listed}).encode(), "/identify"),
    }[way]
    outcome = taken(post(body, path))
    assert outcome.stored.status == 200
    assert outcome.invalid == {InvalidReason.NO_OBJECT: 1}
    decoded = [decode(Record(each.value, each.key, "inbox", 0, 0, each.received_ms)) for each in outcome.events]
    refused_at = min(place, len(good))
    assert [type(each).__name__ for (each,) in decoded] == [
        "Refused" if at == refused_at else "Event" for at in range(len(good) + 1)
    ]
    kept = outcome.events[refused_at].value
    assert bad in kept


def test_an_event_that_no_utf_8_can_hold_is_named_where_uploads_are_refused_as_a_whole() -> None:
    """As Amplitude does it: the client drops that one, and sends the other again."""
    body = b'{"api_key":"%b","events":[%b,{"event_type":"\\ud83d"}]}' % (KEY.encode(), orjson.dumps(EVENT))
    answer = refused(post(body, rules=RULES._replace(strict=True))).answer
    assert json.loads(answer.body)["events_with_invalid_fields"] == {"event": [1]}


def test_an_event_that_is_too_large_is_cut_and_refused() -> None:
    """Its beginning is kept: what is stored stays small enough for Kafka."""
    outcome = taken(post(upload({**EVENT, "event_properties": {"a": "x" * 1_000_000}}, EVENT)))
    assert [type(each).__name__ for each in read(outcome)] == ["Refused", "Event"]
    assert outcome.invalid == {InvalidReason.TOO_LARGE: 1}
    assert len(outcome.events[0].value) == 65_536
    assert json.loads(outcome.busy.body)["throttled_events"] == [0, 1]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    [
        "event_type", "user_id", "device_id", "time", "timestamp", "event_time", "insert_id", "$insert_id", "uuid",
        "ip", "ip_address", "platform", "os_name", "os_version", "app_version", "version_name", "user_properties",
        "event_properties", "groups", "group_properties", "api_properties", "library", "location_lat", "location_lng",
    ]
)  # fmt: skip
_EVENTS = st.dictionaries(_FIELDS, _JSON, max_size=6).map(lambda more: {**EVENT, **more}) | _JSON


@examples(300)
@given(st.lists(_EVENTS, max_size=4), _JSON)
def test_every_event_is_passed_on_in_its_place_and_the_count_of_invalid_ones_is_the_streams(
    events: list[Any], upload_time: Any
) -> None:
    """What the collector counts as invalid is what the stream's decode refuses: there is one judge."""
    outcome = taken(post(json.dumps(upload(*events, client_upload_time=upload_time)).encode()))
    assert len(outcome.events) == len(events)
    reads = [decode(Record(each.value, each.key, "inbox", 0, 0, each.received_ms)) for each in outcome.events]
    wrong = {place for place, each in enumerate(reads) if any(isinstance(one, RefusedEvent) for one in each)}
    assert sum(outcome.invalid.values()) == len(wrong)
    for event, each in zip(outcome.events, reads, strict=True):
        if len(each) == 1 and isinstance(each[0], Event) and event.key is not None:
            assert event.key.decode() == (each[0].user_id or each[0].device_id)
    assert json.loads(outcome.busy.body)["throttled_events"] == list(range(len(events)))


_BYTES = st.binary(max_size=60) | st.text(max_size=60).map(str.encode)
_PATHS = st.sampled_from(["/", "/batch", "/identify", "/httpapi", "/webhook/long-token", "/webhook/%FF", "/x"])


@examples(300)
@given(
    body=_BYTES | _BYTES.map(gzip.compress) | _BYTES.map(lambda body: gzip.compress(body)[:-3]),
    path=_PATHS | _BYTES.map(lambda path: path.decode("utf-8", "surrogateescape")),
    query=_BYTES.map(lambda query: query.decode("utf-8", "surrogateescape")),
    method=st.sampled_from(["POST", "GET", "PUT", ""]),
    strict=st.booleans(),
)
def test_no_bytes_raise(body: bytes, path: str, query: str, method: str, *, strict: bool) -> None:
    """Whatever is sent there is an answer, and each one that refuses names events or is a plain word."""
    outcome = post(body, path, query=query, method=method, rules=RULES._replace(strict=strict))
    if isinstance(outcome, Refused):
        answer = outcome.answer
        assert 400 <= answer.status < 500
        assert b"events_with_missing_fields" in answer.body or answer.content_type.startswith("text/")
