"""State that an earlier version wrote is understood, or refused with what to do.

`golden/state-1.pickle` and `golden/users-1.users` hold what 0.1.0 stores, `golden/held-2.pickle` version 2 of the
users and `golden/user-3.pickle` version 3, with kept properties, and they are never written again: they hold builtins
only, so that classes may be renamed. A change that cannot read them needs a new version number and a reader of the old
one, or a clear refusal.
"""

import pickle
import pickletools
from pathlib import Path
from typing import Any

import pytest

from connectors.delivery.delivery import Attempts, Delivery, attempts_of
from connectors.delivery.items import resume_items, unpack
from connectors.pace import Pace
from connectors.read_clock import ReadClock
from connectors.shutdown import Shutdown
from connectors.state.user_segments import StoredUser, read_log, write_log
from flows.domain.decision import Identified
from flows.domain.decode import decode
from flows.domain.event import Event, Position, Record
from flows.domain.fate import DeadLetter, DeadLetterReason
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity_rules import IdentityRules
from flows.domain.kept_properties import KeptNames
from flows.domain.ledger import Ledger
from flows.domain.select import SyncTarget
from flows.domain.stored_user import read_user
from flows.operators.identify import IdentifyLogic, ShardContext
from flows.operators.user_store import shard_of
from flows.operators.window import MicroBatch

GOLDEN = (Path(__file__).parent / "golden" / "state-1.pickle").read_bytes()
GOLDEN_2 = (Path(__file__).parent / "golden" / "held-2.pickle").read_bytes()
"""A user with a held event, and what the engine stores of their shard, as version 2 wrote them."""
GOLDEN_3 = (Path(__file__).parent / "golden" / "user-3.pickle").read_bytes()
"""A user with kept properties, and an event that was held before the last of them was taught."""
GOLDEN_LOG = (Path(__file__).parent / "golden" / "users-1.users").read_bytes()
RULES = IdentityRules(
    IdentifierReader(DEFAULT_PATHS), [frozenset({"ios", "android"})], 86_400, 100, 300_000, 0, 100,
    keep=KeptNames(("gone", "plan", "tags")),
)  # fmt: skip
TEACHES = (
    b'{"event_type":"Open","user_id":"u1","device_id":"tablet","platform":"iOS","time":1795000000300,'
    b'"user_properties":{"appsflyer_id":"1700000000000-7654321"}}'
)


@pytest.fixture
def golden() -> dict[str, Any]:
    """Return what version 1 wrote."""
    state: dict[str, Any] = pickle.loads(GOLDEN)  # noqa: S301 - our own file
    return state


class _World:
    """A shard that begins with one user, as a start finds them in its log."""

    def __init__(self, stored: tuple[Any, ...], directory: Path, of_shard: Any = None) -> None:
        self.ledger = Ledger(["one"], 100)
        shard = shard_of("u:u1")
        generation = write_log(directory / shard, [("u:u1", stored)])
        self.now_s = 0.0
        self.read_clock = ReadClock(0, clock=lambda: self.now_s)
        self.read_clock.begin()
        self.users: list[Any] = []
        around = ShardContext(
            RULES, self.ledger, Shutdown(), lambda: 1_795_000_000_400, directory, self.users, read_clock=self.read_clock
        )
        self.logic = IdentifyLogic(of_shard or ("users", 1, shard, generation), around)

    def read_for(self, read_ms: int) -> list[Any]:
        """Let the source be read for so long, and return what is given up then."""
        for _ in range(read_ms // 1000):
            self.now_s += 1
            self.read_clock.read_now()
        self.now_s += read_ms % 1000 / 1000
        self.read_clock.read_now()
        self.read_clock.all_read(self.read_clock.read_ms)
        mark = self.read_clock.tell()
        assert mark is not None
        return self.logic.on_batch([("0", mark)])[0]


def test_a_snapshot_holds_builtins_only() -> None:
    """No class of ours is named in it, so that a rename cannot make it unreadable."""
    names = {operation.name for operation, _, _ in pickletools.genops(GOLDEN)}
    assert not names & {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}


def test_a_users_state_is_understood(golden: dict[str, Any], tmp_path: Path) -> None:
    """The devices are known, what was taken is a duplicate, and the held event goes out when its id is taught."""
    world = _World(golden["user"], tmp_path)
    assert world.ledger.pending(0) == 1
    (event,) = decode(Record(TEACHES, None, "events", 3, 9, 0))
    assert isinstance(event, Event)
    world.ledger.open_all([event.position])
    outgoing, _ = world.logic.on_batch([("u:u1", (event, (SyncTarget(0, 0, "open"),), None))])
    identified = [each for each in outgoing if isinstance(each, Identified)]
    assert [each.event.position for each in identified] == [event.position, Position("events", 3, 2)]
    assert {each.identity.values["appsflyer_id"] for each in identified} == {"1700000000000-7654321"}


def test_what_waits_since_version_1_has_the_rest_of_its_time_as_of_its_users_last_event(
    golden: dict[str, Any], tmp_path: Path
) -> None:
    """By the wall clock it was over long ago; nobody knows for how long the source was read since then."""
    _, _, _, _, (held,), touched_s, _, _ = golden["user"]
    left_ms = held[5] - 1000 * touched_s
    assert 0 < left_ms <= RULES.hold_ms + 1000
    world = _World(golden["user"], tmp_path)
    assert world.read_for(left_ms - 1) == []
    (letter,) = world.read_for(1)
    assert (letter.reason, letter.position.offset) == (DeadLetterReason.NO_APPSFLYER_ID, 2)


def test_what_waits_since_version_2_has_the_rest_of_its_time(tmp_path: Path) -> None:
    """Of 300 s the source was read for 100 s."""
    user, of_shard = pickle.loads(GOLDEN_2)  # noqa: S301 - our own file
    assert not {each.name for each, _, _ in pickletools.genops(GOLDEN_2)} & {"GLOBAL", "STACK_GLOBAL", "REDUCE"}
    world = _World(user, tmp_path, of_shard)
    assert world.ledger.pending(0) == 1
    assert world.read_for(199_999) == []
    (letter,) = world.read_for(1)
    assert (letter.reason, letter.position.offset) == (DeadLetterReason.NO_APPSFLYER_ID, 2)


def test_kept_properties_are_understood(tmp_path: Path) -> None:
    """What is taught goes on from there; a held event goes out with those of when it happened."""
    assert not {each.name for each, _, _ in pickletools.genops(GOLDEN_3)} & {"GLOBAL", "STACK_GLOBAL", "REDUCE"}
    world = _World(pickle.loads(GOLDEN_3), tmp_path)  # noqa: S301 - our own file
    (event,) = decode(Record(TEACHES, None, "events", 3, 9, 1_795_000_000_300))
    assert isinstance(event, Event)
    world.ledger.open_all([event.position])
    outgoing, _ = world.logic.on_batch([("u:u1", (event, (SyncTarget(0, 0, "open"),), None))])
    identified = [each.event.user_properties for each in outgoing if isinstance(each, Identified)]
    assert identified == [
        {"appsflyer_id": "1700000000000-7654321", "plan": "free", "tags": ["a", 7]},
        {"plan": "pro", "gone": 1, "tags": ["a", 7]},
    ]


def test_what_keeps_no_property_is_stored_as_version_2(tmp_path: Path) -> None:
    """So that 0.2.0 can go on with it."""
    user, of_shard = pickle.loads(GOLDEN_2)  # noqa: S301 - our own file
    world = _World(user, tmp_path, of_shard)
    world.read_for(1000)
    world.logic.snapshot()
    (users,) = world.users
    stored = users.state_of("u:u1")
    assert (stored[0], len(stored), len(stored[4][0])) == (2, len(user), len(user[4][0]))


def test_a_log_of_users_is_understood(tmp_path: Path) -> None:
    """As this version's first day wrote it: two users, of whom the second was forgotten."""
    (tmp_path / "000000001.users").write_bytes(GOLDEN_LOG)
    found: dict[str, StoredUser | None] = {}
    read_log(tmp_path, 2, found.__setitem__)
    assert found["u:gone"] is None
    state, partition = read_user(found["u:u1"] or ())
    assert partition == 3
    assert state.devices["itablet"][0] == 1_795_000_000_300


def test_the_windows_and_the_sinks_state_are_understood(golden: dict[str, Any]) -> None:
    """Deliveries and dead letters come back as they were."""
    version, packed = golden["window"]
    ledger = Ledger(["one"], 100)
    (delivery,) = resume_items(ledger, packed)
    assert version == 1
    assert isinstance(delivery, Delivery)
    assert (delivery.app_id, delivery.position, delivery.lane) == ("id123", Position("events", 3, 7), "one/id123")
    batch = MicroBatch([delivery], 10, 1.0, Pace())
    assert batch.on_notify()[0] == [[delivery]]
    _, items, marks = golden["sink"]
    assert unpack(items[0][0]) == delivery
    assert items[0][1][1] > 10**12  # this version stored when the first attempt was, not how long it was tried
    assert attempts_of(items[0][1]) == Attempts(items[0][1][0], 0, 503, items[0][1][3])
    letter = unpack(items[1][0])
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.copy, letter.http_status) == (DeadLetterReason.REJECTED, 1, 400)
    assert marks == {}


def test_another_versions_state_is_refused_with_what_to_do(golden: dict[str, Any], tmp_path: Path) -> None:
    """The message names both versions and the way out."""
    with pytest.raises(ValueError, match=r"version 99; this is version 2: start with a new state directory"):
        _World((99, *golden["user"][1:]), tmp_path)


def test_a_held_event_that_cannot_be_read_stops_the_start(golden: dict[str, Any], tmp_path: Path) -> None:
    """It would otherwise leave without an outcome."""
    version, devices, insert_ids, first_seen, held, *rest = golden["user"]
    broken = tuple((b"{}", *each[1:]) for each in held)
    with pytest.raises(ValueError, match=r"events/3/2.* cannot read"):
        _World((version, devices, insert_ids, first_seen, broken, *rest), tmp_path)
