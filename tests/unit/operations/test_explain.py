"""Explain says of every event and enabled sync, in one line, what would happen: the contract that tools rely on."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.settings import DeliveryTable
from connectors.files.settings import FileDeadLetters, FilesSource
from connectors.secrets import SecretRef
from flows.domain.sync import Condition, Operator, Selection, Sync
from flows.operations.explain import Explained, Explainer
from flows.settings.identity import IdentityTable
from flows.settings.model import Settings, SyncSettings
from flows.settings.tables import StateTable, WindowTable
from tests.fixtures.examples import examples

NOW_MS = 1_700_000_000_000
A, B = "1700000000000-0000001", "1700000000000-0000002"
KEY = SecretRef("env", "APPSFLYER_S2S_KEY")
BOTH = Sync("both", ios_app_id="id123", android_app_id="com.example.app")


def settings_of(
    *syncs: Sync | SyncSettings, identity: IdentityTable | None = None, delivery: DeliveryTable | None = None
) -> Settings:
    return Settings(
        path=Path("stream.toml"),
        source=FilesSource(()),
        identity=identity or IdentityTable(),
        window=WindowTable(),
        delivery=delivery or DeliveryTable(),
        dead_letters=FileDeadLetters(Path("dead-letters")),
        state=StateTable(),
        syncs=tuple(each if isinstance(each, SyncSettings) else SyncSettings(each, True, (KEY,)) for each in syncs),  # noqa: FBT003 # a field
    )  # fmt: skip


def explain(*lines: Any, settings: Settings | None = None) -> list[Explained]:
    """Return what becomes of lines: bytes, or objects that become JSON."""
    explainer = Explainer(settings or settings_of(BOTH))
    found: list[Explained] = []
    for number, line in enumerate(lines, 1):
        value = line if isinstance(line, bytes) else json.dumps(line).encode()
        found.extend(explainer.explain(number, value, NOW_MS + number))
    return found


def event(**fields: Any) -> dict[str, Any]:
    return {"event_type": "open", "user_id": "ada", "platform": "iOS", "time": NOW_MS, **fields}


def outcomes(found: list[Explained]) -> list[tuple[int, str | None, str, str | None]]:
    return [(each.line, each.sync, each.outcome, each.reason) for each in found]


def test_a_deliverable_event_shows_its_exact_request() -> None:
    """Design: the line's keys; the body is the JSON object, so that `eventValue` is text in it; the key is masked."""
    (found,) = explain(event(appsflyer_id=A, os_version="17.4", event_properties={"plan": "pro"}))
    line = orjson.loads(orjson.dumps(found.as_json()))
    request = line.pop("request")
    warnings = line.pop("warnings")
    assert line == {"line": 1, "sync": "both", "outcome": "would_deliver", "reason": None}
    assert [warning.split(":")[0] for warning in warnings] == ["no_device_identifier"]
    assert request == {
        "method": "POST",
        "url": "https://api3.appsflyer.com/inappevent/id123",
        "headers": {"authentication": "***", "content-type": "application/json"},
        "body": {
            "appsflyer_id": A,
            "customer_user_id": "ada",
            "eventName": "open",
            "eventValue": '{"plan":"pro"}',
            "eventTime": "2023-11-14 22:13:20.000",
            "os": "17.4",
        },
    }


def test_every_enabled_sync_has_a_line_for_each_event_in_its_order() -> None:
    """A disabled sync has none; the key's kind decides the host; app ids are percent-encoded."""
    android = Sync("android", android_app_id="com.example/app-ä")
    only_buy = Sync("buy", ios_app_id="id9", selections=(Selection("buy", "af_purchase"),))
    no_consent = Sync("consent", ios_app_id="id9", consent=(Condition("user.consent", Operator.IS, ("yes",)),))
    off = SyncSettings(Sync("off", ios_app_id="id1"), enabled=False, keys=(KEY,))
    dev = SyncSettings(Sync("dev", ios_app_id="id2"), enabled=True, keys=(KEY,), key_kind="dev_key")
    settings = settings_of(off, android, only_buy, no_consent, dev)
    found = explain(event(appsflyer_id=A), event(appsflyer_id=A, event_type="$identify"), settings=settings)
    assert sorted(outcomes(found)) == sorted(
        [
            (1, "android", "filtered", "platform"),
            (1, "buy", "filtered", "not_selected"),
            (1, "consent", "filtered", "consent"),
            (1, "dev", "would_deliver", None),
            *((2, name, "filtered", "reserved") for name in ("android", "buy", "consent", "dev")),
        ]
    )
    (sent,) = [each.request for each in found if each.request]
    assert sent["url"] == "https://api2.appsflyer.com/inappevent/id2"
    (google,) = explain(event(appsflyer_id=A, platform="Android"), settings=settings_of(android))
    assert google.request is not None
    assert google.request["url"].endswith("/inappevent/com.example%2Fapp-%C3%A4")


def test_an_event_under_two_names_has_two_lines() -> None:
    """Design: an event that a sync sends under two names has an entry for each."""
    twice = Sync("twice", ios_app_id="id1", selections=(Selection("open", "af_open"), Selection("*")))
    found = explain(event(appsflyer_id=A), settings=settings_of(twice))
    assert [each.request["body"]["eventName"] for each in found if each.request] == ["af_open", "open"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\x00 junk", "undecodable"),
        (b"", "undecodable"),
        (b"[" * 10_000, "undecodable"),
        (b'{"event_type":"open","user_id":"ada","event_properties":{"a":NaN}}', "undecodable"),
        (b'{"user_id":"ada"}', "invalid_event"),
        (b'{"event_type":"open","user_id":"ada","time":"now"}', "invalid_event"),
    ],
    ids=range(6),
)
def test_what_decode_refuses_has_one_line_without_a_sync(line: bytes, reason: str) -> None:
    """Whatever the number of syncs; it says why, and the next line is not harmed."""
    settings = settings_of(BOTH, Sync("other", ios_app_id="id1"))
    found = explain(line, event(appsflyer_id=A), settings=settings)
    assert outcomes(found)[0] == (1, None, "dead_lettered", reason)
    assert found[0].as_json()["error"]
    assert found[0].as_json()["request"] is None
    assert [each.outcome for each in found[1:]] == ["would_deliver", "would_deliver"]


def test_a_held_event_is_printed_again_when_a_later_line_releases_it() -> None:
    """Design: with that line's number in `released_by`; identity is learned from line to line."""
    found = explain(
        event(device_id="d1"),
        event(device_id="d2"),
        event(event_type="$identify", device_id="d1", user_properties={"$set": {"appsflyer_id": A}}),
        event(device_id="d1"),
    )
    assert outcomes(found) == [
        (1, "both", "held", "no_appsflyer_id"),
        (2, "both", "held", "no_appsflyer_id"),
        (3, "both", "filtered", "reserved"),
        (1, "both", "would_deliver", None),
        (4, "both", "would_deliver", None),
    ]
    assert [each.as_json().get("released_by") for each in found] == [None, None, None, 3, None]
    assert all("released_by" not in each.as_json() for each in found if each.released_by is None)


def test_lines_without_a_time_are_taken_one_after_the_other() -> None:
    """However fast they come: what the later line says is the newer."""
    explainer = Explainer(settings_of(BOTH))
    lines: list[dict[str, Any]] = [
        {"appsflyer_id": B},
        {"user_properties": {"appsflyer_id": A}},
        {},
        {"event_type": "$identify", "user_properties": {"$unset": {"appsflyer_id": "-"}}},
        {},
        {"event_type": "$identify", "user_properties": {"$set": {"appsflyer_id": A}}},
        {},
    ]
    found = [
        explained
        for number, fields in enumerate(lines, 1)
        for explained in explainer.explain(number, orjson.dumps(event(device_id="d", time=None, **fields)), NOW_MS)
    ]
    sent = {each.line: each.request["body"]["appsflyer_id"] for each in found if each.request}
    assert sent == {1: B, 2: A, 3: A, 5: A, 7: A}
    assert [each.released_by for each in found if each.line == 5] == [None, 6]


def test_a_member_of_an_upload_body_may_release_another_of_the_same_line() -> None:
    """Each member is an event of its own: the released one says what released it, although the line is the same."""
    found = explain({"events": [event(event_type="a"), event(event_type="b", appsflyer_id=A), {}]})
    assert [(each.line, each.outcome, each.released_by) for each in found] == [
        (1, "held", None),
        (1, "would_deliver", None),
        (1, "would_deliver", 1),
        (1, "dead_lettered", None),
    ]
    assert [each.request["body"]["eventName"] for each in found if each.request] == ["b", "a"]


def test_the_one_that_gives_way_says_so() -> None:
    """More events wait than are held: the oldest is dead-lettered, with the line that pushed it out."""
    settings = settings_of(BOTH, identity=IdentityTable(hold_events=1))
    found = explain(event(), event(), settings=settings)
    assert outcomes(found) == [
        (1, "both", "held", "no_appsflyer_id"),
        (1, "both", "dead_lettered", "no_appsflyer_id"),
        (2, "both", "held", "no_appsflyer_id"),
    ]
    assert found[1].released_by == 2
    assert found[1].error


def test_without_holding_the_reason_is_final() -> None:
    """`hold_seconds = 0`: dead letter `no_appsflyer_id` at once."""
    found = explain(event(), settings=settings_of(BOTH, identity=IdentityTable(hold_seconds=0)))
    assert outcomes(found) == [(1, "both", "dead_lettered", "no_appsflyer_id")]


@pytest.mark.parametrize("hold_seconds", [0, 300])
def test_an_id_that_is_none_is_named(hold_seconds: float) -> None:
    """Zero and malformed identifiers count as absent and are reported, where the event waits or is given up, too."""
    settings = settings_of(BOTH, identity=IdentityTable(hold_seconds=hold_seconds))
    found = explain(event(appsflyer_id="nonsense"), event(appsflyer_id="0000000000000-0000000"), settings=settings)
    assert [[warning.split(":")[0] for warning in each.as_json()["warnings"]] for each in found] == [
        ["malformed_identifier"],
        ["zero_identifier"],
    ]
    assert all("nonsense" not in str(each.as_json()) for each in found)


def test_a_settling_event_says_what_it_waits_for() -> None:
    """It is not its id that it lacks."""
    settings = settings_of(BOTH, identity=IdentityTable(settle_seconds=30))
    assert outcomes(explain(event(appsflyer_id=A), settings=settings)) == [(1, "both", "held", "settle_seconds")]


def test_a_duplicate_is_one() -> None:
    """The same `insert_id` of the same user, in either shape; another user's is another event."""
    found = explain(
        event(appsflyer_id=A, insert_id="i"),
        event(appsflyer_id=A, **{"$insert_id": "i"}),
        event(appsflyer_id=A, insert_id="i", user_id="bob"),
    )
    assert [each.outcome for each in found] == ["would_deliver", "duplicate", "would_deliver"]


def test_what_does_not_fit_is_a_dead_letter() -> None:
    """The identifiers alone exceed the limit."""
    settings = settings_of(BOTH, delivery=DeliveryTable(max_body_bytes=300))
    found = explain(event(appsflyer_id=A, user_id="u" * 400), settings=settings)
    assert outcomes(found) == [(1, "both", "dead_lettered", "too_large")]


def test_users_and_platforms_do_not_share_identifiers() -> None:
    """Never across platforms, never across users, nor from a device's anonymous time to its user."""
    found = explain(
        event(device_id="d", appsflyer_id=A),
        event(device_id="d", user_id="bob"),
        event(device_id="d", platform="Android"),
        event(device_id="d", user_id=None),
        event(device_id="d", event_type="mine"),
    )
    assert [each.outcome for each in found] == ["would_deliver", "held", "held", "held", "would_deliver"]


def test_without_an_enabled_sync_nothing_would_happen() -> None:
    """No sync, no line; what cannot be read has one all the same."""
    assert explain(event(), settings=settings_of()) == []
    assert outcomes(explain(b"junk", settings=settings_of())) == [(1, None, "dead_lettered", "undecodable")]


bodies = st.fixed_dictionaries(
    {"event_type": st.sampled_from(["open", "buy", "$identify"]), "user_id": st.sampled_from(["ada", "bob", None])},
    optional={
        "device_id": st.sampled_from(["d1", "d2", None]),
        "platform": st.sampled_from(["iOS", "Android", "Web", None]),
        "insert_id": st.sampled_from(["i1", "i2"]),
        "user_properties": st.sampled_from([{"appsflyer_id": A}, {"gaid": "x"}, {"$set": {"appsflyer_id": B}}]),
        "event_properties": st.dictionaries(
            st.text(max_size=3), st.one_of(st.none(), st.integers(), st.text()), max_size=3
        ),
        "time": st.one_of(st.just(NOW_MS), st.just("x")),
    },
)


@given(
    st.lists(st.one_of(bodies, st.builds(lambda events: {"events": events}, st.lists(bodies, max_size=3))), max_size=6)
)
@examples(100)
def test_every_event_has_exactly_one_fate_for_each_sync(lines: list[dict[str, Any]]) -> None:
    """What decode refuses has one line; anything else one final line or one that says `held` for each sync and copy."""
    syncs = (
        BOTH,
        Sync("apple", ios_app_id="id1"),
        Sync("google", android_app_id="g", selections=(Selection("buy", "b"),)),
    )
    found = explain(*lines, settings=settings_of(*syncs))
    for number, line in enumerate(lines, 1):
        events = line.get("events", [line])
        of_line = [each for each in found if each.line == number]
        refused = [each for each in of_line if each.sync is None]
        assert all(each.outcome == "dead_lettered" for each in refused)
        for sync in syncs:
            own = [each for each in of_line if each.sync == sync.name]
            waits = [each for each in own if each.outcome == "held"]
            again = [each for each in own if each.released_by is not None]
            assert len(own) - len(again) == len(events) - len(refused)
            assert len(again) <= len(waits)
            assert all((each.request is not None) == (each.outcome == "would_deliver") for each in own)
    for each in found:
        assert orjson.loads(orjson.dumps(each.as_json()))["line"] == each.line
