"""The stream on a rekeyed topic: slices find identities, one that runs is handed over, `check` tells topics apart."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.produced import introductions, messages
from tests.chaos.world import World
from tests.fixtures.stream import Identity, Stream
from tests.fixtures.topics import BEGUN_MS, Kept, Topics, await_committed, event, orders, start

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

MakeTopic = Callable[..., str]


@pytest.fixture
def world(stream: Stream, kafka: str, make_topic: MakeTopic) -> Iterator[World]:
    """Return a target of four partitions, the stand-in AppsFlyer behind it, and the oracle."""
    record = stream.directory / "record.ndjson"
    made = World("rekey", 0, stream, kafka, make_topic(partitions=4), record, lambda _line: None)
    made.letters_topic = make_topic()
    with made.cleanup:
        yield made


def _checked(world: World, topic: str) -> str:
    """Return what `check` says of a topic's keys."""
    text = (world.stream.directory / "stream.toml").read_text(encoding="utf-8")
    other = world.stream.directory / "other.toml"
    other.write_text(text.replace(f'topic = "{world.topic}"', f'topic = "{topic}"'), encoding="utf-8")
    run = world.start("-m", "flows", "check", "--settings", str(other))
    run.wait()
    (line,) = (each for each in run.output.splitlines() if "user" in each and "source.topic" in each)
    return line


def test_slices_find_identities_across_what_were_several_partitions(
    world: World, make_topic: MakeTopic, adds_up: Identity
) -> None:
    """Identifiers are taught on one partition, and events that need them are on others, without keys.

    Two slices of the raw topic could not bring them together. Those of the rekeyed one deliver everything once, and
    `check` tells the topics apart.
    """
    world.endpoint()
    world.configure()
    topics = Topics(world.bootstrap, make_topic(partitions=4), world.topic)
    world.numbers = list(range(1, 2001))
    every = [(0, each) for each in introductions()]
    every += [(1 + 2 * (number % 2), each) for number in world.numbers for each in messages(number)]
    topics.produce([Kept(partition, None, each.value, [], BEGUN_MS) for partition, each in every])
    before = _checked(world, topics.source)
    assert before.startswith("✗")
    assert "is not keyed by user" in before
    assert "have no key" in before
    assert "rekey" in before

    copying = world.start("-m", "flows", "rekey", "--from", topics.source)
    topics.await_written(len(every), copying)
    runs = [world.start("-m", "flows", "run", "--slice", f"{index}/2") for index in range(2)]
    for run in runs:
        world.await_accepted(world.wanted(), run)
    for run in (*runs, copying):
        assert run.stop() == 0, run.log
    for run in runs:
        adds_up(run.summary)
        assert run.summary["syncs"]["chaos"]["pending"] == 0
    after = _checked(world, world.topic)
    assert after.startswith("✓")
    assert "all keys are user ids, else device ids" in after
    world.conclude(fired=1, copies_allowed=0)


@pytest.mark.slow
@pytest.mark.parametrize(("slices", "directory"), [(2, "state-by-user"), (1, "state")])
def test_a_stream_that_runs_is_handed_over(
    world: World, make_topic: MakeTopic, adds_up: Identity, slices: int, directory: str
) -> None:
    """From one process on a topic without keys to the rekeyed one, by the written procedure, under load.

    Two slices begin with states of their own, one process keeps its own. Nothing is lost, and nothing of what was sent
    before is sent again.
    """
    world.endpoint()
    world.topic, target = make_topic(partitions=4), world.topic
    world.configure(max_in_flight=16, max_pending=200)
    topics = Topics(world.bootstrap, world.topic, target)

    def produce(first: int, last: int) -> int:
        more = range(first, last)
        every = [(0, each) for each in introductions()] if first == 1 else []
        every += [(1 + number % 3, each) for number in more for each in messages(number)]
        topics.produce([Kept(partition, None, each.value, [], BEGUN_MS) for partition, each in every])
        world.numbers += more
        return len(every)

    begun = produce(1, 1500)
    copying = world.start("-m", "flows", "rekey", "--to", target)
    topics.await_written(begun, copying)
    assert copying.stop() == 0, copying.log
    one = world.start("-m", "flows", "run")
    world.await_accepted(world.wanted(), one)
    world.sandbox.set_faults({"rule": [{"delay_ms": 100.0}]})  # so that much is left when it stops
    later = produce(1500, 5000)
    world.await_accepted(world.sandbox.summary()["accepted_bodies"] + 300, one)
    assert one.stop() == 0, one.log
    assert one.summary["syncs"]["chaos"]["pending"] == 0
    assert world.sandbox.summary()["accepted_bodies"] < world.wanted(), "nothing was left to hand over"
    world.sandbox.set_faults({})

    handing = world.start("-m", "flows", "rekey", "--to", target, "--hand-over")
    assert handing.wait() == 0, handing.log
    assert f'set source.topic = "{target}"' in handing.output
    assert 0 < handing.summary["written"] < later
    again = world.start("-m", "flows", "rekey", "--to", target, "--hand-over")
    assert again.wait() == 2
    assert "has offsets in" in again.log

    text = (world.stream.directory / "stream.toml").read_text(encoding="utf-8")
    text = text.replace(f'topic = "{topics.source}"', f'topic = "{target}"')
    world.stream.configure(text.replace('directory = "state"', f'directory = "{directory}"'))
    copying = world.start("-m", "flows", "rekey", "--from", topics.source)
    runs = [world.start("-m", "flows", "run", "--slice", f"{index}/{slices}") for index in range(slices)]
    for run in runs:
        world.await_accepted(world.wanted(), run)
    for run in (*runs, copying):
        assert run.stop() == 0, run.log
    for run in runs:
        adds_up(run.summary)
        assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(fired=1, copies_allowed=0)


def test_a_hand_over_is_refused_where_the_copy_is_further(stream: Stream, topics: Topics) -> None:
    """What is copied beyond the stream's place cannot be told apart any more."""
    topics.produce(orders(90, users=9))
    run = start(stream, topics)
    await_committed(topics, 90, run)
    assert run.stop() == 0, run.log
    ends = topics.ends(topics.target)
    refused = start(stream, topics, "--hand-over")
    assert refused.wait() == 2
    assert "is copied up to 30, and the group" in refused.log
    assert topics.ends(topics.target) == ends


def test_check_on_bodies_of_several_users_and_on_devices(world: World, make_topic: MakeTopic) -> None:
    """Real topics that no key puts right, and one whose keys are devices."""
    world.endpoint()
    world.configure()
    bodies, devices, server = (make_topic(partitions=4) for _ in range(3))
    body = json.dumps({"api_key": "K3Y", "events": [event("ada", 1, "a"), event("bob", 2, "b")]}).encode()
    Topics(world.bootstrap, bodies, "").produce([Kept(0, b"ada", body, [], BEGUN_MS)])
    of_device = [Kept(each % 4, b"d-%d" % each, _event(f"u-{each}", f"d-{each}"), [], BEGUN_MS) for each in range(9)]
    Topics(world.bootstrap, devices, "").produce(of_device)
    of_server = [Kept(each % 4, b"s-1", _event(f"u-{each}", None), [], BEGUN_MS) for each in range(9)]
    Topics(world.bootstrap, server, "").produce(of_server)
    assert "1 of 1 message hold events of several users" in _checked(world, bodies)
    assert "9 of 9 events name a user and are keyed by their device" in _checked(world, devices)
    other_keys = _checked(world, server)
    assert other_keys.startswith("!")
    assert "9 of 9 events have another key than their user's" in other_keys


def _event(user: str, device: str | None) -> bytes:
    return json.dumps(event(user, 0, device)).encode()
