"""Properties → the keys of `eventValue`. Nothing disappears silently.

Sources: Amplitude, «AppsFlyer event streaming» (all event, user and group properties are sent as key-value pairs within
`eventValue`); Amplitude, Export API (`group_properties` is `{type: {name: {…}}}`).
"""

import re
from collections import Counter
from typing import Any, Literal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.properties import EventProperties, gather, rank_of
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.exclude import compiled_exclude
from flows.domain.sync import PropertyRules

ALL = PropertyRules()
NOTHING: frozenset[str] = frozenset()


def an_event(
    event: dict[str, Any] | None = None, user: dict[str, Any] | None = None, group: dict[str, Any] | None = None
) -> Event:
    body = {
        "event_type": "e",
        "user_id": "u1",
        "event_properties": event or {},
        "user_properties": user or {},
        "group_properties": group or {},
    }
    (decoded,) = decode(Record(orjson.dumps(body), None, "t", 0, 0, 1_700_000_000_000))
    assert isinstance(decoded, Event)
    return decoded


names = st.sampled_from(["a", "b", "user.a", "group.a", "user.user.a", "af_x", "af_revenue", "", "é"]) | st.text(
    st.characters(codec="utf-8"), max_size=6
).filter(lambda name: name not in ("$set", "$setOnce"))
values = st.sampled_from([None, "", "x", 0, 1.5, True, [], {}, [None], {"deep": [1]}]) | st.text(
    st.characters(codec="utf-8"), max_size=8
)
kinds = st.dictionaries(names, values, max_size=6)
groups = st.dictionaries(
    st.sampled_from(["org", "team"]), st.dictionaries(st.sampled_from(["Acme", "Umbrella"]), kinds, max_size=2)
)
includes = st.none() | st.frozensets(names, max_size=4)
excludes = st.frozensets(names | names.map("event.{}".format) | names.map("user.{}".format), max_size=3)
nesting = st.sampled_from(["json", "text", "drop"])


def _is_excluded(name: str, kind: str, exclude: frozenset[str]) -> bool:
    """Say it in another way than the product does: without case, `_`, `-` and blanks, but no name of these alone."""

    def plain(text: str) -> str:
        return re.sub(r"[_\-\s\x1c-\x1f\x85]", "", text.casefold()) or text

    own = f"{kind}."
    listed = [*exclude, *(each[len(own) :] for each in exclude if each.lower().startswith(own))]
    return any(plain(each) == plain(name) for each in listed)


@given(kinds, kinds, groups, includes, includes, includes, excludes, nesting)
def test_every_property_is_sent_or_named_or_left_out_by_a_rule(
    event: dict[str, Any],
    user: dict[str, Any],
    group: dict[str, Any],
    wanted_event: frozenset[str] | None,
    wanted_user: frozenset[str] | None,
    wanted_group: frozenset[str] | None,
    exclude: frozenset[str],
    nested: Literal["json", "text", "drop"],
) -> None:
    """Each is kept, renamed (and said), null, not included, excluded, or dropped for being nested (and said)."""
    rules = PropertyRules(wanted_event, wanted_user, wanted_group, exclude, nested)
    gathered = gather(an_event(event, user, group), rules, {}, NOTHING)
    kept: list[Any] = []
    dropped: list[str] = []
    every = [
        ("event", wanted_event, event),
        ("user", wanted_user, user),
        *(("group", wanted_group, of_group) for of_type in group.values() for of_group in of_type.values()),
    ]
    for kind, wanted, properties in every:
        for name, value in properties.items():
            asked = wanted is None or name in wanted
            if value is None or not asked or _is_excluded(name, kind, exclude):
                continue
            if nested == "drop" and isinstance(value, list | dict):
                dropped.append(name)
            elif nested == "text" and isinstance(value, list | dict):
                kept.append(orjson.dumps(value).decode())
            else:
                kept.append(value)
    assert list(map(repr, gathered.values.values())) == list(map(repr, kept))
    assert Counter(gathered.dropped) == Counter(dropped)
    assert set(gathered.renamed) <= set(gathered.values)
    assert gathered.ranks().keys() == gathered.values.keys()


@given(kinds, kinds, groups)
def test_the_event_keeps_its_names_and_only_user_and_group_properties_are_renamed(
    event: dict[str, Any], user: dict[str, Any], group: dict[str, Any]
) -> None:
    """A property whose name is taken gets its kind in front of it, as often as that takes."""
    gathered = gather(an_event(event, user, group), ALL, {}, NOTHING)
    for name, value in event.items():
        assert value is None or gathered.values[name] == value
        assert value is None or name not in gathered.renamed
    theirs = {*user, *(name for of_type in group.values() for of_group in of_type.values() for name in of_group)}
    for name in gathered.renamed:
        kind, _, original = name.partition(".")
        assert kind in ("user", "group")
        while original not in theirs:
            assert original.startswith(f"{kind}.")
            original = original.removeprefix(f"{kind}.")


def test_collisions() -> None:
    """The event's keeps its name, the user's becomes `user.NAME`, the group's `group.NAME`."""
    event = an_event({"plan": 1}, {"plan": 2, "os": 4}, {"org": {"Acme": {"plan": 3, "os": 5}}})
    gathered = gather(event, ALL, {}, NOTHING)
    assert gathered.values == {"plan": 1, "user.plan": 2, "os": 4, "group.plan": 3, "group.os": 5}
    assert gathered.renamed == ("user.plan", "group.plan", "group.os")


def test_a_collision_with_an_already_prefixed_name_loses_nothing() -> None:
    event = an_event({"plan": 1, "user.plan": 2}, {"plan": 3}, {"org": {"Acme": {"plan": 4}, "Umbrella": {"plan": 5}}})
    gathered = gather(event, ALL, {}, NOTHING)
    assert gathered.values == {
        "plan": 1,
        "user.plan": 2,
        "user.user.plan": 3,
        "group.plan": 4,
        "group.group.plan": 5,
    }


@pytest.mark.parametrize(
    "group",
    [{"org": {"Acme": {"plan": "pro"}}}, {"org": {"plan": "pro"}}, {"plan": "pro"}],
    ids=["Export", "by type", "flat"],
)
def test_group_properties_are_found_in_every_form(group: dict[str, Any]) -> None:
    """Amplitude exports `{type: {name: {…}}}`; senders of uploads leave levels out. None of it is lost."""
    assert gather(an_event(group=group), ALL, {}, NOTHING).values == {"plan": "pro"}


def test_an_af_property_of_the_app_wins_over_the_computed_one() -> None:
    """The app knows AppsFlyer's parameters better than what is derived from Amplitude's."""
    gathered = gather(
        an_event({"af_revenue": 7, "$revenue": 5}), ALL, {"af_revenue": "5", "af_price": "5"}, frozenset({"$revenue"})
    )
    assert gathered.values == {"af_revenue": 7, "af_price": "5"}


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_af_property_that_is_absent_does_not_hide_the_computed_one(nothing: str | None) -> None:
    """Null and "" mean absent: an app that always sends the key loses no revenue."""
    assert gather(an_event({"af_revenue": nothing}), ALL, {"af_revenue": "5"}, NOTHING).values == {"af_revenue": "5"}


def test_what_is_computed_counts_as_the_events() -> None:
    """A user property of the same name gives way."""
    gathered = gather(an_event(user={"af_revenue": 9}), ALL, {"af_revenue": "5"}, NOTHING)
    assert gathered.values == {"af_revenue": "5", "user.af_revenue": 9}
    assert gathered.ranks()["user.af_revenue"] < gathered.ranks()["af_revenue"]


@pytest.mark.parametrize("name", ["af_revenue", "event.af_revenue"])
def test_only_exclude_takes_a_computed_property_away(name: str) -> None:
    """An include list speaks of the app's properties; revenue is what the stream is for."""
    computed = {"af_revenue": "5"}
    assert gather(an_event(), PropertyRules(event=frozenset({"plan"})), computed, NOTHING).values == computed
    assert gather(an_event(), PropertyRules(exclude=frozenset({name})), computed, NOTHING).values == {}


def test_the_originals_are_not_repeated_beside_their_af_parameters() -> None:
    event = an_event({"$revenue": 5, "$price": "x"})
    gathered = gather(event, ALL, {"af_revenue": "5"}, frozenset({"$revenue"}))
    assert gathered.values == {"$price": "x", "af_revenue": "5"}


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ({"plan"}, {}),
        ({"event.plan"}, {"plan": 2, "group.plan": 3}),
        ({"user.plan"}, {"plan": 1, "group.plan": 3}),
        ({"group.plan"}, {"plan": 1, "user.plan": 2}),
    ],
    ids=str,
)
def test_exclude_speaks_of_every_kind_or_of_one(exclude: set[str], left: dict[str, int]) -> None:
    event = an_event({"plan": 1}, {"plan": 2}, {"org": {"Acme": {"plan": 3}}})
    assert gather(event, PropertyRules(exclude=frozenset(exclude)), {}, NOTHING).values == left


@pytest.mark.parametrize(
    "name", ["email", "Email", "E-Mail", "e_mail", "EMAIL", " e mail ", "e\u00a0mail", "eMail", "_email_", "--e--mail"]
)
@pytest.mark.parametrize("excluded", ["email", "E-Mail", "user.email", "User.e_mail"])
def test_a_name_is_left_out_however_it_is_written(name: str, excluded: str) -> None:
    """Without case, `_`, `-` and blanks."""
    rules = PropertyRules(exclude=frozenset({excluded}))
    assert gather(an_event({}, {name: "a@b.example", "plan": 1}), rules, {}, NOTHING).values == {"plan": 1}


@pytest.mark.parametrize("name", ["user_email", "email_verified", "emails", "mail", "e.mail", "é-mail"])
def test_a_name_is_matched_whole(name: str) -> None:
    """`email` leaves `email_verified` alone, which says nothing of a person: names are not searched for a word."""
    assert gather(an_event({name: 1}), PropertyRules(exclude=frozenset({"email"})), {}, NOTHING).values == {name: 1}


def test_a_name_of_signs_alone_is_itself_only() -> None:
    event = an_event({"-": 1, "_": 2, "": 3, " ": 4, "a": 5})
    left = gather(event, PropertyRules(exclude=frozenset({"-", "event._"})), {}, NOTHING).values
    assert left == {"": 3, " ": 4, "a": 5}


def test_names_without_end_are_judged_without_end() -> None:
    """A list remembers so many names, and judges each further one all the same."""
    rules = PropertyRules(exclude=frozenset({"email"}))
    for each in range(25):
        names = {f"p{each}-{place}": 1 for place in range(999)}
        assert gather(an_event(names | {"E-mail": 2, "email": 3}), rules, {}, NOTHING).values == names
    known = compiled_exclude(rules.exclude, "event")._known[0]
    assert len(known) <= 10_000


@pytest.mark.parametrize(
    ("nested", "left", "dropped"),
    [
        ("json", {"a": [1], "b": {"c": "é"}, "d": 1}, ()),
        ("text", {"a": "[1]", "b": '{"c":"é"}', "d": 1}, ()),
        ("drop", {"d": 1}, ("a", "b")),
    ],
)
def test_nested_values(nested: Literal["json", "text", "drop"], left: dict[str, Any], dropped: tuple[str, ...]) -> None:
    """They stay JSON, become JSON text, or are dropped and said, as the settings want."""
    gathered = gather(an_event({"a": [1], "b": {"c": "é"}, "d": 1}), PropertyRules(nested=nested), {}, NOTHING)
    assert gathered.values == left
    assert gathered.dropped == dropped


def test_ranks() -> None:
    """User, group, event, `af_…`, the revenue: the order of trimming."""
    event = an_event({"e": 1, "af_x": 1, "af_revenue": 1}, {"u": 1}, {"org": {"Acme": {"g": 1}}})
    gathered = gather(event, ALL, {}, NOTHING)
    assert sorted(gathered.ranks(), key=gathered.ranks().__getitem__) == ["u", "g", "e", "af_x", "af_revenue"]
    assert rank_of("af_x", "user") == rank_of("af_x", "event")


def test_empty_text_is_a_value_and_null_is_none() -> None:
    gathered = gather(an_event({"empty": "", "zero": 0, "no": False, "null": None}), ALL, {}, NOTHING)
    assert gathered == EventProperties({"empty": "", "zero": 0, "no": False}, 3, 0)
