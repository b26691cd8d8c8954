"""What a replay makes of a letter: for which syncs, under which name, and with which identity."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.dead_letters import Letter, StoredLetter, headers, parse
from connectors.state.journal import DELIVERED
from connectors.state.replay_log import ReplayLog
from flows.domain.decision import Decision, GivenUp, Identified
from flows.domain.event import PLATFORMS, Event, Position
from flows.domain.fate import DeadLetter, DeadLetterReason, FilterReason, Stage
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.identity import Identity, as_text
from flows.domain.identity_rules import IdentityRules
from flows.domain.logins import Inherited, Logins
from flows.domain.select import SyncTarget, Undecided, compile_select
from flows.domain.sync import Selection, Sync
from flows.domain.user import User
from flows.operators.replay import Keyed, ReplayLedger, read_again, with_logins
from flows.operators.replay_choice import LeftOut, LetterChoice
from flows.operators.replay_filters import Filters
from flows.runtime.replay.wiring import replay_rules

SYNCS = (
    Sync("production", selections=(Selection("Order", send_as="af_purchase"), Selection("Order", send_as="order"))),
    Sync("staging", selections=(Selection("Sign Up"),)),
)
ORDER = {"event_type": "Order", "user_id": "u-1", "device_id": "d-1", "platform": "iOS"}
PLACE = Position("events", 3, 14)


def letter(value: Any = ORDER, sync: str | None = "production", **changes: Any) -> Letter:
    return Letter(
        reason=DeadLetterReason.REJECTED if sync else DeadLetterReason.INVALID_EVENT,
        sync=sync,
        copy=0,
        send_as="af_purchase" if sync else None,
        value=value if isinstance(value, bytes) else orjson.dumps(value),
        key=b"u-1",
        position=PLACE,
        first_seen_ms=1_700_000_000_000,
        failed_at_ms=1_700_000_100_000,
        identity=None,
        replays=0,
        is_cut=False,
    )._replace(**changes)


class Replayed:
    """The stage, with what it needs."""

    def __init__(self, directory: Path, filters: Filters = Filters(), paused: Sequence[str] = ()) -> None:  # noqa: B008 - frozen
        self.ledger = ReplayLedger([sync.name for sync in SYNCS], 100)
        self.marks = ReplayLog(directory, "now")
        self.left_out: Counter[LeftOut] = Counter()
        self._step = read_again(
            self.ledger,
            self.marks,
            compile_select(SYNCS),
            filters,
            lambda why_not: self.left_out.update([why_not]),
            lambda: 1_800_000_000_000,
            paused,
        )

    def __call__(self, *letters: Letter) -> list[Keyed]:
        return list(self._step(list(letters)))

    def events(self, *letters: Letter) -> list[tuple[Event, tuple[SyncTarget, ...], Identity | None]]:
        found = []
        for _, each in self(*letters):
            assert not isinstance(each, DeadLetter)
            event, targets, known = each
            assert not isinstance(known, Undecided)
            found.append((event, targets, known))
        return found


def test_a_letter_goes_to_its_own_sync_under_its_own_name_whatever_is_selected_today(tmp_path: Path) -> None:
    """The event is not selected by `staging`, and would have another name and another copy today."""
    replayed = Replayed(tmp_path)
    ((event, targets, identity),) = replayed.events(letter(sync="staging", send_as="old_name", copy=1, replays=2))
    assert targets == (SyncTarget(1, 1, "old_name", 3),)
    assert identity is None
    assert (event.position, event.received_ms, event.key) == (PLACE, 1_700_000_000_000, b"u-1")
    assert [replayed.ledger.pending(place) for place in (0, 1)] == [0, 1]


def test_what_decode_refuses_again_keeps_its_sync_its_beginning_and_its_position(tmp_path: Path) -> None:
    position = PLACE._replace(place=4)
    for sync in ("production", None):
        replayed = Replayed(tmp_path)
        ((_, again),) = replayed(letter(b'{"event_type": 1', sync, position=position, replays=1))
        assert isinstance(again, DeadLetter)
        assert (again.reason, again.stage) == (DeadLetterReason.UNDECODABLE, Stage.DECODE)
        assert (again.sync, again.position, again.replays) == (sync, position, 2)
        assert (again.first_seen_ms, again.failed_at_ms) == (1_700_000_000_000, 1_800_000_000_000)
        assert parse(StoredLetter(again.value, again.key, headers(again), "", 1)).replays == 2
        assert replayed.ledger.pending_refusals() == (sync is None)
        assert replayed.ledger.pending(0) == (sync is not None)


def test_what_decode_had_refused_goes_to_every_sync_that_wants_it_now(tmp_path: Path) -> None:
    replayed = Replayed(tmp_path)
    ((_, targets, _),) = replayed.events(letter(sync=None))
    assert targets == (SyncTarget(0, 0, "af_purchase", 1), SyncTarget(0, 1, "order", 1))
    assert replayed.ledger.syncs[1].filtered == {FilterReason.NOT_SELECTED: 1}
    assert [replayed.ledger.pending(place) for place in (0, 1)] == [2, 0]


def test_of_a_whole_upload_body_every_event_has_its_place(tmp_path: Path) -> None:
    body = {"events": [ORDER, {"event_type": "Sign Up", "user_id": "u-2"}, 5]}
    found = Replayed(tmp_path)(letter(body, None))
    positions = [each.position if isinstance(each, DeadLetter) else each[0].position for _, each in found]
    assert [position.place for position in positions] == [0, 1, 2]


def test_a_sync_that_was_not_asked_for_gets_nothing(tmp_path: Path) -> None:
    replayed = Replayed(tmp_path, Filters(syncs=("staging",)))
    replayed(letter(sync=None), letter({**ORDER, "event_type": "Sign Up"}, None, position=PLACE._replace(offset=15)))
    assert [replayed.ledger.syncs[place].copies for place in (0, 1)] == [0, 2]
    assert replayed.ledger.pending(1) == 1


@pytest.mark.parametrize("value", [ORDER, b"{"])
@pytest.mark.parametrize("sync", ["production", None])
def test_letters_that_a_crash_has_stored_twice_are_replayed_once(tmp_path: Path, sync: str | None, value: Any) -> None:
    replayed = Replayed(tmp_path)
    assert len(replayed(letter(value, sync), letter(value, sync))) == 1
    assert replayed(letter(value, sync, replays=1)) == []
    assert replayed.left_out.total() == 2


def test_of_a_refused_letter_only_what_no_replay_has_delivered_goes_out(tmp_path: Path) -> None:
    marks = ReplayLog(tmp_path, "before")
    marks.record((PLACE, "production", 1), 1, DELIVERED)
    marks.close()
    ((_, targets, _),) = Replayed(tmp_path).events(letter(sync=None))
    assert [target.send_as for target in targets] == ["af_purchase"]
    marks = ReplayLog(tmp_path, "after")
    marks.record((PLACE, "production", 0), 1, DELIVERED)
    marks.record((PLACE, "staging", 0), 1, DELIVERED)
    marks.close()
    replayed = Replayed(tmp_path)
    assert replayed(letter(sync=None)) == []
    assert replayed.left_out == {LeftOut.ALREADY_REPLAYED: 1}


def test_an_entry_that_a_snapshot_brought_back_is_not_taken_a_second_time(tmp_path: Path) -> None:
    replayed = Replayed(tmp_path)
    replayed.ledger.resume(PLACE, 0, 0)
    assert replayed(letter()) == []


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), True),
        (Filters(reasons=("rejected", "too_large")), True),
        (Filters(reasons=("too_large",)), False),
        (Filters(syncs=("production",)), True),
        (Filters(syncs=("staging",)), False),
        (Filters(since_ms=1_700_000_100_000), True),
        (Filters(since_ms=1_700_000_100_001), False),
        (Filters(until_ms=1_700_000_100_001), True),
        (Filters(until_ms=1_700_000_100_000), False),
        (Filters(("rejected",), ("production",), 0, 2_000_000_000_000), True),
    ],
)
def test_a_letter_is_wanted_where_all_filters_match(filters: Filters, matches: bool) -> None:  # noqa: FBT001 - a case
    assert filters.match(letter()) is matches


def test_a_letter_of_no_sync_may_be_any_ones() -> None:
    assert Filters(syncs=("staging",)).match(letter(sync=None))


def test_each_letter_that_is_left_out_is_counted_with_the_reason(tmp_path: Path) -> None:
    marks = ReplayLog(tmp_path, "now")
    marks.record((PLACE._replace(offset=9), "production", 0), 1, "rejected")
    choice = LetterChoice(Filters(syncs=("production", "gone")), ["production", "staging"], marks)
    base = {
        "reason": "rejected",
        "sync": "production",
        "topic": "events",
        "partition": "3",
        "offset": "14",
        "first_seen": "1",
        "failed_at": "2",
    }

    def wanted(**changes: str) -> bool:
        return choice.wanted(StoredLetter(b"", None, {**base, **changes}, "part", 1)) is not None

    assert wanted()
    assert not wanted(reason="because")
    assert not wanted(sync="staging")
    assert not wanted(sync="gone")
    assert not wanted(truncated_from_bytes="2000000")
    assert not wanted(offset="9")
    assert wanted(offset="9", replays="1")
    assert (choice.seen, choice.taken) == (7, 2)
    assert choice.left_out == Counter(
        [
            LeftOut.UNREADABLE,
            LeftOut.NOT_ASKED_FOR,
            LeftOut.SYNC_NOT_ENABLED,
            LeftOut.CUT,
            LeftOut.ALREADY_REPLAYED,
        ]
    )


STORED = {
    "reason": "rejected",
    "sync": "gone",
    "topic": "events",
    "partition": "3",
    "offset": "14",
    "first_seen": "1",
    "failed_at": "2",
}


def test_letters_of_a_renamed_sync_go_to_its_name_of_today(tmp_path: Path) -> None:
    """And those of the sync that has that name already are not asked for by that."""
    marks = ReplayLog(tmp_path, "now")
    choice = LetterChoice(Filters(renamed=(("gone", "staging"),)), ["production", "staging"], marks)
    taken = choice.wanted(StoredLetter(b"", None, STORED, "part", 1))
    assert taken is not None
    assert taken.sync == "staging"
    assert choice.wanted(StoredLetter(b"", None, {**STORED, "sync": "staging"}, "part", 2)) is None


@pytest.mark.parametrize("name", ["gone", "staging"])
def test_what_was_replayed_under_either_name_is_not_replayed_again(tmp_path: Path, name: str) -> None:
    marks = ReplayLog(tmp_path, "now")
    marks.record((PLACE, name, 0), 1, "delivered")
    choice = LetterChoice(Filters(renamed=(("gone", "staging"),)), ["production", "staging"], marks)
    assert choice.wanted(StoredLetter(b"", None, STORED, "part", 1)) is None
    assert choice.left_out == Counter([LeftOut.ALREADY_REPLAYED])


def test_a_paused_sync_gets_nothing_and_its_letters_stay(tmp_path: Path) -> None:
    choice = LetterChoice(Filters(), ["production", "staging"], ReplayLog(tmp_path, "now"), paused=["staging"])
    assert choice.wanted(StoredLetter(b"", None, {**STORED, "sync": "staging"}, "part", 1)) is None
    assert choice.wanted(StoredLetter(b"", None, {**STORED, "sync": "production"}, "part", 2)) is not None
    assert choice.left_out == Counter([LeftOut.SYNC_PAUSED])


def test_of_what_decode_had_refused_a_paused_sync_opens_no_entry(tmp_path: Path) -> None:
    """The other syncs get it; where there is no other, the letter counts as one of a paused sync."""
    some = Replayed(tmp_path, paused=["production"])
    targets = [target for _, wanted, _ in some.events(letter(sync=None)) for target in wanted]
    assert {some.ledger.sync_names[each.sync] for each in targets} <= {"staging"}
    assert some.ledger.pending(0) == 0
    none = Replayed(tmp_path, paused=["production", "staging"])
    assert none(letter(sync=None)) == []
    assert none.left_out == Counter([LeftOut.SYNC_PAUSED])


RULES = replay_rules(
    IdentityRules(
        reader=IdentifierReader(DEFAULT_PATHS),
        platforms=[frozenset(PLATFORMS)] * 2,
        remember_s=86_400,
        remember_insert_ids=100,
        hold_ms=300_000,
        settle_ms=30_000,
        hold_events=100,
    )
)
AF_ID = "1700000000000-7654321"
IDFA, IDFV = "6D92078A-8246-4BA4-AE5B-76104861E7DC", "AEBE52E7-03EE-455A-B3C4-E57283966239"


def take(user: User, replayed: Replayed, one: Letter) -> Decision:
    ((event, targets, known),) = replayed.events(one)
    (decision,) = user.take(event, targets, 1_800_000_000_000, known)
    return decision


def test_the_events_own_identifiers_win_over_what_its_letter_remembers(tmp_path: Path) -> None:
    own = {**ORDER, "user_properties": {"idfa": IDFA}, "os_version": "18.0"}
    known = as_text(Identity("ios", {"appsflyer_id": AF_ID, "idfa": IDFV, "idfv": IDFV, "os_version": "17.0"}))
    decision = take(User(RULES), Replayed(tmp_path), letter(own, identity=known))
    assert isinstance(decision, Identified)
    assert decision.identity.values == {"appsflyer_id": AF_ID, "idfa": IDFA, "idfv": IDFV, "os_version": "18.0"}


def test_the_platform_is_the_letters_where_the_event_states_none(tmp_path: Path) -> None:
    silent = {"event_type": "Order", "user_id": "u-1"}
    known = as_text(Identity("android", {"appsflyer_id": AF_ID}))
    decision = take(User(RULES), Replayed(tmp_path), letter(silent, identity=known))
    assert isinstance(decision, Identified)
    assert decision.identity.platform == "android"
    refused = take(User(RULES), Replayed(tmp_path), letter(silent))
    assert isinstance(refused, GivenUp)
    assert refused.reason is DeadLetterReason.NO_PLATFORM


def test_a_letter_goes_out_with_the_properties_that_stood_behind_its_event(tmp_path: Path) -> None:
    """Whatever its user has today; of two letters of one event neither teaches the other anything."""
    behind = {"plan": "pro", "tags": ["a", 10**30]}
    known = as_text(Identity("ios", {"appsflyer_id": AF_ID}, properties=behind))
    decision = take(User(RULES), Replayed(tmp_path), letter({**ORDER, "user_properties": {"n": 1}}, identity=known))
    assert isinstance(decision, Identified)
    assert decision.event.user_properties == {"n": 1, **behind}
    assert as_text(decision.identity) == known


def test_what_a_letter_remembers_of_another_platform_is_not_taken(tmp_path: Path) -> None:
    known = as_text(Identity("android", {"appsflyer_id": AF_ID}))
    assert isinstance(take(User(RULES), Replayed(tmp_path), letter(identity=known)), GivenUp)


def test_letters_of_a_device_teach_its_first_user(tmp_path: Path) -> None:
    """As in the stream: what stands in the letters of nobody goes to the first user who is seen on the device."""
    replayed = Replayed(tmp_path)
    known = with_logins(Logins(RULES.reader, RULES.names, RULES.remember_s), lambda: 1_800_000_000_000)
    users: dict[str, User] = defaultdict(lambda: User(RULES))
    decisions: list[Decision] = []
    teaches = {"event_type": "Order", "platform": "iOS", "device_id": "d", "user_properties": {"appsflyer_id": AF_ID}}
    of_users = [
        {"event_type": "Order", "platform": "iOS", "device_id": "d", "user_id": each} for each in ("ada", "bob")
    ]
    for offset, body in enumerate([teaches, *of_users]):
        for selected in replayed.events(letter(body, position=PLACE._replace(offset=offset))):
            for key, value in known([(selected[0].user_key, selected)]):
                if isinstance(value, Inherited):
                    decisions += users[key].inherit(value, 1_800_000_000_000)
                else:
                    decisions += users[key].take(*value[:2], 1_800_000_000_000)
    _, first, second = decisions
    assert isinstance(first, Identified)
    assert first.identity.values["appsflyer_id"] == AF_ID
    assert isinstance(second, GivenUp)


def test_letters_of_one_user_teach_each_other(tmp_path: Path) -> None:
    """Without a teacher it is given up at once; what a letter remembers teaches as an event does."""
    replayed, user = Replayed(tmp_path), User(RULES)
    first, second, third = (letter(position=PLACE._replace(offset=number)) for number in range(3))
    given_up = take(user, replayed, first)
    assert isinstance(given_up, GivenUp)
    assert given_up.reason is DeadLetterReason.NO_APPSFLYER_ID
    take(user, replayed, second._replace(identity=as_text(Identity("ios", {"appsflyer_id": AF_ID}))))
    decision = take(user, replayed, third)
    assert isinstance(decision, Identified)
    assert decision.identity.values["appsflyer_id"] == AF_ID


def test_letters_of_one_event_for_several_syncs_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    event = {**ORDER, "insert_id": "i-1", "user_properties": {"appsflyer_id": AF_ID}}
    replayed, user = Replayed(tmp_path), User(RULES)
    for sync, copy in (("production", 0), ("production", 1), ("staging", 0)):
        assert isinstance(take(user, replayed, letter(event, sync, copy=copy)), Identified)
