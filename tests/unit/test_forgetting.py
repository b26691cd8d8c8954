"""Users who are never heard of again are forgotten, without a schedule for each of them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.ledger.ledger import Ledger
from connectors.stopping import Stopping
from flows.forgetting import Forgetting
from flows.identify import Around, Selected, UserLogic
from flows.steps.decode import decode
from flows.steps.event import Event, Record
from flows.steps.identifiers import DEFAULT_PATHS, IdentifierReader
from flows.steps.select import Target
from flows.steps.user import Rules

DAY_S = 86_400
REMEMBER_S = 90 * DAY_S
START_S = 1_795_000_000
RULES = Rules(IdentifierReader(DEFAULT_PATHS), [frozenset({"ios", "android"})], REMEMBER_S, 100, 300_000, 0, 100)


class World:
    """One user, a clock and the list of who is to be reminded."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.ledger = Ledger(["one"], 100)
        self.forgetting = Forgetting(REMEMBER_S)

    def logic(self, state: tuple[Any, ...] | None = None) -> UserLogic:
        return UserLogic(state, Around(RULES, self.ledger, Stopping(), lambda: self.now_s * 1000, self.forgetting))

    def reminded(self) -> list[str]:
        return list(self.forgetting.due(self.now_s, 100))


def teaches(*, held: bool = False) -> Selected:
    value = b'{"event_type":"Open","user_id":"u1","device_id":"d","platform":"iOS","user_properties":{%s}}' % (
        b"" if held else b'"appsflyer_id":"1700000000000-7654321"'
    )
    (event,) = decode(Record(value, None, "events", 0, 0, START_S * 1000))
    assert isinstance(event, Event)
    return (event, (Target(0, 0, "open"),) if held else (), None)


def test_a_user_without_held_events_has_no_schedule() -> None:
    """Bytewax looks at every schedule at every activation: a million of them would stand still."""
    logic = World().logic()
    logic.on_batch([teaches()])
    assert logic.notify_at() is None


def test_a_user_who_is_not_heard_of_again_is_reminded_and_forgotten() -> None:
    """At most 1/64 of the remembered time late, and never early."""
    world = World()
    logic = world.logic()
    assert logic.on_batch([teaches()])[1] is UserLogic.RETAIN
    world.now_s = START_S + REMEMBER_S - 1
    assert world.reminded() == []
    world.now_s = START_S + REMEMBER_S + REMEMBER_S // 64 + 1
    assert world.reminded() == ["u:u1"]
    assert logic.on_batch([None]) == ([], UserLogic.DISCARD)
    assert world.reminded() == []


def test_a_user_who_was_heard_of_stays_and_is_reminded_again() -> None:
    """An event between pushes it off; one that comes with the reminder does, too."""
    world = World()
    logic = world.logic()
    logic.on_batch([teaches()])
    for _ in range(3):
        world.now_s += REMEMBER_S + REMEMBER_S // 64 + 1
        assert world.reminded() == ["u:u1"]
        assert logic.on_batch([None, teaches()])[1] is UserLogic.RETAIN
    world.now_s += REMEMBER_S + REMEMBER_S // 64 + 1
    assert world.reminded() == ["u:u1"]
    assert logic.on_batch([None])[1] is UserLogic.DISCARD


def test_a_user_of_an_earlier_run_is_forgotten_though_never_touched_again() -> None:
    """What comes out of the recovery store is listed as well."""
    first = World()
    logic = first.logic()
    logic.on_batch([teaches()])
    second = World()
    second.now_s = START_S + DAY_S
    restored = second.logic(logic.snapshot())
    second.now_s = START_S + REMEMBER_S + REMEMBER_S // 64 + 1
    assert second.reminded() == ["u:u1"]
    assert restored.on_batch([None])[1] is UserLogic.DISCARD


def test_a_user_with_a_held_event_is_not_forgotten() -> None:
    """It has a schedule, for its event, and stays until that is decided on."""
    world = World()
    world.ledger.open(teaches(held=True)[0].position)
    logic = world.logic()
    logic.on_batch([teaches(held=True)])
    assert logic.notify_at() is not None
    world.now_s += 2 * REMEMBER_S
    assert world.reminded() == ["u:u1"]
    assert logic.on_batch([None])[1] is UserLogic.RETAIN
    assert world.reminded() == []


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
