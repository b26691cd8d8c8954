"""A source, a group or a state that is not what it was: noticed, and nothing is skipped or sent twice."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.events import order, produce
from tests.fixtures.kafka import make_again
from tests.fixtures.settings import kafka_source, settings_text
from tests.fixtures.stream import KEY, Run, Stream

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


class World:
    """A topic, a sandbox, and the stream between them."""

    def __init__(self, kafka: str, admin: AdminClient, topic: str, stream: Stream, sandbox: SandboxServer) -> None:
        self.kafka, self.admin, self.topic, self.stream, self.sandbox = kafka, admin, topic, stream, sandbox
        self.sent = 0
        self.configure("state")

    def configure(self, state: str, start: str = "earliest", **more: Any) -> None:
        """Write the settings, for the state directory of that name; `more` is for the source."""
        self.state = self.stream.directory / state
        text = settings_text(
            kafka_source(self.kafka, self.topic, start=start, **more),
            delivery={"endpoint": self.sandbox.url},
            state={"directory": str(self.state)},
            dead_letters={"kind": "files", "directory": f"{self.state}/letters"},
        )
        self.stream.configure(text)

    def produce(self, count: int, *, unknown: bool = False, partition: int = 0) -> None:
        """Write events that differ from all before; unknown ones lack the AppsFlyer id, and so are held."""
        who: dict[str, Any] = {"user_properties": None} if unknown else {"user_id": "user"}
        numbers = range(self.sent, self.sent + count)
        produce(self.kafka, self.topic, (order(each, event_type=f"event {each}", **who) for each in numbers), partition)
        self.sent += count

    def make_again(self) -> None:
        """Delete the topic and make it again."""
        make_again(self.admin, self.topic)

    def run(self) -> Run:
        """Start the stream."""
        return self.stream.start("-m", "flows", "run")

    def check(self) -> str:
        """Return what `check` says."""
        run = self.stream.start("-m", "flows", "check")
        run.wait()
        return run.output

    def delivered(self, count: int) -> None:
        """Wait until so many different events have arrived."""
        self.sandbox.wait_until(lambda counts: counts["unique_bodies"] >= count, timeout_seconds=60)

    def counts(self) -> tuple[int, int]:
        """Return how many different events have arrived, and how many again."""
        counts = self.sandbox.summary()
        return counts["unique_bodies"], counts["duplicate_bodies"]


@pytest.fixture
def world(kafka: str, kafka_admin: AdminClient, make_topic: Callable[..., str], stream: Stream) -> Iterator[World]:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        yield World(kafka, kafka_admin, make_topic(), stream, sandbox)


@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_a_topic_made_again_while_the_stream_is_stopped_is_read_from_its_first_record(world: World, start: str) -> None:
    """It is filled beyond the old position, and events of the old one are pending."""
    world.produce(20, unknown=True)
    world.produce(100)
    run = world.run()
    world.delivered(100)
    assert run.stop() == 0, run.log
    assert "made again" not in world.check()
    world.make_again()
    world.produce(200)
    assert "made again since it was read; a start reads the new one from its first record" in world.check()
    world.configure("state", start)
    run = world.run()
    world.delivered(300)
    assert run.stop() == 0, run.log
    assert "made again" in run.log
    assert world.counts() == (300, 0)
    assert run.summary["syncs"]["production"]["pending"] == 20  # those of the old topic
    world.produce(10)
    run = world.run()
    world.delivered(310)
    assert run.stop() == 0, run.log
    assert "made again" not in run.log
    assert world.counts() == (310, 0)


def test_a_topic_made_again_while_the_stream_runs_is_read_from_its_first_record(world: World) -> None:
    world.produce(100)
    run = world.run()
    world.delivered(100)
    world.make_again()
    world.produce(300)
    until = time.monotonic() + 60
    while world.counts()[0] < 400 and time.monotonic() < until:
        if run.process.poll() is not None:  # as an orchestrator does, where it was gone for long enough to say so
            run = world.run()
        time.sleep(0.1)
    assert run.stop() == 0, run.log
    assert "made again" in "".join(each.log for each in world.stream.runs)
    assert world.counts() == (400, 0)


@pytest.mark.parametrize("is_running", [True, False])
def test_a_partition_that_was_added_is_read_from_its_first_record_though_a_start_reads_the_latest(
    world: World, *, is_running: bool
) -> None:
    world.configure("state", "latest", watch_partitions_seconds=1)
    world.produce(10)
    run = world.run()
    run.wait_for_log("reading a partition")
    world.produce(20)
    world.delivered(20)
    if not is_running:
        assert run.stop() == 0, run.log
    world.admin.create_partitions([NewPartitions(world.topic, 3)])[world.topic].result(timeout=20)
    for partition in (1, 2):
        world.produce(15, partition=partition)
    if not is_running:
        run = world.run()
    world.delivered(50)
    assert run.stop() == 0, run.log
    assert world.counts() == (50, 0)


def test_a_state_that_is_older_than_the_group_is_refused_with_a_choice(world: World) -> None:
    world.produce(50)
    run = world.run()
    world.delivered(50)
    assert run.stop() == 0, run.log
    backup = world.stream.directory / "yesterday"
    shutil.copytree(world.state, backup)
    world.produce(50)
    run = world.run()
    world.delivered(100)
    assert run.stop() == 0, run.log
    shutil.rmtree(world.state)
    shutil.copytree(backup, world.state)
    assert "older than what the group has committed" in world.check()
    run = world.run()
    assert run.wait() == 2
    [kept] = world.state.rglob("source.json")
    assert "older than what the group has committed" in run.log
    assert str(kept) in run.log
    assert world.counts() == (100, 0)
    shutil.rmtree(world.state)  # one choice: to go on where the group is
    world.produce(10)
    run = world.run()
    world.delivered(110)
    assert run.stop() == 0, run.log
    assert world.counts() == (110, 0)


def test_a_second_process_on_the_group_from_another_state_directory_is_refused(world: World) -> None:
    world.produce(50)
    first = world.run()
    world.delivered(50)
    world.configure("other")
    second = world.run()
    assert second.wait() == 2
    assert "another process reads for this group" in second.log
    world.produce(50)
    world.delivered(100)
    assert first.stop() == 0, first.log
    assert world.counts() == (100, 0)


def test_after_a_clean_stop_a_lost_state_sends_nothing_twice_though_events_are_held(world: World) -> None:
    world.produce(3)
    world.produce(5, unknown=True)
    world.produce(60)
    world.produce(5, unknown=True)
    world.produce(30)
    run = world.run()
    world.delivered(93)
    assert run.stop() == 0, run.log
    for again in range(2):  # the second loss finds what the first has left
        shutil.rmtree(world.state)
        world.produce(10)
        run = world.run()
        world.delivered(93 + 10 * (again + 1))
        assert run.stop() == 0, run.log
        assert run.summary["syncs"]["production"]["pending"] == 10
    assert world.counts() == (113, 0)


def test_a_damaged_file_about_the_source_is_refused(world: World) -> None:
    world.produce(5)
    run = world.run()
    world.delivered(5)
    assert run.stop() == 0, run.log
    [kept] = world.state.rglob("source.json")
    whole = kept.read_bytes()
    kept.write_bytes(whole.replace(b'"5"', b'"6"').replace(b":5", b":6"))
    assert kept.read_bytes() != whole
    run = world.run()
    assert run.wait() == 2
    assert str(Path(kept)) in run.log
