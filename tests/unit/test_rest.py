"""A user who rests between events decides, learns and is stored as one who never rested."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ledger.ledger import Ledger
from connectors.stopping import Stopping
from flows.forgetting import Forgetting
from flows.identify import Around, Outgoing, UserLogic
from flows.steps.decode import decode
from flows.steps.event import Event, Record
from flows.steps.identifiers import DEFAULT_PATHS, IdentifierReader
from flows.steps.rest import pack, unpack
from flows.steps.select import Target
from flows.steps.user import STATE_VERSION, Rules, UserState

if TYPE_CHECKING:
    from flows.steps.device import Taught

NOW_MS = 1_795_000_000_000
RULES = Rules(IdentifierReader(DEFAULT_PATHS), [frozenset({"ios", "android"})], 86_400, 3, 0, 1000, 100)

identifiers = st.fixed_dictionaries(
    {},
    optional={
        "appsflyer_id": st.sampled_from(["1700000000000-0000001", "1700000000000-0000002"]),
        "idfa": st.sampled_from(["CDDA802E-FB9C-47AD-9866-0794D394C912", "00000000-0000-0000-0000-000000000000"]),
        "app_set_id": st.just({"scope": 1, "id": "cdda802e-fb9c-47ad-9866-0794d394c912"}),
        "att": st.integers(0, 3),
    },
)
happenings = st.tuples(
    st.fixed_dictionaries(
        {
            "event_type": st.sampled_from(["open", "$identify"]),
            "platform": st.sampled_from(["iOS", "Android", None]),
            "device_id": st.sampled_from(["d1", "d2", None]),
            "insert_id": st.sampled_from(["i1", "i2", "i3", "i4", None]),
            "os_version": st.sampled_from(["17.4", None]),
            "user_properties": identifiers,
        }
    ),
    st.booleans(),
)


def make_logic(rules: Rules = RULES, state: tuple[Any, ...] | None = None) -> UserLogic:
    around = Around(rules, Ledger(["one"], 10_000), Stopping(), lambda: NOW_MS, Forgetting(rules.remember_s))
    return UserLogic(state, around)


def happen(logic: UserLogic, offset: int, fields: dict[str, Any]) -> list[Outgoing]:
    body = {"user_id": "ada", "time": NOW_MS - 60_000 + offset, **fields}
    (event,) = decode(Record(json.dumps(body).encode(), b"ada", "events", 0, offset, NOW_MS))
    assert isinstance(event, Event)
    logic._around.ledger.open(event.position)
    return logic.on_batch([(event, (Target(0, 0, "open"),), None)])[0]


@given(st.lists(happenings, max_size=12))
def test_rest_changes_nothing(story: Sequence[tuple[dict[str, Any], bool]]) -> None:
    """Whenever snapshots put the user to rest, what goes out and what is stored are the same."""
    restless, resting = make_logic(), make_logic()
    for offset, (fields, has_snapshot) in enumerate(story):
        assert happen(resting, offset, fields) == happen(restless, offset, fields)
        if has_snapshot:
            resting.snapshot()
    if story:
        assert resting.snapshot() == restless.snapshot()
        assert resting.snapshot() == restless.snapshot(), "a user at rest is stored as before"


def test_a_user_rests_from_the_snapshot_to_the_next_event() -> None:
    """And a start takes users up at rest: nothing is built for those of whom nothing is heard."""
    logic = make_logic()
    happen(logic, 0, {"event_type": "open", "platform": "iOS", "device_id": "d"})
    assert logic._user is not None
    stored = logic.snapshot()
    assert logic._user is None
    assert logic.notify_at() is None
    assert logic.on_eof() == ([], UserLogic.RETAIN)
    assert make_logic(state=stored)._user is None
    happen(logic, 1, {"event_type": "open", "platform": "iOS", "device_id": "d"})
    assert logic._user is not None


def test_a_user_whose_events_wait_does_not_rest() -> None:
    """Their time has to come."""
    logic = make_logic(RULES._replace(hold_ms=1000))
    happen(logic, 0, {"event_type": "open", "platform": "iOS", "device_id": "d"})
    logic.snapshot()
    assert logic._user is not None
    assert logic.notify_at() is not None


def test_a_device_of_an_earlier_version_is_packed() -> None:
    """It comes out as this version stores it."""
    taught: dict[str, Taught] = {"idfa": (NOW_MS, "X"), "att": (NOW_MS, 3)}
    old = (NOW_MS, 5, taught)
    (device,) = unpack(pack(UserState(STATE_VERSION, {"id": old}, b"", {}, (), 5))).devices.values()
    assert device == (NOW_MS, 5, ("idfa", "att"), ("X", 3), NOW_MS)


@pytest.mark.parametrize("first_seen", [{}, {"1700000000000-0000001": NOW_MS}])
def test_everything_comes_back(first_seen: dict[str, int]) -> None:
    """Installs' times and insert ids among it."""
    state = UserState(STATE_VERSION, {"ad": (1, 2, ("app_set_id",), ((1, "x"),), (7,))}, b"12345678", first_seen, (), 9)
    assert unpack(pack(state)) == state
