"""Identify: each event of a user is decided on exactly once for each target, whatever comes in whatever order."""

import json
import pickle
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decision import Decision, GivenUp, Held, Identified, Unwanted
from flows.domain.decode import decode
from flows.domain.device import Device, Taught
from flows.domain.event import Event, Platform, Position, Record
from flows.domain.fate import DeadLetterReason, FilterReason
from flows.domain.held_events import HELD_EVENT_BYTES
from flows.domain.identifier_reader import DeviceReading, IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity_rules import IdentityRules
from flows.domain.select import SyncTarget
from flows.domain.user import User
from tests.fixtures.examples import examples

A, B, C = "1700000000000-0000001", "1700000000000-0000002", "1700000000000-0000003"
UUID = "cdda802e-fb9c-47ad-9866-0794d394c912"
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
SYNCS = ("apple", "google", "both")
APPS: Sequence[frozenset[Platform]] = (frozenset({"ios"}), frozenset({"android"}), frozenset({"ios", "android"}))
RULES = IdentityRules(
    reader=IdentifierReader(DEFAULT_PATHS),
    platforms=APPS,
    remember_s=90 * 86_400,
    remember_insert_ids=100,
    hold_ms=300_000,
    settle_ms=0,
    hold_events=100,
)
TARGETS = (SyncTarget(2, 0, "open"),)


def event(offset: int, **fields: Any) -> Event:
    body = {"event_type": "open", "user_id": "ada", "time": NOW_MS, **fields}
    (decoded,) = decode(Record(json.dumps(body).encode(), b"key", "topic", 0, offset, NOW_MS))
    assert isinstance(decoded, Event), decoded
    return decoded


def only(decisions: list[Decision]) -> Decision:
    (decision,) = decisions
    return decision


def appsflyer_id(decision: Decision) -> object:
    assert isinstance(decision, Identified), decision
    return decision.identity.values["appsflyer_id"]


def entries(decision: Decision) -> list[tuple[Position, SyncTarget]]:
    return [(decision.event.position, target) for target in decision.targets]


def restored(user: User, rules: IdentityRules) -> User:
    """Return the user after a stop and a start: only builtins are stored, and held events are decoded again."""
    state = pickle.loads(pickle.dumps(user.state(SYNCS)))  # noqa: S301 # what was pickled one call ago
    held = []
    for raw, key, received_ms, place, targets, until_ms, settling in state.held:
        position = Position(*place)
        record = Record(raw, key, position.source, position.partition, position.offset, received_ms)
        (decoded,) = decode(record)
        assert isinstance(decoded, Event)
        known = tuple(SyncTarget(SYNCS.index(sync), copy, send_as) for sync, copy, send_as in targets)
        held.append(Held(decoded, known, until_ms, settling))
    again = User(rules)
    again.restore(state, held)
    return again


# --- whole stories, at random ---


class Step(NamedTuple):
    """What happens next in a story."""

    kind: str
    """`take`, or `expire`."""
    pause_ms: int
    fields: dict[str, Any]
    targets: tuple[SyncTarget, ...]


def body(
    device: str | None, platform: str | None, time_ms: int, install: str | None, insert_id: str | None, name: str
) -> dict[str, Any]:
    properties: dict[str, Any] = {} if install is None else {"appsflyer_id": install}
    if name == "$identify" and install is None:
        properties = {"$unset": {"appsflyer_id": "-"}}
    if name == "$identify once":
        name, properties = "$identify", {"$setOnce": properties}
    return {
        "event_type": name, "device_id": device, "platform": platform, "time": NOW_MS + time_ms,
        "insert_id": insert_id, "user_properties": properties,
    }  # fmt: skip


bodies = st.builds(
    body,
    st.sampled_from(["d1", "d2", None]),
    st.sampled_from(["iOS", "iOS", "Android", None, "Web"]),
    st.integers(-3, 3).map(lambda seconds: seconds * 1000),
    st.sampled_from([None, None, None, A, B, C, "0000000000000-0000000", "broken"]),
    st.sampled_from([None, "i1", "i2", "i3"]),
    st.sampled_from(["open", "open", "$identify", "$identify once"]),
)
targets_ = st.sampled_from([
    (), TARGETS, (SyncTarget(0, 0, "open"),), (SyncTarget(1, 0, "open"), SyncTarget(2, 0, "open")),
    tuple(SyncTarget(*each) for each in [(0, 0, "a"), (0, 1, "b"), (1, 0, "open"), (2, 0, "x"), (2, 1, "y")]),
])  # fmt: skip
steps = st.builds(
    Step, st.sampled_from(["take"] * 5 + ["expire"]), st.sampled_from([0, 0, 100, 1000, 5000]), bodies, targets_
)
stories = st.lists(steps, max_size=12)
rules_ = st.builds(
    lambda insert_ids, hold_ms, settle_ms, hold_events: RULES._replace(
        remember_insert_ids=insert_ids, hold_ms=hold_ms, settle_ms=settle_ms, hold_events=hold_events
    ),
    st.sampled_from([0, 1, 2, 100]),
    st.sampled_from([0, 1000, 4000, 300_000]),
    st.sampled_from([0, 0, 2000]),
    st.sampled_from([1, 2, 100]),
)


def next_ms(user: User) -> int | None:
    """Return when a user is to be looked at next, where both times are the same."""
    return min((each for each in (user.due_ms(), user.due_ms(settling=True)) if each is not None), default=None)


def play(user: User, step: Step, offset: int, now_ms: int) -> list[Decision]:
    if step.kind == "expire":
        return user.expire(now_ms)
    targets = () if step.fields["event_type"] == "$identify" else step.targets
    return user.take(event(offset, **step.fields), targets, now_ms)


@given(stories, rules_)
@examples(200)
def test_every_target_is_decided_exactly_once_or_still_held(story: list[Step], rules: IdentityRules) -> None:
    """Conservation: given = identified + unwanted + given up + held, at every moment; at the end nothing is held."""
    user = User(rules)
    given_: Counter[tuple[Position, SyncTarget]] = Counter()
    final: Counter[tuple[Position, SyncTarget]] = Counter()
    held_before: set[Position] = set()
    now_ms = NOW_MS
    for offset, step in enumerate(story):
        now_ms += step.pause_ms
        decisions = play(user, step, offset, now_ms)
        if step.kind == "take" and step.fields["event_type"] != "$identify":
            given_.update((Position("topic", 0, offset), target) for target in step.targets)
        for decision in decisions:
            assert decision.targets
            if isinstance(decision, Held):
                assert decision.event.position == Position("topic", 0, offset)
                assert decision.event.position not in held_before
                held_before.add(decision.event.position)
                assert now_ms < decision.until_ms <= now_ms + max(rules.hold_ms, rules.settle_ms)
            else:
                final.update(entries(decision))
        assert len(user.held) <= rules.hold_events
        waiting: Counter[tuple[Position, SyncTarget]] = Counter(
            each for held in user.held.events for each in entries(held)
        )
        assert given_ == final + waiting
        if step.kind == "expire":
            assert all(held.until_ms > now_ms for held in user.held.events)
    for decision in user.end(now_ms):
        assert not isinstance(decision, Held)
        final.update(entries(decision))
    assert not user.held
    assert given_ == final


@given(stories, rules_)
@examples(200)
def test_what_is_identified_can_be_sent(story: list[Step], rules: IdentityRules) -> None:
    """An app of the platform, an AppsFlyer id that was taught, and never one that the other platform alone taught."""
    user = User(rules)
    taught: dict[str, set[str | None]] = {}
    now_ms = NOW_MS
    for offset, step in enumerate([*story, Step("expire", DAY_MS, {}, ())]):
        now_ms += step.pause_ms
        if step.kind == "take":
            properties = step.fields["user_properties"]
            install = properties.get("$setOnce", properties).get("appsflyer_id")
            taught.setdefault(install, set()).add(step.fields["platform"])
        for decision in play(user, step, offset, now_ms):
            if isinstance(decision, Identified):
                platform = decision.identity.platform
                assert all(platform in APPS[target.sync] for target in decision.targets)
                stated = {"ios": "iOS", "android": "Android"}[platform]
                assert decision.event.platform in (stated, None)
                found = str(appsflyer_id(decision))
                own = decision.event.user_properties.get("appsflyer_id")
                assert found in (A, B, C)
                assert found == own or own not in (A, B, C)
                assert found == own or taught[found] & {stated, None}
            elif isinstance(decision, GivenUp):
                assert decision.reason in (DeadLetterReason.NO_APPSFLYER_ID, DeadLetterReason.NO_PLATFORM)


@given(stories, rules_.map(lambda rules: rules._replace(settle_ms=0)))
@examples(200)
def test_nothing_waits_for_what_is_known(story: list[Step], rules: IdentityRules) -> None:
    """A held event goes out when an event teaches its id, not later: the end finds none that could be sent."""
    user = User(rules)
    now_ms = NOW_MS
    for offset, step in enumerate(story):
        now_ms += step.pause_ms
        play(user, step, offset, now_ms)
    assert all(isinstance(decision, GivenUp) for decision in user.end(now_ms))


@given(stories, rules_, st.sets(st.integers(0, 12)))
@examples(200)
def test_a_restart_changes_no_later_decision(story: list[Step], rules: IdentityRules, restarts: set[int]) -> None:
    """State as of an epoch: stored as builtins, restored at any moment, and never changed by later calls."""
    going_on, restarting = User(rules), User(rules)
    now_ms = NOW_MS
    snapshots = []
    for offset, step in enumerate(story):
        now_ms += step.pause_ms
        if offset in restarts:
            snapshots.append((going_on.state(SYNCS), pickle.dumps(going_on.state(SYNCS))))
            restarting = restored(restarting, rules)
            assert next_ms(restarting) == next_ms(going_on)
        assert play(restarting, step, offset, now_ms) == play(going_on, step, offset, now_ms)
        assert restarting.state(SYNCS) == going_on.state(SYNCS)
    assert restarting.end(now_ms) == going_on.end(now_ms)
    for state, as_it_was in snapshots:
        assert state == pickle.loads(as_it_was)  # noqa: S301 # what was pickled above


def known(user: User) -> dict[str, tuple[int, dict[str, Taught]]]:
    """Return everything that is known of a user's devices, for the order of names is no matter."""
    devices = {key: Device.restore(state) for key, state in user.state(SYNCS).devices.items()}
    return {key: (device.seen_ms, device.taught) for key, device in devices.items()}


@given(st.lists(bodies, max_size=7), st.randoms(use_true_random=False))
@examples(200)
def test_the_order_of_arrival_does_not_change_the_profile(events: list[dict[str, Any]], chance: random.Random) -> None:
    """Permutations of events over devices, platforms and times, `$unset` among them, and some of them twice."""
    shuffled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(shuffled)
    one, other = User(RULES), User(RULES)
    for order, user in ((events, one), (shuffled, other)):
        for offset, fields in enumerate(order):
            user.take(event(offset, **fields), (), NOW_MS)
    assert known(one) == known(other)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=20), st.sampled_from([0, 1, 2, 3, 100]))
@examples(200)
def test_duplicates_within_the_remembered_window(arrivals: list[tuple[str, bool]], window: int) -> None:
    """Amplitude, HTTP V2 API: of one `insert_id` the first counts. As many are remembered as the settings say."""
    user = User(RULES._replace(remember_insert_ids=window))
    remembered: list[str] = []
    for offset, (insert_id, known) in enumerate(arrivals):
        install = {"appsflyer_id": A} if known else {}
        taken = event(offset, insert_id=insert_id, platform="iOS", device_id=f"d{offset}", user_properties=install)
        decision = user.take(taken, TARGETS, NOW_MS)[0]
        if insert_id in remembered:
            assert decision == Unwanted(taken, TARGETS, "duplicate")
        else:
            assert isinstance(decision, Identified if known else Held)
            remembered = [*remembered, insert_id][-window:] if window else []


# --- duplicates ---


def test_a_held_event_is_taken_and_its_copy_is_a_duplicate() -> None:
    """Whatever becomes of the first, the second is no news."""
    user = User(RULES)
    assert isinstance(only(user.take(event(1, insert_id="i", platform="iOS"), TARGETS, NOW_MS)), Held)
    assert only(user.take(event(2, insert_id="i", platform="iOS"), TARGETS, NOW_MS)) == Unwanted(
        event(2, insert_id="i", platform="iOS"), TARGETS, "duplicate"
    )


def test_events_without_an_insert_id_are_never_duplicates() -> None:
    """Null, missing and empty are absent."""
    user = User(RULES)
    absences: list[dict[str, Any]] = [{}, {"insert_id": None}, {"insert_id": ""}, {"$insert_id": ""}]
    for offset, absent in enumerate(absences):
        found = event(offset, platform="iOS", appsflyer_id=A, **absent)
        assert isinstance(only(user.take(found, TARGETS, NOW_MS)), Identified)


def test_insert_ids_of_any_text_are_told_apart() -> None:
    """No two of many are taken for one another, and each is known again in either of Amplitude's shapes."""
    user = User(RULES._replace(remember_insert_ids=500))
    ids = [f"{'é' * (number % 3)}{number}" for number in range(500)]
    for offset, insert_id in enumerate(ids):
        taken = event(offset, insert_id=insert_id, platform="iOS", appsflyer_id=A)
        assert isinstance(only(user.take(taken, TARGETS, NOW_MS)), Identified)
    for offset, insert_id in enumerate(ids):
        again = event(1000 + offset, **{"$insert_id": insert_id}, platform="iOS", appsflyer_id=A)
        assert isinstance(only(user.take(again, TARGETS, NOW_MS)), Unwanted)


def test_digests_are_compared_whole() -> None:
    """Bytes of two neighbours that happen to look like an insert_id's digest are none."""
    user = User(RULES)
    user.take(event(1, insert_id="i", platform="iOS", appsflyer_id=A), TARGETS, NOW_MS)
    state = user.state(SYNCS)
    shifted = state._replace(insert_ids=b"half" + state.insert_ids + b"half")
    again = User(RULES)
    again.restore(shifted, [])
    decision = only(again.take(event(2, insert_id="i", platform="iOS", appsflyer_id=A), TARGETS, NOW_MS))
    assert isinstance(decision, Identified)


def test_what_no_sync_wants_is_not_remembered_as_taken() -> None:
    """An event that was filtered is not in the way of one that is sent."""
    user = User(RULES)
    assert user.take(event(1, insert_id="i", platform="iOS", appsflyer_id=A), (), NOW_MS) == []
    decision = only(user.take(event(2, insert_id="i", platform="Web", appsflyer_id=A), TARGETS, NOW_MS))
    assert isinstance(decision, Unwanted)
    assert decision.reason == FilterReason.PLATFORM
    assert isinstance(
        only(user.take(event(3, insert_id="i", platform="iOS", appsflyer_id=A), TARGETS, NOW_MS)), Identified
    )


# --- platform ---


def test_each_sync_gets_only_its_platforms() -> None:
    """`filtered: platform` where the sync has no app for it; the others go on."""
    targets = (SyncTarget(0, 0, "open"), SyncTarget(1, 0, "open"), SyncTarget(2, 0, "open"))
    taken = event(1, platform="Android", appsflyer_id=A)
    unwanted, identified = User(RULES).take(taken, targets, NOW_MS)
    assert unwanted == Unwanted(taken, (targets[0],), FilterReason.PLATFORM)
    assert isinstance(identified, Identified)
    assert identified.targets == targets[1:]
    assert identified.identity.platform == "android"


@pytest.mark.parametrize("fields", [{"platform": "Web", "device_id": "d2"}, {"os_name": "Linux"}])
def test_what_states_a_platform_without_an_app_is_filtered(fields: dict[str, Any]) -> None:
    """`filtered: platform`, although the user's only device is of one that has an app."""
    user = User(RULES)
    user.take(event(1, platform="iOS", device_id="d2", appsflyer_id=A), (), NOW_MS)
    decision = only(user.take(event(2, appsflyer_id=B, **fields), TARGETS, NOW_MS))
    assert isinstance(decision, Unwanted)
    assert decision.reason == FilterReason.PLATFORM


@pytest.mark.parametrize("fields", [{}, {"device_id": "d1"}, {"platform": "Server"}])
def test_a_platform_is_never_guessed_from_the_apps_of_a_sync(fields: dict[str, Any]) -> None:
    """It is waited for, and is the dead letter `no_platform` when nobody taught it."""
    user = User(RULES._replace(platforms=[frozenset({"ios"})] * 3))
    assert isinstance(only(user.take(event(2, appsflyer_id=B, **fields), TARGETS, NOW_MS)), Held)
    given_up = only(user.expire(NOW_MS + RULES.hold_ms))
    assert isinstance(given_up, GivenUp)
    assert given_up.reason == DeadLetterReason.NO_PLATFORM


@pytest.mark.parametrize("platform", [None, "Server", "backend", "amplitude-node/1.0", "", " ", "unknown"])
def test_a_servers_event_is_of_the_platform_that_all_devices_of_its_user_are_of(platform: str | None) -> None:
    """A renewal that a billing server sends with a `user_id` alone; of several devices the newest counts."""
    user = User(RULES)
    for offset, (device, install) in enumerate((("old", A), ("new", B))):
        known = event(offset, platform="iOS", device_id=device, time=NOW_MS + offset, appsflyer_id=install)
        user.take(known, (), NOW_MS)
    assert appsflyer_id(only(user.take(event(2, platform=platform), TARGETS, NOW_MS))) == B
    user.take(event(3, platform="Android", device_id="other", appsflyer_id=C), (), NOW_MS)
    assert isinstance(only(user.take(event(4, platform=platform), TARGETS, NOW_MS)), Held)
    given_up = only(user.end(NOW_MS))
    assert isinstance(given_up, GivenUp)
    assert given_up.reason == DeadLetterReason.NO_PLATFORM


def test_a_servers_event_waits_for_the_app_to_state_the_platform() -> None:
    """For as long as for an AppsFlyer id; a sync without an app of what turns out does not get it."""
    user = User(RULES)
    targets = (SyncTarget(0, 0, "open"), SyncTarget(1, 0, "open"))
    waiting = event(1, insert_id="i")
    held = only(user.take(waiting, targets, NOW_MS))
    assert isinstance(held, Held)
    assert held.until_ms == NOW_MS + RULES.hold_ms
    assert user.missing(waiting) == DeadLetterReason.NO_PLATFORM
    assert only(user.take(event(2, insert_id="i"), targets, NOW_MS)) == Unwanted(
        event(2, insert_id="i"), targets, "duplicate"
    )
    teaches = event(3, platform="Android", device_id="d", appsflyer_id=A)
    unwanted, identified = user.take(teaches, (), NOW_MS)
    assert unwanted == Unwanted(waiting, targets[:1], FilterReason.PLATFORM)
    assert isinstance(identified, Identified)
    assert (identified.event, identified.targets, identified.identity.platform) == (waiting, targets[1:], "android")


def test_an_event_is_of_the_platform_of_the_identifiers_that_it_carries() -> None:
    """They count before what is remembered, and are not taught to a device of another platform."""
    user = User(RULES)
    user.take(event(1, platform="Android", device_id="d", appsflyer_id=A), (), NOW_MS)
    decision = only(user.take(event(2, device_id="d", idfv=UUID, appsflyer_id=B), TARGETS, NOW_MS))
    assert isinstance(decision, Identified)
    assert (decision.identity.platform, appsflyer_id(decision)) == ("ios", B)
    assert appsflyer_id(only(user.take(event(3, platform="Android", device_id="d"), TARGETS, NOW_MS))) == A


def test_a_platform_is_remembered_of_its_device() -> None:
    """Design: `platform`, else `os_name`, else what is remembered of that device."""
    user = User(RULES)
    user.take(event(1, platform="iOS", device_id="d1", appsflyer_id=A), (), NOW_MS)
    decision = only(user.take(event(2, device_id="d1"), TARGETS, NOW_MS))
    assert isinstance(decision, Identified)
    assert decision.identity.platform == "ios"


def test_a_web_event_teaches_nothing() -> None:
    """A browser's event is no device's of either app, whatever user properties Amplitude attached to it."""
    user = User(RULES)
    user.take(event(1, platform="Web", device_id="d1", user_properties={"appsflyer_id": A}), (), NOW_MS)
    assert user.state(SYNCS).devices == {}
    assert isinstance(only(user.take(event(2, platform="iOS", device_id="d1"), TARGETS, NOW_MS)), Held)


def test_a_device_that_changes_its_platform_takes_its_held_events_with_it() -> None:
    """A sync without an app for the platform that turned out is not sent the event: it ends as `filtered: platform`."""
    user = User(RULES)
    targets = (SyncTarget(0, 0, "open"), SyncTarget(2, 0, "open"))
    user.take(event(1, platform="iOS", device_id="d"), (), NOW_MS)
    waiting = event(2, device_id="d")
    assert isinstance(only(user.take(waiting, targets, NOW_MS)), Held)
    later = event(3, platform="Android", device_id="d", time=NOW_MS + 1, user_properties={"appsflyer_id": A})
    unwanted, identified = user.take(later, (), NOW_MS)
    assert unwanted == Unwanted(waiting, targets[:1], FilterReason.PLATFORM)
    assert isinstance(identified, Identified)
    assert identified.targets == targets[1:]
    assert identified.identity.platform == "android"


# --- identifiers over time ---


def test_a_phone_and_a_tablet_keep_their_own_ids() -> None:
    """A person has an iPhone and a tablet: two AppsFlyer ids."""
    user = User(RULES)
    for offset, (device, install) in enumerate([("phone", A), ("tablet", B)]):
        user.take(event(offset, platform="iOS", device_id=device, appsflyer_id=install), (), NOW_MS)
    for offset, (device, install) in enumerate([("phone", A), ("tablet", B)], 2):
        assert appsflyer_id(only(user.take(event(offset, device_id=device), TARGETS, NOW_MS))) == install


def test_versions_and_identifiers_come_from_the_device() -> None:
    """`os` is always sent when known (AppsFlyer: an iOS event without it is treated as iOS 14.5)."""
    user = User(RULES)
    known = {"os_version": "17.4", "app_version": "2.1", "idfv": UUID, "user_properties": {"appsflyer_id": A, "att": 3}}
    user.take(event(1, platform="iOS", device_id="d", **known), (), NOW_MS)
    decision = only(user.take(event(2, device_id="d", os_version="17.5"), TARGETS, NOW_MS))
    assert isinstance(decision, Identified)
    assert decision.identity.values == {
        "appsflyer_id": A, "idfv": UUID.upper(), "att": 3, "os_version": "17.5", "app_version": "2.1",
    }  # fmt: skip


def test_zero_and_malformed_identifiers_are_reported() -> None:
    """They count as absent: the device's remembered ones are used."""
    user = User(RULES)
    user.take(event(1, platform="iOS", device_id="d", idfv=UUID, appsflyer_id=A), (), NOW_MS)
    bad = event(2, device_id="d", idfv="x", idfa="00000000-0000-0000-0000-000000000000")
    decision = only(user.take(bad, TARGETS, NOW_MS))
    assert isinstance(decision, Identified)
    assert (decision.identity.malformed, decision.identity.zeroed) == (("idfv",), ("idfa",))
    assert decision.identity.values == {"appsflyer_id": A, "idfv": UUID.upper()}


def test_identify_sets_and_unsets() -> None:
    """Amplitude, Identify API: `$set`, `$setOnce` and plain keys teach, `$unset` forgets."""
    for taught in ({"$set": {"appsflyer_id": A}}, {"$setOnce": {"appsflyer_id": A}}, {"appsflyer_id": A}):
        user = User(RULES)
        identify = {"event_type": "$identify", "device_id": "d", "platform": "iOS"}
        user.take(event(1, **identify, user_properties=taught), (), NOW_MS)
        assert appsflyer_id(only(user.take(event(2, device_id="d"), TARGETS, NOW_MS))) == A
        unset = {"user_properties": {"$unset": {"appsflyer_id": "-"}}, "time": NOW_MS + 1}
        user.take(event(3, **identify, **unset), (), NOW_MS)
        assert isinstance(only(user.take(event(4, device_id="d"), TARGETS, NOW_MS)), Held)


def test_only_identify_unsets() -> None:
    """Amplitude, HTTP V2 API: user property operations are for `$identify` only."""
    user = User(RULES)
    user.take(event(1, device_id="d", platform="iOS", appsflyer_id=A), (), NOW_MS)
    user.take(event(2, device_id="d", time=NOW_MS + 1, user_properties={"$unset": {"appsflyer_id": "-"}}), (), NOW_MS)
    assert appsflyer_id(only(user.take(event(3, device_id="d"), TARGETS, NOW_MS))) == A


def test_users_share_nothing() -> None:
    """Two users of one device: what one taught the other does not know."""
    one, other = User(RULES), User(RULES)
    one.take(event(1, user_id="ada", device_id="d", platform="iOS", appsflyer_id=A), (), NOW_MS)
    assert isinstance(only(other.take(event(2, user_id="bob", device_id="d", platform="iOS"), TARGETS, NOW_MS)), Held)


# --- hold ---


def test_a_late_identifier_releases_what_waits_for_it_and_nothing_else() -> None:
    """Held events go out when an event teaches their device's id, once, with the identity it taught."""
    user = User(RULES)
    for offset, device in enumerate(["d1", "d2", "d1"]):
        assert isinstance(only(user.take(event(offset, platform="iOS", device_id=device), TARGETS, NOW_MS)), Held)
    released = user.take(event(3, platform="iOS", device_id="d1", appsflyer_id=A), TARGETS, NOW_MS + 10)
    assert [decision.event.position.offset for decision in released] == [3, 0, 2]
    assert {appsflyer_id(decision) for decision in released} == {A}
    assert [held.event.position.offset for held in user.held.events] == [1]
    assert len(user.take(event(4, platform="iOS", device_id="d1", appsflyer_id=A), TARGETS, NOW_MS + 20)) == 1


def test_an_event_that_no_sync_wants_releases_too() -> None:
    """An event that no sync selects but that teaches an identifier still reaches the profile."""
    user = User(RULES)
    user.take(event(1, platform="iOS", device_id="d"), TARGETS, NOW_MS)
    identify = event(2, event_type="$identify", device_id="d", user_properties={"$set": {"appsflyer_id": A}})
    assert appsflyer_id(only(user.take(identify, (), NOW_MS))) == A


def test_what_nobody_teaches_is_given_up_when_it_is_due() -> None:
    """After `hold_seconds`, not a millisecond before: dead letter `no_appsflyer_id`."""
    user = User(RULES)
    taken = event(1, platform="iOS")
    user.take(taken, TARGETS, NOW_MS)
    assert user.due_ms() == NOW_MS + RULES.hold_ms
    assert user.expire(NOW_MS + RULES.hold_ms - 1) == []
    decision = only(user.expire(NOW_MS + RULES.hold_ms))
    assert isinstance(decision, GivenUp)
    assert (decision.targets, decision.reason) == (TARGETS, DeadLetterReason.NO_APPSFLYER_ID)
    assert (decision.event.raw, decision.event.key, decision.event.position) == (taken.raw, taken.key, taken.position)
    assert decision.error
    assert user.expire(NOW_MS + DAY_MS) == []


def test_no_time_to_hold_gives_up_at_once() -> None:
    """`hold_seconds = 0`."""
    user = User(RULES._replace(hold_ms=0))
    assert isinstance(only(user.take(event(1, platform="iOS"), TARGETS, NOW_MS)), GivenUp)
    assert not user.held


@pytest.mark.parametrize("hold_events", [1, 3])
def test_the_oldest_gives_way_when_too_many_wait(hold_events: int) -> None:
    """Bounded per user: one more than `hold_events` gives up the oldest."""
    user = User(RULES._replace(hold_events=hold_events))
    for offset in range(hold_events):
        assert isinstance(only(user.take(event(offset, platform="iOS"), TARGETS, NOW_MS)), Held)
    oldest, held = user.take(event(99, platform="iOS"), TARGETS, NOW_MS)
    assert isinstance(oldest, GivenUp)
    assert oldest.event.position.offset == 0
    assert isinstance(held, Held)
    assert [each.event.position.offset for each in user.held.events] == [*range(1, hold_events), 99]


def test_the_oldest_gives_way_when_too_large_ones_wait() -> None:
    """However large the events: those of a user take 10 KB each on average at the most, and one is always held."""
    user = User(RULES._replace(hold_events=10))
    large = "x" * 30_000
    for offset in range(3):
        assert isinstance(only(user.take(event(offset, platform="iOS", text=large), TARGETS, NOW_MS)), Held)
    oldest, held = user.take(event(3, platform="iOS", text=large), TARGETS, NOW_MS)
    assert isinstance(oldest, GivenUp)
    assert oldest.event.position.offset == 0
    assert isinstance(held, Held)
    assert user.held.size_bytes <= 10 * HELD_EVENT_BYTES
    *others, held = user.take(event(4, platform="iOS", text="x" * 900_000), TARGETS, NOW_MS)
    assert [each.event.position.offset for each in others] == [1, 2, 3]
    assert [each.event.position.offset for each in user.held.events] == [4]
    assert user.held.size_bytes == sum(each.size_bytes for each in user.held.events)


def test_what_is_held_is_kept_as_its_bytes_and_goes_out_whole() -> None:
    """What is decoded of an event can take thirty times its bytes; it is decoded again when it goes."""
    user = User(RULES)
    waiting = event(1, device_id="d", event_properties={"colour": "red"}, user_properties={"idfv": UUID})
    user.take(waiting, TARGETS, NOW_MS)
    (held,) = user.held.events
    assert (held.event.fields, held.event.event_properties, held.event.user_properties) == ({}, {}, {})
    assert user.held.size_bytes == held.size_bytes >= len(waiting.raw)
    (gone,) = user.take(event(2, device_id="d", platform="iOS", appsflyer_id=A), (), NOW_MS)
    assert isinstance(gone, Identified)
    assert gone.event == waiting
    assert gone.identity.values == {"appsflyer_id": A, "idfv": UUID.upper()}
    assert user.held.size_bytes == 0


def test_a_lower_bound_after_a_restart_is_kept() -> None:
    """What was held under a higher `hold_events` gives way, oldest first."""
    user = User(RULES)
    for offset in range(5):
        user.take(event(offset, platform="iOS"), TARGETS, NOW_MS)
    again = restored(user, RULES._replace(hold_events=2))
    decisions = again.take(event(9, platform="iOS"), TARGETS, NOW_MS)
    assert [decision.event.position.offset for decision in decisions] == [0, 1, 2, 3, 9]
    assert [each.event.position.offset for each in again.held.events] == [4, 9]


def test_the_end_decides_on_everything() -> None:
    """An archive's end: nothing more will come."""
    user = User(RULES)
    user.take(event(1, platform="iOS", device_id="d1"), TARGETS, NOW_MS)
    user.take(event(2, platform="Android", device_id="d2"), TARGETS, NOW_MS)
    assert [type(decision) for decision in user.end(NOW_MS)] == [GivenUp, GivenUp]
    assert user.end(NOW_MS) == []


# --- settle ---

SETTLING = RULES._replace(settle_ms=30_000)


def test_a_new_install_settles_before_its_events_go_out() -> None:
    """AppsFlyer, S2S overview: events within 20 to 30 s of an install may be counted as organic."""
    user = User(SETTLING)
    first = only(user.take(event(1, platform="iOS", device_id="d", appsflyer_id=A), TARGETS, NOW_MS))
    assert isinstance(first, Held)
    assert first.settling
    assert user.due_ms(settling=True) == NOW_MS + 30_000
    assert user.due_ms() is None
    second = only(user.take(event(2, platform="iOS", device_id="d"), TARGETS, NOW_MS + 29_999))
    assert isinstance(second, Held)
    assert user.expire(NOW_MS + 29_999) == []
    assert [appsflyer_id(decision) for decision in user.expire(NOW_MS + 30_000)] == [A, A]
    late = only(user.take(event(3, platform="iOS", device_id="d"), TARGETS, NOW_MS + 30_000))
    assert isinstance(late, Identified)


def test_an_install_whose_events_are_old_has_settled() -> None:
    """It is as old as its oldest event: an archive is not held up; a clock that runs ahead does not make it younger."""
    old = event(1, platform="iOS", appsflyer_id=A, time=NOW_MS - 30_000)
    assert isinstance(only(User(SETTLING).take(old, TARGETS, NOW_MS)), Identified)
    future = only(User(SETTLING).take(event(2, platform="iOS", appsflyer_id=A, time=NOW_MS + DAY_MS), TARGETS, NOW_MS))
    assert isinstance(future, Held)
    assert future.until_ms == NOW_MS + 30_000


def test_a_late_identifier_settles_too() -> None:
    """An event that waited for its id waits on for its install, and then goes out once."""
    user = User(SETTLING)
    user.take(event(1, platform="iOS", device_id="d"), TARGETS, NOW_MS)
    assert user.take(event(2, platform="iOS", device_id="d", appsflyer_id=A), (), NOW_MS + 1000) == []
    (held,) = user.held.events
    assert held.settling
    assert appsflyer_id(only(user.expire(held.until_ms))) == A


def test_the_end_sends_what_settles() -> None:
    """Its id is known: to give it up would lose it."""
    user = User(SETTLING)
    user.take(event(1, platform="iOS", appsflyer_id=A), TARGETS, NOW_MS)
    assert appsflyer_id(only(user.end(NOW_MS))) == A


def test_what_settles_goes_out_when_too_many_wait() -> None:
    """Too early is better than never."""
    user = User(SETTLING._replace(hold_events=1))
    user.take(event(1, platform="iOS", appsflyer_id=A), TARGETS, NOW_MS)
    oldest, held = user.take(event(2, platform="iOS", appsflyer_id=A), TARGETS, NOW_MS)
    assert appsflyer_id(oldest) == A
    assert isinstance(held, Held)


# --- remembering and forgetting ---


@given(stories, rules_)
@examples(100)
def test_due_is_when_there_is_something_to_do(story: list[Step], rules: IdentityRules) -> None:
    """Held events are decided on when they are due; only a user without any is forgotten, and not a moment early."""
    user = User(rules)
    now_ms = NOW_MS
    for offset, step in enumerate(story):
        now_ms += step.pause_ms
        play(user, step, offset, now_ms)
    for _ in range(len(story) + 1):
        due_ms = next_ms(user)
        assert (due_ms is None) == (not user.held)
        if due_ms is None:
            break
        assert not user.is_forgotten(due_ms + 1000 * DAY_MS)
        before = len(user.held)
        assert user.expire(due_ms - 1) == [] or due_ms <= now_ms
        now_ms = max(now_ms, due_ms)
        user.expire(now_ms)
        assert len(user.held) < before or (next_ms(user) or 0) > due_ms
    assert not user.held
    if any(step.kind == "take" for step in story):
        assert not user.is_forgotten(user.forgotten_s * 1000 - 1)
        assert user.is_forgotten(user.forgotten_s * 1000)


def test_a_user_is_forgotten_after_remember_days() -> None:
    """State that is never touched again goes, too."""
    user = User(RULES)
    user.take(event(1, platform="iOS", appsflyer_id=A), TARGETS, NOW_MS)
    assert user.due_ms() is None
    assert user.forgotten_s == (NOW_MS + 90 * DAY_MS) // 1000
    assert not user.is_forgotten(NOW_MS + 90 * DAY_MS - 1)
    assert user.is_forgotten(NOW_MS + 90 * DAY_MS)


def test_a_device_is_forgotten_though_its_user_stays() -> None:
    """`remember_days` holds for each device; its install settles again when it comes back."""
    user = User(SETTLING)
    old = NOW_MS - DAY_MS
    user.take(event(1, platform="iOS", device_id="old", appsflyer_id=A, time=old), TARGETS, NOW_MS)
    user.take(event(2, platform="iOS", device_id="new", appsflyer_id=B, time=old), TARGETS, NOW_MS + DAY_MS)
    later = NOW_MS + 90 * DAY_MS
    assert appsflyer_id(only(user.take(event(3, device_id="new"), TARGETS, later))) == B
    assert isinstance(only(user.take(event(4, device_id="old", platform="iOS"), TARGETS, later)), Held)
    assert set(user.state(SYNCS).first_seen_ms) == {B}


def test_a_platform_is_unknown_after_forgetting() -> None:
    """What was remembered of the device goes whole."""
    user = User(RULES)
    user.take(event(1, platform="iOS", device_id="d", appsflyer_id=A), (), NOW_MS)
    later = event(2, device_id="d")
    assert isinstance(only(user.take(later, TARGETS, NOW_MS + 90 * DAY_MS)), Held)
    assert user.missing(later) == DeadLetterReason.NO_PLATFORM


def test_an_event_without_identifiers_leaves_nothing_behind_for_other_users() -> None:
    """What one user's event says of its device is in no later event of anybody else, however little that one says."""
    reader = IdentifierReader(DEFAULT_PATHS)
    rules = RULES._replace(reader=reader)
    telling = event(0, user_id="ada", platform="iOS", os_version="17.5", app_version="9.9")
    User(rules).take(telling, TARGETS, NOW_MS)
    silent = event(1, user_id="bob", device_id="tablet", platform="iOS")
    assert reader.read(silent) == DeviceReading({}, (), ())
    bob = User(rules)
    bob.take(silent, TARGETS, NOW_MS)
    taught = event(2, user_id="bob", device_id="tablet", platform="iOS", user_properties={"appsflyer_id": A})
    for decision in bob.take(taught, TARGETS, NOW_MS):
        assert isinstance(decision, Identified)
        assert set(decision.identity.values) == {"appsflyer_id"}
