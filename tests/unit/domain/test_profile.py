"""A profile is what a set of events taught, in whatever order they came; it never mixes platforms or devices."""

import random
from copy import deepcopy
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.device import Device, Taught
from flows.domain.event import PLATFORMS, Platform
from flows.domain.identifiers import Value
from flows.domain.merging import merge_users
from flows.domain.profile import MAX_DEVICES, Profile, devices_of_first_user
from flows.domain.user_state import UserState
from tests.fixtures.examples import examples

ID = "appsflyer_id"
NOW_S = 1_700_000_000


class Lesson(NamedTuple):
    """What one event says of its device."""

    time_ms: int
    platform: Platform | None
    device_id: str | None
    values: dict[str, Value]
    forgotten: tuple[str, ...] = ()
    once: dict[str, Value] = {}  # noqa: RUF012 - nobody changes it


platforms = st.sampled_from(["ios", "android", None])
lessons = st.builds(
    Lesson,
    st.integers(0, 4),  # few times, so that many are equal
    platforms,
    st.sampled_from(["d1", "d2", None]),
    st.dictionaries(st.sampled_from([ID, "idfa", "os_version"]), st.sampled_from(["A", "B", "C"]), max_size=3),
    st.sampled_from([(), (), (ID,), (ID, "idfa")]),
    st.just({}),
)
histories = st.lists(lessons, max_size=8)
once = st.dictionaries(st.sampled_from([ID, "idfa"]), st.sampled_from(["A", "B", "C"]), max_size=2)
histories_with_once = st.lists(st.builds(lambda lesson, once: lesson._replace(once=once), lessons, once), max_size=8)


def taught_by(history: list[Lesson]) -> Profile:
    profile = Profile()
    for time_ms, platform, device_id, values, forgotten, once in history:
        profile.learn(platform, device_id, time_ms, dict(values), forgotten, once, now_s=NOW_S)
    return profile


OWN: list[dict[str, Value]] = [{}, {ID: "A"}]
QUESTIONS = [
    (platform, device_id, own) for platform in PLATFORMS for device_id in ("d1", "d2", "d3", None) for own in OWN
]


def known(profile: Profile) -> dict[str, tuple[int, dict[str, Taught]]]:
    """Return everything that is known, for the order of names is no matter."""
    return {key: (device.seen_ms, device.taught) for key, device in profile.devices.items()}


@given(histories_with_once, st.randoms(use_true_random=False))
@examples(200)
def test_the_order_of_arrival_does_not_change_the_profile(history: list[Lesson], chance: random.Random) -> None:
    """Newest event time wins, so replays and reorderings give the same profile; also between events of one time."""
    shuffled = [*history, *chance.sample(history, len(history) // 2)]  # some events come twice
    chance.shuffle(shuffled)
    one, other = taught_by(history), taught_by(shuffled)
    assert known(one) == known(other)
    for question in QUESTIONS:
        assert one.resolve(*question) == other.resolve(*question)
    for device_id in ("d1", "d2", None):
        assert one.platform_of(device_id) == other.platform_of(device_id)


def newest(history: list[Lesson]) -> dict[str, Value]:
    """Return the newest value of each name, by a slow reading; of one time what is forgotten (""), else the greater."""
    known: dict[str, tuple[int, bool, str]] = {}
    for lesson in history:
        said = {**dict.fromkeys(lesson.forgotten, ""), **lesson.values}
        for name, value in said.items():
            known[name] = max(known.get(name, (-1, False, "")), (lesson.time_ms, value == "", str(value)))
    return {name: value for name, (_, _, value) in known.items() if value}


@given(histories)
@examples(200)
def test_a_device_knows_its_newest_values(history: list[Lesson]) -> None:
    """What the device taught while it stated the platform or none; the latter only where it has stated no other."""
    profile = taught_by(history)
    for platform in PLATFORMS:
        for device_id in ("d1", "d2"):
            of_device = [each for each in history if each.device_id == device_id]
            stated = {each.platform for each in of_device if each.platform is not None}
            counts = [each for each in of_device if each.platform == platform]
            if stated <= {platform}:
                counts += [each for each in of_device if each.platform is None]
            assert profile.resolve(platform, device_id, {}) == newest(counts)


@given(histories_with_once, st.sampled_from(["ios", "android"]))
@examples(200)
def test_what_another_platform_teaches_changes_nothing(history: list[Lesson], platform: Platform) -> None:
    """Never across platforms: with any other values in the other platform's events the answer is the same."""
    other_values = [
        each._replace(values={"os_version": "Z"}, forgotten=(), once={"idfa": "Z"})
        if each.platform not in (platform, None) and (each.values or each.forgotten or each.once)
        else each
        for each in history
    ]
    one, other = taught_by(history), taught_by(other_values)
    for _, device_id, own in QUESTIONS:
        assert one.resolve(platform, device_id, own) == other.resolve(platform, device_id, own)


@given(histories_with_once, st.sampled_from(["ios", "android"]), st.sampled_from(["d1", "d2", None]))
@examples(200)
def test_an_events_own_values_win(history: list[Lesson], platform: Platform, device_id: str | None) -> None:
    """Design: an event's own values win; then its device's."""
    own: dict[str, Value] = {ID: "own", "idfa": "mine"}
    found = taught_by(history).resolve(platform, device_id, own)
    assert {name: found[name] for name in own} == own


@given(histories, st.sampled_from(["ios", "android"]))
@examples(200)
def test_values_of_two_devices_are_never_mixed(history: list[Lesson], platform: Platform) -> None:
    """An event without a device gets the values of one device, whole, or of what came without one."""
    devices = [each for each in history if each.device_id is not None]
    profile = taught_by(devices)
    found = profile.resolve(platform, None, {})
    seen = {
        device_id: max(each.time_ms for each in devices if (each.platform, each.device_id) == (platform, device_id))
        for device_id in ("d1", "d2")
        if any((each.platform, each.device_id) == (platform, device_id) for each in devices)
    }
    latest = [device_id for device_id, time_ms in seen.items() if time_ms == max(seen.values())]
    assert found in [profile.resolve(platform, device_id, {}) for device_id in latest] or (not latest and not found)


def learn(profile: Profile, platform: Platform | None, device_id: str | None, time_ms: int, **values: Value) -> bool:
    return profile.learn(platform, device_id, time_ms, values, now_s=NOW_S)


def test_an_event_without_a_device_gets_the_latest_device_of_its_platform() -> None:
    """A phone and a tablet: the one that was seen last, which need not be the one that taught last."""
    profile = Profile()
    learn(profile, "ios", "phone", 1, appsflyer_id="P", idfa="P1")
    learn(profile, "ios", "tablet", 2, appsflyer_id="T")
    learn(profile, "android", "other", 9, appsflyer_id="A")
    assert profile.resolve("ios", None, {}) == {ID: "T"}
    learn(profile, "ios", "phone", 3)
    assert profile.resolve("ios", None, {}) == {ID: "P", "idfa": "P1"}
    assert profile.resolve("android", None, {}) == {ID: "A"}


def test_an_event_that_names_its_install_gets_that_installs_device() -> None:
    """Its own AppsFlyer id says which device it is, even where another was seen later."""
    profile = Profile()
    learn(profile, "ios", "phone", 1, appsflyer_id="P", idfa="P1")
    learn(profile, "ios", "tablet", 2, appsflyer_id="T", idfa="T1")
    learn(profile, "ios", "new", 3, os_version="17")
    assert profile.resolve("ios", None, {ID: "P"}) == {ID: "P", "idfa": "P1"}
    assert profile.resolve("ios", None, {ID: "T"}) == {ID: "T", "idfa": "T1"}
    assert profile.resolve("ios", None, {}) == {"os_version": "17"}


def test_a_device_the_user_never_had_knows_nothing() -> None:
    """An event that names its device never gets another device's values."""
    profile = Profile()
    learn(profile, "ios", "phone", 1, appsflyer_id="P")
    learn(profile, "ios", None, 2, appsflyer_id="Q")
    assert profile.resolve("ios", "tablet", {}) == {}
    assert profile.resolve("android", "phone", {}) == {}


def test_what_came_without_a_platform_counts_only_where_there_is_no_doubt() -> None:
    """A device id that both platforms state (a hash of the user, say) keeps what it said silently to itself."""
    profile = Profile()
    learn(profile, None, "d", 1, appsflyer_id="X")
    assert profile.resolve("ios", "d", {}) == {ID: "X"}
    learn(profile, "ios", "d", 2)
    assert profile.resolve("ios", "d", {}) == {ID: "X"}
    assert profile.resolve("android", "d", {}) == {}
    learn(profile, "android", "d", 3)
    assert profile.resolve("ios", "d", {}) == {}
    assert profile.resolve("android", "d", {}) == {}


def test_what_nobodys_device_taught_counts_only_where_there_is_no_doubt() -> None:
    """A server's `$identify` names the user alone: whose id it is, is clear only for users of one platform."""
    profile = Profile()
    learn(profile, None, None, 1, appsflyer_id="X")
    assert profile.resolve("ios", None, {}) == {ID: "X"}
    learn(profile, "ios", "phone", 0)
    assert profile.resolve("ios", None, {}) == {ID: "X"}
    assert profile.resolve("android", None, {}) == {}


@pytest.mark.parametrize(("taught_ms", "expected"), [(1, {ID: "P"}), (2, {ID: "P"}), (3, {ID: "X"})])
def test_of_nobodys_device_and_the_latest_the_more_recent_counts(taught_ms: int, expected: dict[str, str]) -> None:
    """What came without a device counts whole, where it names an install after the latest device was seen."""
    profile = Profile()
    learn(profile, "ios", "phone", 2, appsflyer_id="P")
    learn(profile, "ios", None, taught_ms, appsflyer_id="X")
    assert profile.resolve("ios", None, {}) == expected


def test_nobodys_device_counts_where_the_latest_has_no_id() -> None:
    """A server's `$identify` may come before the first event of the device."""
    profile = Profile()
    learn(profile, "ios", None, 1, appsflyer_id="X")
    learn(profile, "ios", "phone", 2, idfa="P1")
    assert profile.resolve("ios", None, {}) == {ID: "X"}


def test_unset_forgets_up_to_its_time() -> None:
    """Amplitude, Identify API: `$unset`; a newer value counts again, an older one that comes late does not."""
    profile = Profile()
    learn(profile, "ios", "d", 2, appsflyer_id="X", idfa="I")
    profile.learn("ios", "d", 4, {}, (ID,), now_s=NOW_S)
    assert profile.resolve("ios", "d", {}) == {"idfa": "I"}
    learn(profile, "ios", "d", 3, appsflyer_id="late")
    assert profile.resolve("ios", "d", {}) == {"idfa": "I"}
    learn(profile, "ios", "d", 5, appsflyer_id="Y")
    assert profile.resolve("ios", "d", {}) == {ID: "Y", "idfa": "I"}


@pytest.mark.parametrize("unset_first", [True, False])
def test_what_is_unset_at_the_time_it_was_taught_is_unset(*, unset_first: bool) -> None:
    """Whichever came first: imports and backfills often have one time for many events."""
    profile = Profile()
    for unset in (unset_first, not unset_first):
        if unset:
            profile.learn("ios", "d", 2, {}, (ID,), now_s=NOW_S)
        else:
            learn(profile, "ios", "d", 2, appsflyer_id="X")
    assert profile.resolve("ios", "d", {}) == {}


def test_learning_says_whether_anything_changed() -> None:
    """Only then may a held event have become deliverable."""
    profile = Profile()
    assert learn(profile, "ios", "d", 2, appsflyer_id="X")
    assert not learn(profile, "ios", "d", 3, appsflyer_id="X")
    assert not learn(profile, "ios", "d", 2, appsflyer_id="W")
    assert not learn(profile, "ios", "d", 3, appsflyer_id="W")
    assert learn(profile, "ios", "d", 3, appsflyer_id="Z")
    assert learn(profile, "ios", "d", 4, appsflyer_id="A")
    assert learn(profile, "ios", "d", 1, idfa="I")
    assert not learn(profile, "ios", None, 9)
    assert learn(profile, "ios", "e", 2)
    assert learn(profile, "ios", "d", 5)  # it is the latest now, which counts for events without a device
    assert not learn(profile, "ios", "d", 5)


def test_a_device_that_states_another_platform_is_of_the_newest() -> None:
    """By the time of the events, not by their arrival."""
    profile = Profile()
    assert profile.platform_of("d") is None
    learn(profile, None, "d", 9)
    assert profile.platform_of("d") is None
    learn(profile, "android", "d", 5)
    learn(profile, "ios", "d", 3)
    assert profile.platform_of("d") == "android"
    assert profile.platform_of(None) is None


@given(histories_with_once, histories_with_once)
@examples(100)
def test_a_stored_profile_goes_on_as_if_nothing_had_happened(before: list[Lesson], after: list[Lesson]) -> None:
    """Its state is builtins that no later call changes."""
    profile = taught_by(before)
    stored = profile.state()
    kept = deepcopy(stored)
    restored = Profile(deepcopy(stored))
    for each in after:
        for one in (profile, restored):
            one.learn(
                each.platform, each.device_id, each.time_ms, dict(each.values), each.forgotten, each.once, now_s=NOW_S
            )
    assert profile.state() == restored.state()
    assert stored == kept


def test_devices_are_forgotten_one_by_one() -> None:
    """A device that is not heard of for long goes, though its user stays."""
    profile = Profile()
    profile.learn("ios", "old", 1, {ID: "O"}, now_s=100)
    profile.learn("ios", "new", 2, {ID: "N"}, now_s=200)
    assert not profile.forget_untouched(99)
    assert profile.forget_untouched(100)
    assert profile.resolve("ios", "old", {}) == {}
    assert profile.resolve("ios", "new", {}) == {ID: "N"}
    assert "N" in profile.appsflyer_ids()
    assert "O" not in profile.appsflyer_ids()


# --- $setOnce ---

operations = st.lists(
    st.tuples(st.sampled_from(["set", "unset", "once"]), st.sampled_from(["A", "B", "C"])), max_size=7
).filter(lambda steps: sum(kind == "once" for kind, _ in steps) < 3)


def carry_out(profile: Profile, time_ms: int, kind: str, value: str) -> None:
    values: dict[str, Value] = {ID: value}
    if kind == "set":
        profile.learn("ios", "d", time_ms, values, now_s=NOW_S)
    elif kind == "unset":
        profile.learn("ios", "d", time_ms, {}, (ID,), now_s=NOW_S)
    else:
        profile.learn("ios", "d", time_ms, {}, (), values, now_s=NOW_S)


@given(operations, st.randoms(use_true_random=False))
@examples(300)
def test_whatever_the_order_of_arrival_the_value_is_amplitudes(
    steps: list[tuple[str, str]], chance: random.Random
) -> None:
    """Amplitude, Identify API: carried out in the order of their times, `$setOnce` counts only where nothing is set."""
    value: str | None = None
    for kind, operand in steps:
        value = operand if kind == "set" or (kind == "once" and value is None) else None if kind == "unset" else value
    arrivals = list(enumerate(steps))
    chance.shuffle(arrivals)
    profile = Profile()
    for time_ms, (kind, operand) in [*arrivals, *arrivals[:2]]:
        carry_out(profile, time_ms, kind, operand)
    assert profile.resolve("ios", "d", {}) == ({ID: value} if value else {})
    restored = Profile(profile.state())
    assert restored.resolve("ios", None, {}) == profile.resolve("ios", "d", {})
    assert profile.appsflyer_ids() == ({value} if value else set())


@given(histories_with_once, histories_with_once)
@examples(200)
def test_two_slices_halves_come_to_what_one_would_know(one: list[Lesson], other: list[Lesson]) -> None:
    """Whichever is merged into which, and however often."""
    halves = [UserState(1, taught_by(each).state(), b"", {}, (), NOW_S) for each in (one, other)]
    whole = known(taught_by([*one, *other]))
    for first, second in (halves, halves[::-1]):
        merged = merge_users(first, second)
        assert known(Profile(merged.devices)) == whole
        assert known(Profile(merge_users(merged, second).devices)) == whole


def test_of_one_event_unset_comes_before_set_once() -> None:
    """Amplitude's SDKs: `$clearAll`, `$unset`, `$set`, `$setOnce` is the order of one event's operations."""
    profile = Profile()
    learn(profile, "ios", "d", 1, appsflyer_id="A", idfa="I")
    profile.learn("ios", "d", 2, {}, (ID, "idfa"), {ID: "B"}, now_s=NOW_S)
    assert profile.resolve("ios", "d", {}) == {ID: "B"}


def test_what_an_earlier_version_stored_is_set() -> None:
    """It did not tell `$setOnce` apart: what it stored is what was set, and a later `$setOnce` does not change it."""
    profile = Profile({"id": (5, NOW_S, (ID, "idfa"), ("A", "I"), 5), "i": (1, NOW_S, (ID,), ("L",), 1)})
    for device_id in ("d", None):
        profile.learn("ios", device_id, 9, {}, (), {ID: "B"}, now_s=NOW_S)
    assert profile.resolve("ios", "d", {}) == {ID: "A", "idfa": "I"}
    assert profile.resolve("ios", None, {ID: "L"}) == {ID: "L"}


def test_a_user_of_countless_devices_keeps_those_that_were_heard_of_last() -> None:
    """A guest account, a kiosk: what is remembered of one user is stored whole, whenever they are heard of."""
    profile = Profile()
    for number in range(3 * MAX_DEVICES):
        device_id = f"d{number}"
        if number % 2:
            profile.inherit(device_id, {}, is_second=True, now_s=NOW_S + number)
        profile.learn("ios", device_id, number, {ID: f"id-{number}"}, now_s=NOW_S + number)
        profile.learn("ios", "of every day", number, {ID: "mine"}, now_s=NOW_S + number)
        assert len(profile.devices) <= MAX_DEVICES + 1
    last = 3 * MAX_DEVICES - 1
    assert profile.resolve("ios", f"d{last}", {}) == {ID: f"id-{last}"}
    assert profile.resolve("ios", "of every day", {}) == {ID: "mine"}
    assert profile.resolve("ios", "d0", {}) == {}
    firsts = devices_of_first_user(profile.state())
    assert not any(int(each[1:]) % 2 for each in firsts - {"of every day"})


def test_what_comes_into_effect_again_is_a_change() -> None:
    """A value that was set once, unset, and set once again is known again: what waits for it may go."""
    profile = Profile()
    for time_ms, kind, changes in ((1, "once", True), (2, "unset", True), (3, "once", True), (4, "once", False)):
        values: dict[str, Value] = {ID: "A"}
        found = (
            profile.learn("ios", "d", time_ms, {}, (ID,), now_s=NOW_S)
            if kind == "unset"
            else profile.learn("ios", "d", time_ms, {}, (), values, now_s=NOW_S)
        )
        assert found is changes, time_ms
    assert profile.appsflyer_ids() == {"A"}


def test_devices_that_are_inherited_are_bounded_too() -> None:
    """As of a guest account, which everybody logs in to on a device of their own."""
    profile = Profile()
    for number in range(MAX_DEVICES + 500):
        device = Device(1, NOW_S, {ID: (1, f"id-{number}")}).state()
        profile.inherit(f"d{number}", {f"id{number}": device}, is_second=number % 2 == 1, now_s=NOW_S + number)
    assert len(profile.devices) <= MAX_DEVICES
