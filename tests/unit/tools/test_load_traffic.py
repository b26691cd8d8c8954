"""What a load test sends: its pace, its users, and the shares that it was asked for."""

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.identifier_reader import IdentifierReader
from flows.domain.identifiers import DEFAULT_PATHS
from tests.tools.load.archive import Archive, EmptyArchiveError
from tests.tools.load.invented import UNSELECTED, Invented
from tests.tools.load.pace import Pace
from tests.tools.load.skew import InTurn, Skew
from tests.tools.load.traffic import MARK, Message, Traffic

NOW_MS = 1_795_000_000_123
READER = IdentifierReader(DEFAULT_PATHS)


def invented(users: int = 50, **wanted: Any) -> Invented:
    rng = Random(7)
    names = wanted.pop("names", ["Order Completed", "Sign Up"])
    paths = wanted.pop("paths", DEFAULT_PATHS)
    return Invented(Skew(users, 1.0, rng), rng, names, paths=paths, run="test", **wanted)


def events(traffic: Traffic, count: int, first: int = 0) -> list[Event]:
    return [event(each, number) for number, each in enumerate(traffic.messages(first, count, NOW_MS), first)]


def event(message: Message, offset: int = 0) -> Event:
    (decoded,) = decode(Record(message.value, message.key, "events", 0, offset, NOW_MS))
    assert isinstance(decoded, Event), decoded
    return decoded


# --- pace ---


@given(st.integers(1, 10**6), st.floats(0.5, 10**5), st.floats(1, 50), st.floats(0, 100))
def test_everything_is_due_exactly_when_the_pace_ends(count: int, rate: float, burst: float, seconds: float) -> None:
    """And nothing is due before the start; the number that is due never falls."""
    pace = Pace(count, rate, burst, seconds)
    moments = [pace.ends_s * part / 20 for part in range(21)]
    due = [pace.due(each) for each in moments]
    assert due == sorted(due)
    assert due[0] == 0
    assert due[-1] == count
    assert pace.due(pace.ends_s + 1000) == count


def test_a_burst_is_in_the_middle() -> None:
    """1,000/s for 10 s in all, but for 2 s of 3,000/s."""
    pace = Pace(10_000, 1000, 3, 2)
    assert pace.burst_begins_s == pytest.approx(2)
    assert pace.ends_s == pytest.approx(6)
    assert [pace.due(each) for each in (1, 2, 3, 4, 5, 6)] == [1000, 2000, 5000, 8000, 9000, 10_000]


def test_without_a_rate_everything_is_due_at_once() -> None:
    """As fast as it goes."""
    assert Pace(5000, 0).due(0) == 5000


# --- users ---


def test_users_are_drawn_by_zipfs_law() -> None:
    """With the exponent 1, the first of 100 users has 1/5.19 of all events, twice as many as the second."""
    drawn = Counter(Skew(100, 1.0, Random(3)).draw(100_000))
    assert drawn[0] / 100_000 == pytest.approx(1 / 5.187, rel=0.03)
    assert drawn[0] / drawn[1] == pytest.approx(2, rel=0.06)
    assert set(drawn) <= set(range(100))


def test_without_skew_every_user_is_alike() -> None:
    """Within what chance does."""
    drawn = Counter(Skew(10, 0.0, Random(3)).draw(100_000))
    assert all(9_500 < drawn[user] < 10_500 for user in range(10))


def test_users_in_turn_come_all_before_any_comes_again() -> None:
    """However many are drawn at a time."""
    users = InTurn(3)
    assert users.draw(2) + users.draw(3) == [0, 1, 2, 0, 1]


# --- invented events ---


def test_shares_are_those_that_were_asked_for() -> None:
    """Selected names in turn, and identifiers only by some; but everybody tells theirs first."""
    made = events(invented(selected=0.7, without_ids=0.4), 10_000)
    names = Counter(each.name for each in made)
    assert names[UNSELECTED] / 10_000 == pytest.approx(0.3, abs=0.02)
    assert names["Order Completed"] == pytest.approx(names["Sign Up"], rel=0.1)
    telling = ["appsflyer_id" in READER.read(each).values for each in made]
    assert 1 - sum(telling) / 10_000 == pytest.approx(0.4, abs=0.02)
    seen: set[str | None] = set()
    for each, tells in zip(made, telling, strict=True):
        assert tells or each.user_id in seen
        seen.add(each.user_id)


def test_introduced_users_need_not_tell() -> None:
    """As after a restart, when whoever is remembered is to be found."""
    made = events(invented(without_ids=1.0, introduced=True), 100)
    assert not any(READER.read(each).values for each in made)


def test_an_invented_event_is_whole() -> None:
    """It holds its number, happens now, is told from all others, and is about 1.4 KB."""
    (message,) = invented(without_ids=0.0).messages(41, 1, NOW_MS)
    made = event(message)
    assert message.key == str(made.user_id).encode()
    assert made.event_properties[MARK] == 41
    assert made.insert_id == "test-41"
    assert made.time_ms == NOW_MS
    assert 1200 < len(message.value) < 1600


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_only_platforms_that_there_is_an_app_for(platform: str) -> None:
    """Everything else would be filtered, and load nothing."""
    assert {str(each.platform).lower() for each in events(invented(platforms=[platform]), 50)} == {platform}


def test_identifiers_are_where_the_settings_read_them() -> None:
    """The first path of each."""
    paths = {"appsflyer_id": ["event_properties.af_uid", "user_properties.x"]}
    made = events(invented(paths=paths, without_ids=0.0), 20)
    assert all(IdentifierReader(paths).read(each).values.keys() == {"appsflyer_id"} for each in made)


def test_the_same_seed_gives_the_same_traffic() -> None:
    """So that two runs can be compared."""
    assert list(invented().messages(0, 300, NOW_MS)) == list(invented().messages(0, 300, NOW_MS))


# --- archives ---


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [
        {"event_type": "Order Completed", "user_id": "u1", "event_time": "2020-01-01 00:00:00.000000",
         "$insert_id": "old", "event_properties": {"$price": 5}},
        {"event_type": "Open", "device_id": "d1", "time": 1_500_000_000_000, "insert_id": "old",
         "event_properties": None},
    ]  # fmt: skip
    path = tmp_path / "export.json.gz"
    path.write_bytes(gzip.compress(b"\n".join([json.dumps(each).encode() for each in rows] + [b"no json"])))
    return path


def test_an_archives_events_come_again_and_again_as_of_now(archive: Path) -> None:
    """With their own properties; with new times, numbers and insert ids, so that none is a duplicate."""
    messages = list(Archive(archive, "run").messages(0, 6, NOW_MS))
    first, second, _, again, _, _ = messages
    assert [each.key for each in messages] == [b"u1", b"d1", None, b"u1", b"d1", None]
    assert event(first).event_properties == {"$price": 5, MARK: 0}
    assert event(second).event_properties == {MARK: 1}
    assert event(again).event_properties == {"$price": 5, MARK: 3}
    assert [event(each).insert_id for each in (first, second, again)] == ["run-0", "run-1", "run-3"]
    assert {event(each).time_ms for each in (first, second, again)} == {NOW_MS}


def test_what_is_no_event_is_sent_as_it_is(archive: Path) -> None:
    """The stream will meet it, too."""
    assert list(Archive(archive, "run").messages(0, 3, NOW_MS))[2] == Message(None, b"no json")


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    """It would be read again and again for ever."""
    path = tmp_path / "export.json"
    path.write_bytes(b"\n")
    with pytest.raises(EmptyArchiveError, match=r"export\.json"):
        Archive(path, "run")
