"""Users who are never heard of again are forgotten, without a schedule for each of them."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.shutdown import Shutdown
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity_rules import IdentityRules
from flows.domain.ledger import Ledger
from flows.domain.select import SyncTarget
from flows.operators.forgetting import Forgetting
from flows.operators.identify import IdentifyLogic, Keyed, ShardContext
from flows.operators.user_store import shard_of

DAY_S = 86_400
REMEMBER_S = 90 * DAY_S
STEP_S = REMEMBER_S // 64 + 1
START_S = 1_795_000_000
RULES = IdentityRules(
    IdentifierReader(DEFAULT_PATHS), [frozenset({"ios", "android"})], REMEMBER_S, 100, 300_000, 0, 100
)
OTHER = next(f"o{number}" for number in range(100) if shard_of(f"u:o{number}") == shard_of("u:u1"))
"""Somebody in the shard of «u1»."""


class World:
    """A shard of users, and a clock."""

    def __init__(self, directory: Path | None = None, state: Any = None, now_s: int = START_S) -> None:
        self.now_s = now_s
        self.ledger = Ledger(["one"], 100)
        around = ShardContext(RULES, self.ledger, Shutdown(), lambda: self.now_s * 1000, directory, [])
        self.logic = IdentifyLogic(state, around)
        self.around = around

    @property
    def remembered(self) -> int:
        """How many users are remembered, after somebody else was heard of, who is one of them."""
        self.logic.on_batch([teaches(OTHER)])
        (users,) = self.around.shards
        return len(users) - 1


def teaches(user: str = "u1", *, held: bool = False) -> Keyed:
    value = b'{"event_type":"Open","user_id":"%s","device_id":"d","platform":"iOS","user_properties":{%s}}' % (
        user.encode(),
        b"" if held else b'"appsflyer_id":"1700000000000-7654321"',
    )
    (event,) = decode(Record(value, None, "events", 0, 0, START_S * 1000))
    assert isinstance(event, Event)
    return event.user_key, (event, (SyncTarget(0, 0, "open"),) if held else (), None)


def test_users_without_held_events_have_no_schedule() -> None:
    """A million of them would stand still."""
    world = World()
    world.logic.on_batch([teaches()])
    assert world.logic.notify_at() is None


def test_a_user_who_is_not_heard_of_again_is_forgotten() -> None:
    """At most 1/64 of the remembered time late, and never early; whether at rest or not."""
    for rests in (False, True):
        world = World()
        world.logic.on_batch([teaches()])
        if rests:
            world.logic.snapshot()
        world.now_s = START_S + REMEMBER_S - 1
        assert world.remembered == 1
        world.now_s = START_S + REMEMBER_S + STEP_S
        assert world.remembered == 0


def test_a_user_who_was_heard_of_stays() -> None:
    """However often."""
    world = World()
    for _ in range(4):
        world.logic.on_batch([teaches()])
        world.logic.snapshot()
        world.now_s += REMEMBER_S - 1
        assert world.remembered == 1
    world.now_s += STEP_S + 1
    assert world.remembered == 0


def test_a_user_of_an_earlier_run_is_forgotten_though_never_touched_again(tmp_path: Path) -> None:
    """What a start takes up is listed as well; and who is forgotten is not taken up by the next."""
    first = World(tmp_path)
    first.logic.on_batch([teaches()])
    second = World(tmp_path, first.logic.snapshot(), START_S + DAY_S)
    assert second.remembered == 1
    second.now_s = START_S + REMEMBER_S + STEP_S
    assert second.remembered == 0
    assert World(tmp_path, second.logic.snapshot(), second.now_s).remembered == 0


def test_a_user_with_a_held_event_is_not_forgotten() -> None:
    """It has a schedule, for its event, and stays until that is decided on."""
    world = World()
    key, value = teaches(held=True)
    assert isinstance(value, tuple)
    assert isinstance(value[0], Event)
    world.ledger.open_all([value[0].position])
    world.logic.on_batch([(key, value)])
    assert world.ledger.held_events == 1
    world.now_s += 2 * REMEMBER_S
    assert world.remembered == 1


@given(
    st.integers(1, 400 * DAY_S),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), max_size=40),
    st.integers(1, 5),
)
def test_everyone_is_reminded_once_never_early_and_hardly_late(
    remember_s: int, listed: list[tuple[int, int]], most: int
) -> None:
    """However they are listed and however seldom it is asked."""
    forgetting = Forgetting(remember_s)
    step_s = max(remember_s // 64, 1)
    now_s = 0
    due: dict[str, int] = {}
    reminded: set[str] = set()
    for number, (wait_s, pause_s) in enumerate(listed):
        now_s += pause_s
        due[str(number)] = now_s + wait_s
        forgetting.note(str(number), now_s + wait_s)
        keys = list(forgetting.due(now_s, most))
        assert len(keys) <= most
        assert not reminded & set(keys)
        assert all(due[key] <= now_s for key in keys)
        reminded |= set(keys)
    for key in forgetting.due(max(due.values(), default=0) + step_s, len(due)):
        assert key not in reminded
        reminded.add(key)
    assert reminded == due.keys()


def test_who_is_not_known_any_more_is_struck_off_the_list() -> None:
    """Those who were forgotten for want of room, and came again, would be listed again and again."""
    forgetting = Forgetting(6400)
    for _ in range(3):
        forgetting.note("ada", 6400)
        forgetting.note("bob", 12_800)
    assert forgetting.size == 6
    forgetting.keep(lambda key: key == "bob")
    assert forgetting.size == 1
    assert list(forgetting.due(20_000, 10)) == ["bob"]
    assert forgetting.size == 0
