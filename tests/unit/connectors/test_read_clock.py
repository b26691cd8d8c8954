"""For how long a source was read, and up to when all that it held has been."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.kafka.passing import LONGEST_WAIT_SECONDS, Passing
from connectors.read_clock import LONGEST_STEP_SECONDS, ReadClock


class World:
    """A topic, what is read of it, and a clock."""

    def __init__(self, partitions: int = 2) -> None:
        self.now = 0.0
        self.ends = dict.fromkeys(range(partitions), 0)
        self.places = dict.fromkeys(range(partitions), 0)
        self.has_room = True
        self.read_clock = ReadClock(0, clock=lambda: self.now)
        self.passing = Passing(self.read_clock, range(partitions), lambda: dict(self.places), lambda: self.has_room)
        self.pass_time(0)

    def pass_time(self, seconds: float, without: Sequence[int] = ()) -> None:
        """Let time pass, and Kafka answer each second for all partitions but some."""
        for _ in range(max(int(seconds), 1)):
            self.now += min(seconds, 1)
            self.passing.answered(self.now, {each: end for each, end in self.ends.items() if each not in without})


def test_time_in_which_all_is_read_counts() -> None:
    """Also where nothing comes."""
    world = World()
    world.pass_time(60)
    assert (world.read_clock.read_ms, world.read_clock.read_to_ms) == (60_000, 60_000)


def test_what_is_there_is_read_before_anybody_has_heard() -> None:
    """As at a start: however long it takes, and however much comes meanwhile."""
    world = World()
    world.ends[1] = 1000
    world.pass_time(1)
    for place in range(0, 1000, 10):
        world.places[1] = place
        world.ends[1] += 3
        world.pass_time(1)
    assert (world.read_clock.read_to_ms, world.read_clock.read_ms) == (0, 100_000)
    world.places[1] = 1000
    world.passing.look()
    assert world.read_clock.read_to_ms == 1000, "when that was there"
    world.places[1] = 1300
    world.pass_time(2)
    assert world.read_clock.read_to_ms == world.read_clock.read_ms


@pytest.mark.parametrize("has_room", [True, False])
def test_time_in_which_something_lies_there_and_is_not_read_does_not_count(has_room: bool) -> None:  # noqa: FBT001 - a parameter
    """A broker that is half away, or no room because AppsFlyer is away."""
    world = World()
    world.has_room = has_room
    world.pass_time(10)
    world.ends[0] = 5
    world.pass_time(1)
    read_ms = world.read_clock.read_ms
    world.pass_time(1800)
    assert world.read_clock.read_ms == read_ms
    world.has_room = True
    world.places[0] = 5
    world.pass_time(10)
    assert world.read_clock.read_ms == read_ms + 10_000
    assert world.read_clock.read_to_ms == world.read_clock.read_ms


def test_time_in_which_kafka_or_this_process_was_away_hardly_counts() -> None:
    """No answer came for hours."""
    world = World()
    world.pass_time(10)
    world.now += 7200
    world.pass_time(1)
    assert world.read_clock.read_ms <= 10_000 + LONGEST_STEP_SECONDS * 1000
    assert world.read_clock.now_ms() <= world.read_clock.read_ms + LONGEST_STEP_SECONDS * 1000


def test_reading_a_little_without_room_counts() -> None:
    """Slow reading, as where AppsFlyer takes little, does not stop the time, though a partition has to wait."""
    world = World()
    world.has_room = False
    world.ends = {0: 10_000, 1: 10_000}
    world.pass_time(1)
    read_ms = world.read_clock.read_ms
    for place in range(1, 61):
        world.places[place % 2] = place
        world.pass_time(1)
    assert world.read_clock.read_ms == read_ms + 60_000


def test_one_partition_that_cannot_be_read_does_not_keep_events_for_ever() -> None:
    """For an hour it does; then the others alone count, and it says so once."""
    world = World()
    world.pass_time(5)
    world.ends[1] = 100
    with capture_logs() as logs:
        world.pass_time(LONGEST_WAIT_SECONDS - 1, without=[1])
        assert world.read_clock.read_to_ms <= 6000
        world.pass_time(300, without=[1])
    assert world.read_clock.read_to_ms >= 300_000
    assert [each["partitions"] for each in logs] == [[1]]
    world.pass_time(5)
    assert world.read_clock.read_to_ms >= 300_000
    world.places[1] = 100
    world.pass_time(5)
    assert world.read_clock.read_to_ms == world.read_clock.read_ms


def test_where_no_partition_can_be_read_time_does_not_pass() -> None:
    """The source is away, and nothing is given up."""
    world = World()
    world.pass_time(5)
    world.pass_time(2 * LONGEST_WAIT_SECONDS, without=[0, 1])
    assert world.read_clock.read_ms == 5000


class Second(NamedTuple):
    """What happens in one second."""

    produced: tuple[int, int]
    read: tuple[int, int]
    answers: tuple[bool, bool]
    has_room: bool


seconds_ = st.builds(
    Second,
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.booleans(), st.booleans()),
    st.booleans(),
)


@given(st.lists(seconds_, max_size=60))
def test_nothing_that_was_there_is_unread_up_to_when_it_has_been_heard(story: list[Second]) -> None:
    """All that was produced until so much time of reading had passed is read, and time never goes back."""
    world = World()
    there: list[tuple[int, dict[int, int]]] = [(0, dict(world.ends))]
    before = (0, 0)
    for second in story:
        for each in (0, 1):
            world.ends[each] += second.produced[each]
            if second.has_room:
                world.places[each] = min(world.ends[each], world.places[each] + second.read[each])
        world.has_room = second.has_room
        there.append((world.read_clock.read_ms, dict(world.ends)))
        world.pass_time(1, without=[each for each in (0, 1) if not second.answers[each]])
        read_to_ms = world.read_clock.read_to_ms
        for read_ms, ends in there:
            assert read_ms >= read_to_ms or all(world.places[each] >= ends[each] for each in ends)
        assert before <= (world.read_clock.read_ms, read_to_ms)
        assert world.read_clock.read_ms <= world.read_clock.now_ms() <= world.now * 1000
        before = (world.read_clock.read_ms, read_to_ms)


def test_each_worker_is_told_once_and_all_of_them_again_when_there_is_more() -> None:
    """It opens when every part of the users is loaded."""
    read_clock = ReadClock(2)
    read_clock.begin()
    mark = read_clock.tell()
    assert mark is not None
    assert read_clock.workers == {mark.worker}
    assert read_clock.tell() is None
    read_clock.all_read(5)
    assert read_clock.tell() == mark._replace(read_to_ms=5)
    for shard in ("0", "0", "1"):
        assert not read_clock.is_open
        read_clock.loaded(shard)
    assert read_clock.is_open
    read_clock.end()
    assert read_clock.workers == set()
