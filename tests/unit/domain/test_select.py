"""Select: which syncs send an event, under which names, and why the others do not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.fate import FilterReason
from flows.domain.select import RESERVED, Selected, SyncTarget, compile_select
from flows.domain.sync import ALL_EVENTS, Condition, Operator, Selection, Sync
from tests.fixtures.examples import examples

PRO = Condition("event.plan", Operator.IS, ("pro",))
ADULT = Condition("user.age", Operator.GREATER_OR_EQUAL, (18,))
NEVER = Condition("user_id", Operator.IS, ("nobody",))
CONSENTS = Condition("user.consent", Operator.IS, ("yes",))


def event(name: str = "open", **fields: Any) -> Event:
    body = {"event_type": name, "user_id": "ada", **fields}
    (decoded,) = decode(Record(json.dumps(body).encode(), None, "topic", 0, 1, 0))
    assert isinstance(decoded, Event), decoded
    return decoded


def sync(*selections: Selection, consent: tuple[Condition, ...] = ()) -> Sync:
    return Sync("s", ios_app_id="id1", selections=selections or ALL_EVENTS, consent=consent)


def sent_as(found: Selected, place: int = 0) -> list[str]:
    return [target.send_as for target in found.targets if target.sync == place]


@pytest.mark.parametrize("name", ["open", "session_start", "[Amplitude] Revenue", "*", "ALL", "_All", "$exposure"])
def test_all_events_are_all_but_the_reserved(name: str) -> None:
    """`events = "all"` sends every name that Amplitude can stream."""
    assert compile_select([sync()])(event(name)) == Selected((SyncTarget(0, 0, name),), ())


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names_are_no_events(name: str) -> None:
    """Amplitude, «Event streaming overview»: even a sync that names them cannot stream them; it is the first reason."""
    syncs = [sync(), sync(Selection(name)), sync(Selection("*", "x"), consent=(NEVER,))]
    reasons = tuple((place, FilterReason.RESERVED) for place in range(3))
    assert compile_select(syncs)(event(name)) == Selected((), reasons)


APPSFLYERS = "[AppsFlyer] Install"


@pytest.mark.parametrize("name", [APPSFLYERS, "[AppsFlyer] af_purchase", "[Appsflyer] x", "[AppsFlyer]"])
def test_appsflyers_own_events_are_not_sent_back(name: str) -> None:
    """Its integration writes them into Amplitude: sent to AppsFlyer, each would count twice."""
    syncs = [sync(), sync(Selection("open")), sync(Selection("*", "x"), consent=(NEVER,)), sync(Selection("*", "y"))]
    reasons = tuple((place, FilterReason.APPSFLYER) for place in range(4))
    assert compile_select(syncs)(event(name)) == Selected((), reasons)
    assert compile_select(syncs[1:2])(event(name)) == Selected((), ((0, FilterReason.APPSFLYER),))


@pytest.mark.parametrize("name", ["AppsFlyer Install", "[Amplitude] Revenue", "x [AppsFlyer] y", "[", "[AppsFlye"])
def test_other_events_are_not_taken_for_appsflyers(name: str) -> None:
    assert sent_as(compile_select([sync()])(event(name))) == [name]


def test_a_row_that_names_an_event_of_appsflyers_sends_it() -> None:
    """Only the rows that name it count, with their conditions; of another sync, that names none, it is none."""
    named = sync(Selection("*"), Selection(APPSFLYERS, "install", (PRO,)))
    select = compile_select([named, sync()])
    of_appsflyer = (1, FilterReason.APPSFLYER)
    pro: dict[str, Any] = {"event_properties": {"plan": "pro"}}
    assert select(event(APPSFLYERS, **pro)) == Selected((SyncTarget(0, 0, "install"),), (of_appsflyer,))
    assert select(event(APPSFLYERS)).filtered == ((0, FilterReason.NOT_SELECTED), of_appsflyer)
    assert select(event("[AppsFlyer] Other", **pro)).filtered == ((0, FilterReason.APPSFLYER), of_appsflyer)


def test_design_names_all_reserved_events() -> None:
    """`$identify`, `$groupidentify`, `_all`, `_identify`."""
    assert {"$identify", "$groupidentify", "_all", "_identify"} == RESERVED


def test_an_event_goes_out_under_each_of_its_names_once() -> None:
    """A sync that selects an event under two names sends it twice; under one name twice, once. Copies count from 0."""
    select = compile_select(
        [
            sync(
                Selection("open", "af_open"),
                Selection("*"),
                Selection("open", "af_open", (PRO,)),
                Selection("open"),
                Selection("open", "af_pro", (PRO,)),
            )
        ]
    )
    assert select(event()).targets == (SyncTarget(0, 0, "af_open"), SyncTarget(0, 1, "open"))
    assert select(event(event_properties={"plan": "pro"})).targets == (
        SyncTarget(0, 0, "af_open"),
        SyncTarget(0, 1, "open"),
        SyncTarget(0, 2, "af_pro"),
    )
    assert select(event("close")).targets == (SyncTarget(0, 0, "close"),)


def test_names_are_matched_as_they_are_written() -> None:
    """AppsFlyer and Amplitude: event names are case-sensitive."""
    select = compile_select([sync(Selection("Open"))])
    assert select(event("Open")).targets
    assert select(event("open")).filtered == ((0, FilterReason.NOT_SELECTED),)
    assert select(event("Open ")).filtered == ((0, FilterReason.NOT_SELECTED),)


def test_all_conditions_of_a_row_must_hold_and_any_row_may() -> None:
    """Amplitude: conditions are AND, rows are OR."""
    select = compile_select([sync(Selection("open", None, (PRO, ADULT)), Selection("buy"))])
    assert sent_as(select(event(event_properties={"plan": "pro"}, user_properties={"age": 18}))) == ["open"]
    assert sent_as(select(event(event_properties={"plan": "pro"}, user_properties={"age": 17}))) == []
    assert sent_as(select(event(user_properties={"age": 18}))) == []
    assert sent_as(select(event("buy"))) == ["buy"]


def test_the_first_reason_that_holds_is_given() -> None:
    """Design: `reserved`, `not_selected`, `consent`."""
    select = compile_select([sync(Selection("open"), consent=(CONSENTS,)), sync(Selection("buy"), consent=(CONSENTS,))])
    yes: dict[str, Any] = {"user_properties": {"consent": "yes"}}
    not_selected, no_consent = FilterReason.NOT_SELECTED, FilterReason.CONSENT
    assert select(event()) == Selected((), ((0, no_consent), (1, not_selected)))
    assert select(event(**yes)) == Selected((SyncTarget(0, 0, "open"),), ((1, not_selected),))
    assert select(event("buy", **yes)) == Selected((SyncTarget(1, 0, "buy"),), ((0, not_selected),))
    assert select(event("$identify", **yes)).filtered == ((0, FilterReason.RESERVED), (1, FilterReason.RESERVED))


def test_an_operators_own_event_may_be_called_like_the_wildcard() -> None:
    """`*` is any event, so it is one named `*`, too."""
    assert sent_as(compile_select([sync(Selection("*", "any"))])(event("*"))) == ["any"]


rows = st.builds(
    Selection,
    st.sampled_from(["*", "open", "buy", "close"]),
    st.sampled_from([None, "open", "x", "y"]),
    st.sampled_from([(), (PRO,), (NEVER,), (PRO, ADULT)]),
)
syncs_ = st.lists(
    st.builds(
        lambda selections, consent: sync(*selections, consent=consent),
        st.lists(rows, min_size=1, max_size=5),
        st.sampled_from([(), (PRO,), (NEVER,)]),
    ),
    max_size=3,
)


@given(
    syncs=syncs_,
    name=st.sampled_from(["open", "buy", "close", "other", "$identify"]),
    pro=st.booleans(),
    adult=st.booleans(),
)
@examples(200)
def test_every_sync_gets_targets_or_exactly_one_reason(syncs: list[Sync], name: str, *, pro: bool, adult: bool) -> None:
    """Against a slow reading: for each sync either targets, in the file's order and named once each, or one reason."""
    properties = {"event_properties": {"plan": "pro"} if pro else {}, "user_properties": {"age": 18 if adult else 17}}
    found = compile_select(syncs)(event(name, **properties))
    conditions = {(): True, (PRO,): pro, (NEVER,): False, (PRO, ADULT): pro and adult}
    for place, each in enumerate(syncs):
        names: list[str] = []
        for row in each.selections:
            if row.name in ("*", name) and conditions[row.where] and (row.send_as or name) not in names:
                names.append(row.send_as or name)
        reasons = [reason for at, reason in found.filtered if at == place]
        targets = [target for target in found.targets if target.sync == place]
        if name in RESERVED:
            assert (targets, reasons) == ([], [FilterReason.RESERVED])
        elif not names:
            assert (targets, reasons) == ([], [FilterReason.NOT_SELECTED])
        elif not conditions[each.consent]:
            assert (targets, reasons) == ([], [FilterReason.CONSENT])
        else:
            assert reasons == []
            assert targets == [SyncTarget(place, copy, send_as) for copy, send_as in enumerate(names)]


KEEPING = [sync(Selection("open", None, (PRO, ADULT)), Selection("buy")), sync(consent=(CONSENTS,)), sync()]


@pytest.mark.parametrize(
    ("name", "fields", "undecided"),
    [
        ("open", {}, (0, 1)),
        ("open", {"user_properties": {"age": 18, "consent": "yes"}}, (0, 1)),
        ("buy", {}, (1,)),
        ("other", {}, (1,)),
        (APPSFLYERS, {}, ()),
        ("$identify", {}, ()),
        ("open", {"event_time": "2026-03-10 11:59:00.000000"}, ()),
        ("open", {"$skip_user_properties_sync": True}, ()),
    ],
)
def test_what_asks_for_the_user_is_left_to_the_users_state(
    name: str, fields: dict[str, Any], undecided: tuple[int, ...]
) -> None:
    """Apart from events that are complete; and what has nothing to do with the user is decided at once."""
    found = compile_select(KEEPING, keeps=True)(event(name, **fields))
    assert (found.undecided.places if found.undecided is not None else ()) == undecided
    whole = compile_select(KEEPING)(event(name, **fields))
    assert {each for each in whole.targets if each.sync not in undecided} == set(found.targets)
    assert {each for each in whole.filtered if each[0] not in undecided} == set(found.filtered)


properties_ = st.fixed_dictionaries(
    {}, optional={"age": st.sampled_from([17, 18]), "consent": st.sampled_from(["yes", "no"])}
)


@given(properties_, properties_, st.sampled_from(["open", "buy", "other"]), st.sampled_from(["pro", "free"]))
def test_what_stands_behind_an_event_counts_as_if_it_carried_it(
    own: dict[str, Any], behind: dict[str, Any], name: str, plan: str
) -> None:
    """Every sync is decided on exactly once, as for the row that Amplitude would have made of the event."""
    body = {"event_properties": {"plan": plan}}
    early = compile_select(KEEPING, keeps=True)(event(name, user_properties=own, **body))
    late = Selected((), ())
    if early.undecided is not None:
        late = early.undecided.select(event(name, user_properties=own, **body), behind)
    row = compile_select(KEEPING)(event(name, user_properties={**own, **behind}, **body))
    assert sorted(early.targets + late.targets) == sorted(row.targets)
    assert sorted(early.filtered + late.filtered) == sorted(row.filtered)
