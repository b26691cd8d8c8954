"""The broker says nothing, or is gone and comes back, under load. Needs a local broker of its own.

In `make test-all` an outage lasts 20 seconds, in `make chaos` CHAOS_OUTAGE_SECONDS; the published figures are of 300.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.chaos.conftest import PARTITIONS
from tests.chaos.world import MAX_IN_FLIGHT, UNWRITTEN_ANSWERS, World, cpu_seconds, resident_bytes
from tests.fixtures.kafka_local import LocalKafka
from tests.fixtures.stream import Identity, Stream

pytestmark = pytest.mark.kafka

SHORT_SECONDS = 20.0
LONG_SECONDS = float(os.environ.get("CHAOS_OUTAGE_SECONDS", "60"))
FIRST_DELIVERY_SECONDS = 30.0
CPU_SHARE = 0.1
GROWTH_BYTES = 20e6


class Waited(NamedTuple):
    """How the stream waited, and went on."""

    first_seconds: float
    cpu_share: float
    grown_bytes: int


@pytest.fixture
def own_world(
    request: pytest.FixtureRequest,
    own_kafka: LocalKafka,
    stream: Stream,
    seed: int,
    write_line: Callable[[str], None],
) -> Iterator[World]:
    """Return a world with a broker of its own."""
    own_kafka.start()
    admin = AdminClient({"bootstrap.servers": own_kafka.address, "log_level": 0})
    topic = "events"
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(timeout=30)
    record = stream.directory / "record.ndjson"
    name = str(request.node.name).removeprefix("test_").replace("_", " ")
    world = World(name[:34], seed, stream, own_kafka.address, topic, record, write_line)
    with world.cleanup:
        world.epoch_seconds = 10  # the default, for it costs processor time, which is measured here
        world.endpoint(faults={"rule": [{"delay_ms": 100.0}]})
        world.configure(max_pending=1000)
        yield world


def _outlive(
    world: World, adds_up: Identity, cut: Callable[[], None], mend: Callable[[], None], outage_seconds: float
) -> Waited:
    """Cut the broker off under load, let it come back, and judge what became of the events; say how it waited."""
    world.produce(8000)
    run = world.start()
    world.await_accepted(500, run)
    cut()
    world.await_log("waiting for kafka", run)
    accepted = _what_was_read_goes_out(world)
    before_seconds, before_bytes = cpu_seconds(run), resident_bytes(run)
    time.sleep(outage_seconds)
    share = (cpu_seconds(run) - before_seconds) / outage_seconds
    grown_bytes = resident_bytes(run) - before_bytes
    assert run.process.poll() is None, run.log
    mend()
    mended = time.monotonic()
    world.produce(2000)
    world.await_accepted(accepted + 1, run)
    first_seconds = time.monotonic() - mended
    world.await_accepted(world.wanted(), run)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(
        fired=1,
        note=f"away for {outage_seconds:.0f} s: first delivery {first_seconds:.1f} s after it; while it waited: "
        f"CPU {share:.1%}, memory {grown_bytes / 1e6:+.1f} MB",
    )
    return Waited(first_seconds, share, grown_bytes)


def _what_was_read_goes_out(world: World) -> int:
    """Wait until nothing more arrives; return how much did."""
    accepted = -1
    while accepted != (accepted := world.sandbox.summary()["accepted_bodies"]):
        time.sleep(3)
    return int(accepted)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_broker_is_away_for_a_moment(own_world: World, own_kafka: LocalKafka, adds_up: Identity) -> None:
    """The stream waits, says for what, does not end, and loses nothing; what it has still goes out meanwhile."""
    _outlive(own_world, adds_up, own_kafka.kill, own_kafka.start, SHORT_SECONDS)


@pytest.mark.chaos
@pytest.mark.timeout(600 + 2 * LONG_SECONDS)
@pytest.mark.parametrize("way", ["killed", "silent"])
def test_the_broker_is_away(own_world: World, own_kafka: LocalKafka, adds_up: Identity, way: str) -> None:
    """Killed and restarted, or stopped with its connections open: nothing is lost, and it goes on within seconds."""
    ways = {"killed": (own_kafka.kill, own_kafka.start), "silent": (own_kafka.pause, own_kafka.go_on)}
    waited = _outlive(own_world, adds_up, *ways[way], LONG_SECONDS)
    assert waited.first_seconds <= FIRST_DELIVERY_SECONDS
    assert waited.cpu_share < CPU_SHARE
    assert waited.grown_bytes < GROWTH_BYTES


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_a_kill_while_the_broker_takes_no_commits(own_world: World, own_kafka: LocalKafka, adds_up: Identity) -> None:
    """Without -r: what was delivered since the last commit that Kafka has is in the journal, however long ago that is.

    Identities are forgotten then, so each event tells its own; and so are insert_ids.
    """
    without = ("-m", "bytewax.run", "flows.stream", "-s", "1")  # an epoch a second, so that segments could be removed
    world = own_world
    world.sandbox.set_faults({"rule": [{"delay_ms": 400.0}]})
    world.only_telling = True
    world.produce(8000)
    run = world.start(*without)
    world.await_accepted(200, run)
    own_kafka.kill()
    time.sleep(8)
    delivered = world.sandbox.summary()["accepted_bodies"]
    assert 1500 < delivered < world.wanted(), "nothing was left to repeat or to lose"
    world.kill(run)
    own_kafka.start()
    last = world.start(*without)
    world.await_accepted(world.wanted(), last)
    assert last.stop() == 0, last.log
    adds_up(last.summary)
    # Of two messages with one insert_id the group's offset may lie in between, once in each partition.
    world.conclude(fired=1, copies_allowed=MAX_IN_FLIGHT + UNWRITTEN_ANSWERS + PARTITIONS, note=f"{delivered:,} before")
