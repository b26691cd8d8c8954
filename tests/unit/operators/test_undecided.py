"""Syncs that go by the user's properties: each is decided in the user's state, as for Amplitude's own rows."""

import json
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from connectors.shutdown import Shutdown
from flows.domain.decision import Identified
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.fate import FilterReason
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity_rules import IdentityRules
from flows.domain.kept_properties import KeptNames, named_properties
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.property_operations import changed_by
from flows.domain.select import compile_select
from flows.domain.sync import Condition, Operator, Selection, Sync
from flows.domain.warm_up import WarmUp
from flows.operators.identify import IdentifyLogic, Keyed, ShardContext
from flows.operators.stages import select_events
from flows.operators.user_store import SHARDS

NOW_MS: Final = 1_795_000_000_000
ID: Final = "1700000000000-1234567"
PRO: Final = (Condition("user.plan", Operator.IS, ("pro",)),)
FREE: Final = (Condition("user.plan", Operator.IS_NOT, ("pro",)),)
CONSENTS: Final = (Condition("user.consent", Operator.IS, ("yes",)),)
SYNCS: Final = (
    Sync("any", "id1"),
    Sync("pro", "id1", selections=(Selection("open", None, PRO), Selection("buy"))),
    Sync("copies", "id1", selections=(Selection("open", "1", PRO), Selection("*", "2"), Selection("buy", "3", FREE))),
    Sync("consent", "id1", consent=CONSENTS, selections=(Selection("open"), Selection("buy", None, FREE))),
)  # fmt: skip
NAMES: Final = named_properties(SYNCS)

properties = st.fixed_dictionaries(
    {}, optional={"plan": st.sampled_from(["pro", "free", None]), "consent": st.sampled_from(["yes", "no"])}
)
teaching = properties | st.fixed_dictionaries(
    {}, optional={"$set": properties, "$setOnce": properties, "$unset": st.just({"plan": "-"})}
)
bodies = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["open", "buy", "other", "$identify"]),
        "user_id": st.sampled_from(["ada", "bob"]),
        "user_properties": st.just({}) | teaching,
    }
)


class World:
    """All shards of a process, as the stream wires them."""

    def __init__(self, warm_up: WarmUp | None = None) -> None:
        self.warm_up = warm_up or WarmUp()
        keep = KeptNames(NAMES)
        reader = IdentifierReader({**DEFAULT_PATHS, "appsflyer_id": ("appsflyer_id",)})
        rules = IdentityRules(reader, [frozenset({"ios"})] * len(SYNCS), 86_400, 100, 0, 0, 100, keep=keep)
        self.ledger = Ledger([each.name for each in SYNCS], 10_000)
        logins = Logins(rules.reader, rules.names, rules.remember_s, keep)
        select = compile_select(SYNCS, keeps=True)
        self.select = select_events(select, self.ledger, self.warm_up, logins, lambda: NOW_MS)
        around = ShardContext(rules, self.ledger, Shutdown(), lambda: NOW_MS, None, [], logins)
        self.shards = {str(each): IdentifyLogic(None, around) for each in range(SHARDS)}

    def happen(self, *events: Event) -> list[Identified]:
        """Let a batch of events happen, and return what goes on, by the events' order."""
        for each in events:
            if not self.warm_up.covers(each.position):
                self.ledger.open_all([each.position])
        dealt: dict[str, list[Keyed]] = {}
        for shard, keyed in self.select(list(events)):
            dealt.setdefault(shard, []).append(keyed)
        outgoing = [out for shard in dealt for out in self.shards[shard].on_batch(dealt[shard])[0]]
        found = [each for each in outgoing if isinstance(each, Identified)]
        assert len(found) == len(outgoing)
        return sorted(found, key=lambda each: each.event.position.offset)


def event(offset: int, **body: Any) -> Event:
    whole = {"platform": "iOS", "device_id": "d", "appsflyer_id": ID, "time": NOW_MS - 60_000 + offset, **body}
    (decoded,) = decode(Record(json.dumps(whole).encode(), None, "events", 0, offset, NOW_MS))
    assert isinstance(decoded, Event)
    return decoded


def delivered(found: list[Identified]) -> list[tuple[int, int, str]]:
    return [(each.event.position.offset, target.sync, target.send_as) for each in found for target in each.targets]


@given(st.lists(bodies, max_size=12))
def test_raw_events_pass_as_amplitudes_own_rows_do(story: list[dict[str, Any]]) -> None:
    """The same targets and the same reasons; and nothing is left open."""
    world, select = World(), compile_select(SYNCS)
    users: dict[str, dict[str, Any]] = {"ada": {}, "bob": {}}
    events, expected, reasons = [], [], [dict.fromkeys(FilterReason, 0) for _ in SYNCS]
    for offset, body in enumerate(story):
        raw = event(offset, **body)
        known = users[body["user_id"]]
        known.update(changed_by(body["user_properties"], known, NAMES))
        row = {name: value for name, value in known.items() if value is not None}
        found = select(raw._replace(user_properties=row))
        expected += [(offset, target.sync, target.send_as) for target in found.targets]
        for sync, reason in found.filtered:
            reasons[sync][reason] += 1
        events.append(raw)
    sent = world.happen(*events)
    assert sorted(delivered(sent)) == sorted(expected)
    for place, counts in enumerate(world.ledger.syncs):
        assert {reason: counts.filtered[reason] for reason in FilterReason} == reasons[place]
        going = sum(sync == place for _, sync, _ in expected)
        assert world.ledger.pending(place) == going
        assert counts.copies + len(story) == going + counts.filtered.total()


def test_a_duplicate_is_one_whatever_the_user_has() -> None:
    """What passed goes out once; a retry of it does not take back what was taught since."""
    world = World()
    first = {"event_type": "open", "user_id": "ada", "insert_id": "i", "user_properties": {"plan": "pro"}}
    unset = {"event_type": "$identify", "user_id": "ada", "user_properties": {"$set": {"plan": "free"}}}
    after = {"event_type": "open", "user_id": "ada"}
    sent = world.happen(event(0, **first), event(1, **unset), event(2, **first), event(3, **after))
    assert [each for each in delivered(sent) if each[1] == 1] == [(0, 1, "open")]
    assert world.ledger.syncs[1].duplicate == 1
    assert world.ledger.syncs[1].filtered[FilterReason.NOT_SELECTED] == 1


def test_what_is_added_is_added_once_though_it_comes_twice() -> None:
    """A client that had no answer sends its batch again."""
    adds = {"event_type": "$identify", "user_id": "ada", "insert_id": "a", "user_properties": {"$add": {"plan": 1}}}
    world = World()
    world.happen(event(0, **adds), event(1, **adds))
    (sent,) = world.happen(event(2, event_type="other", user_id="ada"))
    assert sent.event.user_properties == {"plan": 1}


def test_what_stands_before_the_first_record_to_send_teaches_properties() -> None:
    """And of what was sent then, by the properties of then, the insert id is remembered."""
    warm_up = WarmUp()
    warm_up.begin("events", 0, 10)
    world = World(warm_up)
    open_ = {"event_type": "open", "user_id": "ada", "insert_id": "i"}
    teaches = {"event_type": "$identify", "user_id": "ada", "user_properties": {"$set": {"plan": "pro"}}}
    assert world.happen(event(1, **teaches), event(2, **open_)) == []
    sent = world.happen(event(10, **open_), event(11, **{**open_, "insert_id": "other"}))
    assert {offset for offset, sync, _ in delivered(sent) if sync == 1} == {11}
    assert world.ledger.syncs[1].duplicate == 1
