"""Kept properties: which are kept, what events teach, and what stands behind an event."""

import json
from itertools import permutations
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.exact_json import dumps
from flows.domain.kept_properties import (
    LONGEST_TEXT,
    MOST_BYTES,
    NOTHING_KEPT,
    Kept,
    completed,
    learn,
    merge_kept,
    named_properties,
    stands_behind,
)
from flows.domain.merging import merge_users
from flows.domain.sync import Condition, Operator, PropertyRules, Selection, Sync
from flows.domain.user_state import KEEPING_VERSION, STATE_VERSION, UserState, version_of

NOW_MS: Final = 1_795_000_000_000
NAMES: Final = ("n", "plan", "tags")


def event(name: str = "open", received_ms: int = NOW_MS, /, **body: Any) -> Event:
    whole = {"event_type": name, "user_id": "ada", **body}
    (decoded,) = decode(Record(json.dumps(whole).encode(), None, "topic", 0, 1, received_ms))
    assert isinstance(decoded, Event), decoded
    return decoded


def taught(**user_properties: Any) -> Event:
    return event(user_properties=user_properties)


def identify(**user_properties: Any) -> Event:
    return event("$identify", user_properties=user_properties)


def row(time: str = "2026-03-10 11:59:00.000000", **user_properties: Any) -> Event:
    return event(event_time=time, user_properties=user_properties)


def kept_after(*events: Event) -> Kept:
    kept: Kept = NOTHING_KEPT
    for each in events:
        kept = learn(kept, each, NAMES)
    return kept


def values_of(kept: Kept) -> dict[str, Any]:
    return {name: value for name, (_, value) in kept.items() if value is not None}


def seen(kept: Kept, last: Event) -> dict[str, Any]:
    """Return the user properties that a filter sees, once the event was learnt from."""
    return completed(last, stands_behind(learn(kept, last, NAMES), last)).user_properties


def test_the_settings_name_what_is_kept() -> None:
    """Conditions, consent, fields, lists of properties, and further ones; not what is not a user's."""
    sync = Sync(
        "s",
        consent=(Condition("user.consent", Operator.IS, ("yes",)),),
        selections=(
            Selection("open", None, (Condition("user.plan.tier", Operator.IS, ("pro",)),)),
            Selection("*", None, (Condition("event.x", Operator.IS, (1,)), Condition("user_id", Operator.IS, ("a",)))),
        ),
        properties=PropertyRules(user=frozenset({"age"}), event=frozenset({"y"})),
        fields=(("ua", ("event_properties.ua", "user_properties.agent")),),
    )
    assert named_properties([sync], ["city"]) == ("age", "agent", "city", "consent", "plan", "plan.tier")
    assert named_properties([Sync("s")]) == ()


STORIES: Final[dict[str, tuple[list[Event], Event, dict[str, Any]]]] = {
    "an identify": ([identify(**{"$set": {"plan": "pro"}})], event(), {"plan": "pro"}),
    "plain keys": ([taught(plan="pro")], event(), {"plan": "pro"}),
    "its own come first": ([taught(plan="pro")], taught(plan="free", other=1), {"plan": "free", "other": 1}),
    "its own null comes first": ([taught(plan="pro")], taught(plan=None), {"plan": None}),
    "set once says what it led to": (
        [taught(plan="pro")],
        taught(**{"$setOnce": {"plan": "free"}}),
        {"plan": "pro"},
    ),
    "add says what it led to": ([taught(n=1)], taught(**{"$add": {"n": 2}}), {"n": 3}),
    "unset": ([taught(plan="pro"), identify(**{"$unset": {"plan": "-"}})], event(), {}),
    "unset by the event": ([taught(plan="pro")], taught(**{"$unset": {"plan": "-"}}), {}),
    "what is not named": ([taught(other=1)], event(), {}),
    "an exported row": ([taught(plan="pro")], row(n=1), {"n": 1}),
    "by Amplitude's id of the user": ([taught(plan="pro")], event(amplitude_id=7, user_properties={"n": 1}), {"n": 1}),
    "an exported row teaches": ([row(plan="pro")], event(), {"plan": "pro"}),
    "an exported row lacks what the user has not": (
        [row(plan="pro"), row("2026-03-11 00:00:00", n=1)],
        event(),
        {"n": 1},
    ),
    "an earlier row comes late": ([row(plan="pro"), row("2026-03-09 00:00:00", plan="free")], event(), {"plan": "pro"}),
    "a row without any properties says nothing": ([taught(plan="pro"), row()], event(), {"plan": "pro"}),
    "an event that is not to be synchronized": (
        [taught(plan="pro"), event(user_properties={"plan": "free"}, **{"$skip_user_properties_sync": True})],
        event(),
        {"plan": "pro"},
    ),
    "goes by its own": ([taught(plan="pro")], event(**{"$skip_user_properties_sync": True}), {}),
}  # fmt: skip


@pytest.mark.parametrize(("events", "last", "properties"), STORIES.values(), ids=STORIES)
def test_stories(events: list[Event], last: Event, properties: dict[str, Any]) -> None:
    """What a filter sees of the last event's user."""
    assert seen(kept_after(*events), last) == properties


rows = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["x", "y", 1, [1], None]), min_size=1),
    ),
    max_size=4,
)


@given(rows)
def test_the_order_of_exported_rows_is_no_matter(story: list[tuple[int, dict[str, Any]]]) -> None:
    """Each says what its user had at its time; of the same time, one of them counts."""
    unique = dict(story)
    events = [row(f"2026-03-10 11:59:0{second}.000000", **properties) for second, properties in unique.items()]
    found = [values_of(kept_after(*each)) for each in permutations(events)]
    assert all(each == found[0] for each in found)


times_and_values = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(st.integers(0, 3), st.none() | st.sampled_from(["x", "y", 1, True, [1]])),
)


@given(times_and_values, times_and_values, times_and_values)
def test_merging_is_the_newest_of_each(one: Kept, two: Kept, three: Kept) -> None:
    """In any order, and any number of times: what a device taught may be told twice."""
    whole = merge_kept(merge_kept(one, two), three)
    assert whole == merge_kept(one, merge_kept(three, two)) == merge_kept(whole, two)
    for name, (taught_ms, _) in whole.items():
        assert taught_ms == max(each[name][0] for each in (one, two, three) if name in each)


texts = st.sampled_from(["", "x", "y" * 900, "z" * 2000, "ü" * 1500])
lists = st.lists(texts, max_size=8)
grown = st.sampled_from(["$set", "$append", "$prepend", "$postInsert"])


@given(st.lists(st.tuples(grown, st.sampled_from(NAMES), texts | lists), max_size=12))
def test_what_is_kept_of_a_user_is_bounded(story: list[tuple[str, str, Any]]) -> None:
    """However much an input holds; and a list that has no room to grow stays as it is."""
    kept: Kept = NOTHING_KEPT
    for operation, name, value in story:
        before = kept
        kept = learn(kept, identify(**{operation: {name: value}}), NAMES)
        assert sum(len(each) + len(dumps(found)) for each, (_, found) in kept.items()) <= MOST_BYTES
        assert all(len(found) <= LONGEST_TEXT for _, found in kept.values() if isinstance(found, str))
        if isinstance(before.get(name, (0, None))[1], list) and operation != "$set":
            grew = kept[name][1] != before[name][1]
            assert not grew or len(kept[name][1]) > len(before[name][1])


def test_an_event_without_user_properties_teaches_nothing() -> None:
    """What is kept is the very same object, so that it costs nothing."""
    kept = kept_after(taught(plan="pro"))
    assert learn(kept, event(), NAMES) is kept
    assert learn(kept, taught(other=1), NAMES) is kept


@given(times_and_values, times_and_values)
def test_two_slices_halves_come_to_what_both_know(one: Kept, other: Kept) -> None:
    """The version is the lowest that holds it, so that what keeps nothing can go back to 0.2.0."""
    halves = [UserState(version_of((), each), {}, b"", {}, (), 1, each) for each in (one, other)]
    merged = merge_users(*halves)
    assert merged.properties == merge_kept(one, other)
    assert merged.version == (KEEPING_VERSION if one or other else STATE_VERSION)
