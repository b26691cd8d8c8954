"""Logins: the first user who is seen on a device inherits what it taught while nobody was logged in; no other does."""

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shutdown import Shutdown
from flows.domain.decision import Identified
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.fate import DeadLetter
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity_rules import IdentityRules
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.platform import PlatformNames
from flows.domain.profile import Profile
from flows.domain.select import compile_select
from flows.domain.sync import Sync
from flows.domain.warm_up import WarmUp
from flows.operators.identify import IdentifyLogic, IdentifyOutput, Keyed, ShardContext
from flows.operators.stages import select_events
from flows.operators.user_store import SHARDS, shard_of
from tests.fixtures.explained import ID, IDFA, NOW_MS, OTHER_ID, android, bare, explained, fate, ios

RULES = IdentityRules(
    IdentifierReader(DEFAULT_PATHS), [frozenset({"ios", "android"})], 86_400, 100, 5000, 0, 100, PlatformNames()
)
NOBODY: dict[str, Any] = {"user_id": None, "device_id": "d1"}


def told(*lines: Any) -> list[str]:
    """Return what `explain` says of each line, with the AppsFlyer id that it is sent with."""
    found = []
    for line in explained(*lines):
        body = (line["request"] or {}).get("body")
        found.append(fate(line) + (f" {body['appsflyer_id']}" if body else ""))
    return found


TEACHES = {**ios(**NOBODY), "event_type": "$identify"}
STORIES: dict[str, tuple[list[Any], list[str]]] = {
    "a login": ([TEACHES, bare()], ["1 filtered reserved", f"2 sent {ID}"]),
    "a login on another device": ([TEACHES, bare(device_id="d2")], ["1 filtered reserved", "2 held no_appsflyer_id"]),
    "a second user": (
        [TEACHES, bare(), bare(user_id="bob"), bare()],
        ["1 filtered reserved", f"2 sent {ID}", "3 held no_appsflyer_id", f"4 sent {ID}"],
    ),
    "a second user, taught late": (
        [bare(), bare(user_id="bob"), TEACHES],
        ["1 held no_appsflyer_id", "2 held no_appsflyer_id", "3 filtered reserved", f"1 <3 sent {ID}"],
    ),
    "a second user teaches nobody else": (
        [bare(), ios(user_id="bob")],
        ["1 held no_appsflyer_id", f"2 sent {ID}"],
    ),
    "the platform": ([TEACHES, bare(platform=None)], ["1 filtered reserved", f"2 sent {ID}"]),
    "another platform": (
        [TEACHES, android(appsflyer_id=None)],
        ["1 filtered reserved", "2 held no_appsflyer_id"],
    ),
    "a browser is no login": (
        [TEACHES, bare(user_id="bob", platform="Web"), bare()],
        ["1 filtered reserved", "2 filtered platform", f"3 sent {ID}"],
    ),
    "a browser teaches nobody": (
        [{**TEACHES, "platform": "Web"}, bare()],
        ["1 filtered reserved", "2 held no_appsflyer_id"],
    ),
    "the user's own is newer": (
        [TEACHES, ios(appsflyer_id=OTHER_ID, time=NOW_MS - 30_000), bare(time=NOW_MS - 20_000)],
        ["1 filtered reserved", f"2 sent {OTHER_ID}", f"3 sent {OTHER_ID}"],
    ),
    "unset before the login": (
        [
            TEACHES,
            bare(
                **NOBODY, event_type="$identify", time=NOW_MS - 50_000, user_properties={"$unset": {"appsflyer_id": 1}}
            ),
            bare(time=NOW_MS - 40_000),
        ],
        ["1 filtered reserved", "2 filtered reserved", "3 held no_appsflyer_id"],
    ),
    "two devices, two users": (
        [
            TEACHES,
            {**TEACHES, "device_id": "d2", "appsflyer_id": OTHER_ID},
            bare(),
            bare(user_id="bob", device_id="d2"),
        ],
        ["1 filtered reserved", "2 filtered reserved", f"3 sent {ID}", f"4 sent {OTHER_ID}"],
    ),
    "a server that knows the user alone": (
        [TEACHES, bare(), bare(device_id=None, platform=None)],
        ["1 filtered reserved", f"2 sent {ID}", f"3 sent {ID}"],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_a_login_inherits(name: str) -> None:
    lines, expected = STORIES[name]
    assert told(*lines) == expected


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_login_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    """Of two who come before the device's teaching, the one that was seen first gets it; the other never does."""
    lines = [TEACHES, bare(event_type="a"), bare(event_type="b", user_id="bob")]
    rows = explained(*(lines[place] for place in order))
    users = [line["request"]["body"].get("customer_user_id") for line in rows if line["outcome"] == "would_deliver"]
    assert users == ["ada" if order.index(1) < order.index(2) else "bob"]


class World:
    """All shards of a process, as the stream wires them; the order of the shards is Bytewax's, not the events'."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.offset = 0
        self.begin({})

    def begin(self, states: dict[str, Any]) -> None:
        self.ledger = Ledger(["one"], 10_000)
        self.logins = Logins(RULES.reader, RULES.names, RULES.remember_s)
        select = compile_select([Sync("one", "id1", "com.a.b")])
        self.select = select_events(select, self.ledger, WarmUp(), self.logins, lambda: NOW_MS)
        self.users: list[Any] = []
        around = ShardContext(
            RULES, self.ledger, Shutdown(), lambda: NOW_MS, self.directory, self.users, logins=self.logins
        )
        self.shards = {str(each): IdentifyLogic(states.get(str(each)), around) for each in range(SHARDS)}

    def happen(self, *bodies: dict[str, Any]) -> list[IdentifyOutput]:
        """Let a batch of events happen, and return what goes on, by the events' order."""
        events: list[Any] = []
        for body in bodies:
            self.offset += 1
            whole = {"event_type": "open", "time": NOW_MS - 60_000 + self.offset, **body}
            (event,) = decode(Record(json.dumps(whole).encode(), b"key", "events", 2, self.offset, NOW_MS))
            assert isinstance(event, Event)
            self.ledger.open_all([event.position])
            events.append(event)
        dealt: dict[str, list[Keyed]] = {}
        for shard, keyed in self.select(events):
            dealt.setdefault(shard, []).append(keyed)
        outgoing = [each for shard in sorted(dealt) for each in self.shards[shard].on_batch(dealt[shard])[0]]
        return sorted(outgoing, key=position)

    def restart(self) -> None:
        states = {name: logic.snapshot() for name, logic in self.shards.items() if logic._shard}
        for each in self.users:
            each.close()
        self.begin(states)


def position(outgoing: IdentifyOutput) -> int:
    return outgoing.position.offset if isinstance(outgoing, DeadLetter) else outgoing.event.position.offset


bodies = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from([None, "ada", "bob"]),
        "device_id": st.sampled_from(["d1", "d2"]),
        "platform": st.sampled_from(["iOS", "iOS", None, "Android", "Web"]),
        "event_type": st.sampled_from(["open", "$identify"]),
        "user_properties": st.sampled_from([{}, {}, {"appsflyer_id": ID}, {"appsflyer_id": OTHER_ID}]),
    }
)


@given(story=st.lists(st.tuples(bodies, st.booleans()), max_size=12))
def test_restarts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, story: Sequence[tuple[dict[str, Any], bool]]
) -> None:
    """Who was first, and what was taught, follows from what is stored: the same events go out with the same ids."""
    going_on, restarting = World(None), World(tmp_path_factory.mktemp("users"))
    for body, restarts in story:
        assert restarting.happen(body) == going_on.happen(body)
        if restarts:
            restarting.restart()


@given(story=st.lists(bodies, max_size=12))
def test_nobody_is_sent_with_what_another_user_taught(story: Sequence[dict[str, Any]]) -> None:
    """An id that goes out for a user was taught on that device by this user, or by nobody for its first user."""
    world = World(None)
    first: dict[str, str] = {}
    taught: dict[tuple[str | None, str], set[str]] = {}
    for body in story:
        device, user = body["device_id"], body["user_id"]
        if user is not None and body["platform"] != "Web":
            first.setdefault(device, user)
        if body["platform"] != "Web" and (install := body["user_properties"].get("appsflyer_id")):
            taught.setdefault((user, device), set()).add(install)
        for each in world.happen(body):
            assert isinstance(each, Identified)
            of, on = each.event.user_id, str(each.event.device_id)
            known = taught.get((of, on), set()) | (taught.get((None, on), set()) if first.get(on) == of else set())
            assert each.identity.values["appsflyer_id"] in known


def test_a_login_within_one_batch_is_seen_whatever_the_shards() -> None:
    """The worker comes to the shards in their own order; an event that taught before must count all the same."""
    for number in range(40):
        world = World(None)
        device, user = f"d{number}", f"u{number}"
        teaches = {"device_id": device, "platform": "iOS", "event_type": "$identify", "appsflyer_id": ID}
        (sent,) = world.happen(teaches, {"device_id": device, "user_id": user, "platform": "iOS"})
        assert isinstance(sent, Identified)
        assert sent.identity.values["appsflyer_id"] == ID
    assert len({(shard_of(f"d:d{number}"), shard_of(f"u:u{number}")) for number in range(40)}) > 4


def test_what_was_stored_before_logins_were_known_is_inherited_after_the_upgrade(tmp_path: Path) -> None:
    """The user's device and the device's own teaching are both stored, and nothing says that they met."""
    world = World(tmp_path)
    world.logins = Logins(RULES.reader, RULES.names, RULES.remember_s)
    world.happen({"device_id": "d1", "platform": "iOS", "event_type": "$identify", "appsflyer_id": ID, "idfa": IDFA})
    world.logins._devices.clear()
    world.select = select_events(
        compile_select([Sync("one", "id1", "com.a.b")]),
        world.ledger, WarmUp(), Logins(RULES.reader, RULES.names, 1), lambda: NOW_MS,
    )  # fmt: skip
    assert world.happen({"device_id": "d1", "user_id": "ada", "platform": "iOS"}) == []
    world.restart()
    sent = world.happen({"device_id": "d1", "user_id": "ada", "platform": "iOS"})
    assert [each.identity.values["appsflyer_id"] for each in sent if isinstance(each, Identified)] == [ID, ID]


def test_a_forgotten_user_or_device_is_nobodys() -> None:
    logins = Logins(RULES.reader, RULES.names, RULES.remember_s)
    nobody, user = Profile(), Profile()
    nobody.learn("ios", "d1", 1, {"appsflyer_id": ID}, now_s=0)
    user.learn("ios", "d1", 1, {}, now_s=0)
    logins.restore("d:d1", nobody.state())
    logins.restore("u:ada", user.state())
    logins.forget("u:ada", user.state())
    logins.forget("d:d1", nobody.state())
    assert not logins._devices


def test_what_a_device_taught_is_forgotten_after_remember_days() -> None:
    logins = Logins(RULES.reader, RULES.names, RULES.remember_s)
    nobody = Profile()
    nobody.learn("ios", "d1", 1, {"appsflyer_id": ID}, now_s=0)
    logins.restore("d:d1", nobody.state())
    (event,) = decode(Record(json.dumps(bare()).encode(), None, "events", 0, 0, 0))
    assert isinstance(event, Event)
    assert logins.before(event, RULES.remember_s) == []


def test_a_mark_stays_for_as_long_as_its_device() -> None:
    """Else a second user would be taken for the first after a start."""
    user = Profile()
    user.inherit("d1", {}, is_second=True, now_s=0)
    user.learn("ios", "d1", 1, {}, now_s=10)
    assert not user.forget_untouched(9)
    assert set(user.devices) == {"2d1", "id1"}
    assert user.forget_untouched(10)
    assert user.devices == {}
