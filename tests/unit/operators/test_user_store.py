"""Users in shards: rest, snapshots and restarts change nothing about what is decided on their events."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Thread, get_ident
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.read_clock import LONGEST_STEP_SECONDS, ReadClock
from connectors.shutdown import Shutdown
from connectors.state.seal import unseal
from flows.domain.decision import Identified
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.fate import DeadLetter
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity import Identity, from_text
from flows.domain.identity_rules import IdentityRules
from flows.domain.kept_properties import KeptNames
from flows.domain.ledger import Ledger
from flows.domain.punctuation import Punctuation
from flows.domain.select import SyncTarget
from flows.operators.identify import IdentifyLogic, IdentifyOutput, ShardContext
from flows.operators.user_store import SHARDS, shard_of

NOW_MS = 1_795_000_000_000
KEEP = KeptNames(("n", "plan", "tags"))
RULES = IdentityRules(
    IdentifierReader(DEFAULT_PATHS), [frozenset({"ios", "android"})], 86_400, 3, 0, 1000, 100, keep=KEEP
)
HOLDING = RULES._replace(hold_ms=5000, settle_ms=0)

identifiers = st.fixed_dictionaries(
    {},
    optional={
        "appsflyer_id": st.sampled_from(["1700000000000-0000001", "1700000000000-0000002"]),
        "idfa": st.sampled_from(["CDDA802E-FB9C-47AD-9866-0794D394C912", "00000000-0000-0000-0000-000000000000"]),
        "app_set_id": st.just({"scope": 1, "id": "cdda802e-fb9c-47ad-9866-0794d394c912"}),
        "att": st.integers(0, 3),
        "plan": st.sampled_from(["free", "pro", None]),
        "$add": st.just({"n": 1}),
        "$append": st.just({"tags": "x"}),
        "$unset": st.just({"tags": "-"}),
    },
)
fields = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["open", "$identify"]),
        "user_id": st.sampled_from(["ada", "bob", "cy", "di"]),
        "platform": st.sampled_from(["iOS", "Android", None]),
        "device_id": st.sampled_from(["d1", "d2", None]),
        "insert_id": st.sampled_from(["i1", "i2", "i3", "i4", None]),
        "os_version": st.sampled_from(["17.4", None]),
        "user_properties": identifiers,
    }
)
happenings = st.tuples(fields, st.sampled_from(["", "", "snapshot", "restart"]))


class World:
    """One shard's logic, a clock, and a place for its log."""

    def __init__(self, rules: IdentityRules = RULES, directory: Path | None = None) -> None:
        self.rules = rules
        self.directory = directory
        self.now_ms = NOW_MS
        self.ledger = Ledger(["one"], 10_000)
        self.shutdown = Shutdown()
        self.steady_s = 0.0
        self.logic = self.start(None)

    def start(self, state: Any) -> IdentifyLogic:
        """Return the logic as a start makes it."""
        self.users: list[Any] = []
        self.read_clock = ReadClock(0, clock=lambda: self.steady_s)
        self.read_clock.begin()
        around = ShardContext(
            self.rules,
            self.ledger,
            self.shutdown,
            lambda: self.now_ms,
            self.directory,
            self.users,
            read_clock=self.read_clock,
        )
        self.logic = IdentifyLogic(state, around)
        return self.logic

    def restart(self) -> None:
        """Take a snapshot, and begin anew from it."""
        state = unseal(self.logic.snapshot())
        for each in self.users:
            each.close()
        self.ledger = Ledger(["one"], 10_000)
        self.start(state)

    def happen(self, offset: int, **body: Any) -> list[IdentifyOutput]:
        """Let an event of a user happen."""
        whole = {"event_type": "open", "time": NOW_MS - 60_000 + offset, **body}
        (event,) = decode(Record(json.dumps(whole).encode(), b"key", "events", 2, offset, NOW_MS))
        assert isinstance(event, Event)
        self.ledger.open_all([event.position])
        return self.logic.on_batch([(event.user_key, (event, (SyncTarget(0, 0, "open"),), None))])[0]

    def read_for(self, read_s: float) -> list[IdentifyOutput]:
        """Let the source be read for so long, in which all of it is."""
        while read_s > 0:
            step_s = min(read_s, LONGEST_STEP_SECONDS)
            self.steady_s += step_s
            self.now_ms += int(step_s * 1000)
            self.read_clock.read_now()
            read_s -= step_s
        self.read_clock.all_read(self.read_clock.read_ms)
        return self.hear()

    def hear(self) -> list[IdentifyOutput]:
        """Let the source's mark come to the shard."""
        mark = self.read_clock.tell()
        return self.logic.on_batch([(shard_of("u:ada"), mark)])[0] if mark is not None else []

    def remembered(self) -> int:
        return sum(len(each) for each in self.users)


@given(story=st.lists(happenings, max_size=14))
def test_rest_and_restarts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, story: Sequence[tuple[dict[str, Any], str]]
) -> None:
    """Whatever is stored and taken up again in between, the same goes out, and the same is remembered."""
    restless, resting = World(), World(directory=tmp_path_factory.mktemp("users"))
    for offset, (body, then) in enumerate(story):
        assert resting.happen(offset, **body) == restless.happen(offset, **body)
        if then == "snapshot":
            resting.logic.snapshot()
        elif then:
            resting.restart()
    assert resting.remembered() == restless.remembered()
    for users in resting.users:
        for key in users.keys():  # noqa: SIM118 - no dictionary
            assert users.state_of(key) == restless.users[0].state_of(key)


@given(story=st.lists(happenings, max_size=10))
def test_a_held_event_goes_out_with_the_properties_of_when_it_happened(
    tmp_path_factory: pytest.TempPathFactory, story: Sequence[tuple[dict[str, Any], str]]
) -> None:
    """Also after restarts; as one that need not wait does."""
    at_once, waiting = World(), World(HOLDING, tmp_path_factory.mktemp("users"))
    known = {"platform": "iOS", "device_id": "d1", "appsflyer_id": "1700000000000-0000001"}
    seen = []
    for offset, (body, then) in enumerate(story):
        bare = {name: value for name, value in body["user_properties"].items() if name in ("plan", "$add", "$append")}
        whole = {"user_id": "ada", "insert_id": f"i{offset}", "user_properties": bare}
        out = at_once.happen(offset, **whole, **known)
        seen += [each.event.user_properties for each in out if isinstance(each, Identified)]
        assert waiting.happen(offset, **whole, platform="iOS", device_id="d1") == []
        if then == "restart":
            waiting.restart()
    _, *released = waiting.happen(99, user_id="ada", **known)
    assert [each.event.user_properties for each in released if isinstance(each, Identified)] == seen


def test_an_event_that_is_given_up_leaves_its_properties_with_its_letter(tmp_path: Path) -> None:
    """Those of when it happened, for a replay to send; also over a restart."""
    world = World(HOLDING, tmp_path)
    phone: dict[str, Any] = {"user_id": "ada", "platform": "iOS", "device_id": "d"}
    world.happen(0, **phone, user_properties={"plan": "pro"})
    world.happen(1, **phone)
    world.happen(2, **phone, user_properties={"plan": "free"})
    world.restart()
    letters = world.read_for(5)
    identities = [from_text(each.identity or "") for each in letters if isinstance(each, DeadLetter)]
    assert identities == [None, Identity("ios", {}, properties={"plan": "pro"}), None]


def test_what_the_engine_stores_is_small(tmp_path: Path) -> None:
    """However many users there are: it looks at all of its own rows with each snapshot."""
    world = World(directory=tmp_path)
    world.happen(0, user_id="ada")
    assert unseal(world.logic.snapshot()) == ("users", 2, shard_of("u:ada"), 1, 0)
    assert unseal(world.logic.snapshot()) == ("users", 2, shard_of("u:ada"), 1, 0), "nothing has changed"


def test_a_user_rests_at_the_second_snapshot_after_the_last_event(tmp_path: Path) -> None:
    """Who is heard of again and again is not packed and unpacked each time; who waits for an identifier stays awake."""
    world = World(HOLDING, tmp_path)
    world.happen(
        0, user_id="ada", platform="iOS", device_id="d", user_properties={"appsflyer_id": "1700000000000-0000001"}
    )
    world.happen(1, user_id="bob", platform="iOS", device_id="d")
    (users,) = world.users
    awake = []
    for heard_of in (True, False, False):
        world.logic.snapshot()
        awake.append(set(users._awake))
        if heard_of:
            world.happen(2, user_id="ada", platform="iOS", device_id="d")
    assert awake == [{"u:ada", "u:bob"}, {"u:ada", "u:bob"}, {"u:bob"}]
    assert len(users) == 2


def test_without_a_recovery_store_nothing_is_written(tmp_path: Path) -> None:
    """No start would take it up."""
    world = World()
    world.happen(0, user_id="ada")
    assert unseal(world.logic.snapshot())[3] == 0
    assert list(tmp_path.iterdir()) == []


def test_held_events_outlive_a_restart_and_are_decided_on_in_time(tmp_path: Path) -> None:
    """They are counted as held; when their time comes they are given up, and when their id comes they go."""
    world = World(HOLDING, tmp_path)
    for offset, user in enumerate(("ada", "bob")):
        assert world.happen(offset, user_id=user, platform="iOS", device_id="d") == []
    for _ in range(2):
        world.restart()
        assert world.ledger.held_events == 2
    (identified,) = world.happen(
        9, user_id="bob", event_type="$identify", device_id="d", platform="iOS",
        user_properties={"appsflyer_id": "1700000000000-0000001"},
    )[:1]  # fmt: skip
    assert isinstance(identified, Identified)
    assert world.read_for(4.999) == []
    (letter,) = world.read_for(0.001)
    assert isinstance(letter, DeadLetter)
    assert letter.position.offset == 0
    assert world.ledger.held_events == 0


def test_at_a_stop_held_events_stay_and_at_an_end_they_are_decided_on(tmp_path: Path) -> None:
    """Bytewax calls on_eof for both."""
    world = World(HOLDING, tmp_path)
    world.happen(0, user_id="ada", platform="iOS", device_id="d")
    world.shutdown.request()
    assert world.logic.on_eof() == ([], IdentifyLogic.RETAIN)
    assert world.ledger.held_events == 1
    world.shutdown.requested = False
    assert len(world.logic.on_eof()[0]) == 1
    assert world.ledger.held_events == 0


def test_what_all_users_hold_is_bounded_and_the_longest_waiting_gives_way(tmp_path: Path) -> None:
    """A topic whose app never tells an id must not fill the memory: what is over is a dead letter, the oldest first."""
    world = World(HOLDING._replace(hold_bytes=100_000), tmp_path)
    given_up: list[IdentifyOutput] = []
    for offset in range(20):
        world.now_ms += 1
        given_up += world.happen(offset, user_id=f"user-{offset:02}", platform="iOS", text="x" * 9000)
        assert world.ledger.held_bytes <= 100_000
    assert world.ledger.held_events == 20 - len(given_up)
    assert world.ledger.held_events == 9
    letters = [each for each in given_up if isinstance(each, DeadLetter)]
    assert [each.position.offset for each in letters] == [*range(11)]
    assert {each.reason.value for each in letters} == {"no_appsflyer_id"}
    world.restart()
    assert world.ledger.held_events == 9
    assert world.ledger.held_bytes <= 100_000
    world.logic.on_eof()
    assert (world.ledger.held_events, world.ledger.held_bytes) == (0, 0)


def test_no_more_users_are_remembered_than_may_be(tmp_path: Path) -> None:
    """A topic of countless users must not fill the memory: who was not heard of for longest is forgotten."""
    world = World(RULES._replace(remember_users=SHARDS * 50), tmp_path)
    for offset in range(400):
        world.happen(offset, user_id=f"user-{offset}", device_id=f"d{offset}", platform="iOS")
        if offset % 20 == 19:
            world.logic.snapshot()
            assert world.remembered() <= 50 + 60, "those of the last two snapshots are awake"
    for _ in range(3):
        world.logic.snapshot()
    assert world.remembered() == 50
    (users,) = world.users
    kept = set(users.keys())
    assert kept <= {f"u:user-{offset}" for offset in range(340, 400)}, "whoever came to rest with one snapshot is alike"
    world.logic.snapshot()
    world.restart()
    assert set(world.users[0].keys()) == kept


def test_users_are_spread_over_the_shards() -> None:
    """So that several workers have something to do."""
    counts = [0] * SHARDS
    for number in range(10_000):
        counts[int(shard_of(f"u:user-{number}"))] += 1
    assert min(counts) > 0.9 * 10_000 / SHARDS


@pytest.mark.parametrize("state", [(1, {}, b"", {}, (), 5, "u:ada", 0), ("users", 3, "0", 7, 0)])
def test_what_another_version_stored_is_refused_with_what_to_do(state: Any) -> None:
    """Users under keys of their own, which no release stored, or a later version's."""
    with pytest.raises(ValueError, match=r"another version.* new state directory"):
        World().start(state)


def test_a_stop_does_not_use_up_the_time_that_an_event_waits(tmp_path: Path) -> None:
    """Down for hours: it has the rest of its time once the source is read again, and what is there comes first."""
    world = World(HOLDING, tmp_path)
    for offset, user in enumerate(("ada", "bob")):
        world.happen(offset, user_id=user, platform="iOS", device_id="d")
    assert world.read_for(2) == []
    world.now_ms += 7_200_000
    world.restart()
    assert world.hear() == []
    assert world.logic.on_notify()[0] == []
    sent = world.happen(
        9, user_id="bob", event_type="$identify", device_id="d", platform="iOS",
        user_properties={"appsflyer_id": "1700000000000-0000001"},
    )  # fmt: skip
    assert [each.event.position.offset for each in sent if isinstance(each, Identified)] == [9, 1]
    assert world.read_for(2.999) == []
    world.restart()  # of which the user that waits is not stored again
    assert world.read_for(0) == []
    (letter,) = world.read_for(0.001)
    assert isinstance(letter, DeadLetter)
    assert letter.position.offset == 0


def test_nothing_is_given_up_before_the_mark_of_every_worker(tmp_path: Path) -> None:
    """What another worker has read may still be on its way here."""
    world = World(HOLDING, tmp_path)
    other = Thread(target=world.read_clock.begin)
    other.start()
    other.join()
    world.happen(0, user_id="ada", platform="iOS", device_id="d")
    assert world.read_for(5) == []
    (its_worker,) = world.read_clock.workers - {get_ident()}
    (letter,) = world.logic.on_batch([(shard_of("u:ada"), Punctuation(its_worker, 5000))])[0]
    assert isinstance(letter, DeadLetter)


def test_what_settles_goes_by_the_wall_clock(tmp_path: Path) -> None:
    """AppsFlyer processes an install whether or not anything is read here."""
    world = World(RULES, tmp_path)
    install = {"platform": "iOS", "device_id": "d", "user_properties": {"appsflyer_id": "1700000000000-0000001"}}
    world.happen(60_000, user_id="ada", **install)
    world.restart()
    due = world.logic.notify_at()
    assert due is not None
    assert due.timestamp() * 1000 == NOW_MS + 1000
    world.now_ms += 1000
    assert len(world.logic.on_notify()[0]) == 1
