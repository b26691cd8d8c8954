"""An upgrade: this version starts on what each earlier release has stored, and nothing is lost or sent twice."""

import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.fixtures.stream import KEY, Identity, Stream
from tests.upgrade import scene
from tests.upgrade.topic import made_anew

# All of them use the topic and the group that the states name.
pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.timeout(180), pytest.mark.xdist_group("upgrade")]

STATES: Final = sorted((Path(__file__).parents[1] / "upgrade" / "states").glob("*.tar.xz"))
LATER: Final = range(scene.EVENTS.stop, scene.EVENTS.stop + 20)
"""Events that come after the upgrade."""


class Upgrade:
    """A state that an earlier release has left, with the topic and the group as they were then."""

    def __init__(self, stream: Stream, kafka: str, sandbox: SandboxServer) -> None:
        self.stream, self.sandbox, self._kafka = stream, sandbox, kafka

    def take(self, state: Path) -> dict[str, Any]:
        """Put all of it in its place; return what the release had done until then."""
        with tarfile.open(state) as packed:
            packed.extractall(self.stream.directory, filter="data")
        self.stream.configure(scene.SETTINGS.format(bootstrap=self._kafka, url=self.sandbox.url))
        before: dict[str, Any] = orjson.loads((self.stream.directory / "before.json").read_bytes())
        self.produce([*map(scene.message, scene.EVENTS), scene.UNREADABLE])
        group = Consumer({"bootstrap.servers": self._kafka, "group.id": scene.GROUP})
        places = [TopicPartition(scene.TOPIC, *each) for each in enumerate(before["offsets"])]
        group.commit(offsets=places, asynchronous=False)
        group.close()
        return before

    def produce(self, messages: list[tuple[int, str, bytes]]) -> None:
        """Write events."""
        producer = Producer({"bootstrap.servers": self._kafka})
        for partition, key, value in messages:
            producer.produce(scene.TOPIC, value, key, partition=partition)
        assert producer.flush(30) == 0

    def delivered(self, app_id: str) -> Counter[int]:
        """Return the numbers of the events that an app has taken since the upgrade."""
        return Counter(
            orjson.loads(each["body"]["eventValue"])["number"]
            for each in self.sandbox.requests
            if each["status"] == 200 and each["app_id"] == app_id
        )


@pytest.fixture
def upgrade(stream: Stream, kafka: str, kafka_admin: AdminClient) -> Iterator[Upgrade]:
    with made_anew(kafka_admin, kafka), SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        yield Upgrade(stream, kafka, sandbox)


def test_there_is_a_state_of_a_release() -> None:
    """Each release adds one: see tests/upgrade/README.md."""
    assert STATES


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name.removesuffix(".tar.xz"))
def test_a_start_on_its_state_goes_on_where_it_stopped(upgrade: Upgrade, adds_up: Identity, state: Path) -> None:
    """What was held, under way or set aside is sent once; what was delivered, or replayed, is not sent again."""
    before = upgrade.take(state)
    knows_topic = (upgrade.stream.directory / "state/source.json").exists()
    run = upgrade.stream.start("-m", "flows", "run")
    run.wait_for_log("reading a partition")
    introductions = [scene.message(number, introduces=True) for number in scene.UNKNOWN]
    repeated = [scene.message(number) for number in before["delivered"][:5]]  # by insert ids that it remembered
    upgrade.produce([*introductions, *repeated, *map(scene.message, LATER)])
    everything = dict.fromkeys((*scene.EVENTS, *LATER), 1)
    missing = {number: 1 for number in everything if number not in before["delivered"]}
    upgrade.sandbox.wait_until(
        lambda _: (
            len(upgrade.delivered(scene.FAILS)) == len(everything)
            and len(upgrade.delivered(scene.WORKS)) == len(missing)
        ),
        60,
    )
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert upgrade.delivered(scene.FAILS) == everything
    assert upgrade.delivered(scene.WORKS) == missing
    # From 0.2.0 on the state knows that this topic is not the one that it was of, and all of it is read anew.
    known = len(scene.EVENTS) if knows_topic else 0
    for sync in run.summary["syncs"].values():
        assert (sync["pending"], sync["duplicate"], sync["dead_lettered"]) == (0, len(repeated) + known, {})

    replay = upgrade.stream.start("-m", "flows", "replay", "--reason", "rejected")
    assert replay.wait() == 0, replay.log
    assert replay.summary["letters"]["left_out"]["already_replayed"] == len(scene.refused())
    assert upgrade.delivered(scene.WORKS) == missing


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name.removesuffix(".tar.xz"))
def test_its_state_can_be_dealt_out_to_slices(upgrade: Upgrade, state: Path) -> None:
    """`reslice` reads what an earlier release has stored, and its slices lose and repeat nothing."""
    before = upgrade.take(state)
    dealt = upgrade.stream.start("-m", "flows", "reslice", "--from", "1", "--to", "2")
    assert dealt.wait() == 0, dealt.log
    assert "2 partitions, 150 users, 10 held events, 140 unfinished deliveries" in dealt.output
    runs = [upgrade.stream.start("-m", "flows", "run", "--slice", f"{index}/2") for index in range(2)]
    upgrade.produce([scene.message(number, introduces=True) for number in scene.UNKNOWN])
    missing = {number: 1 for number in scene.EVENTS if number not in before["delivered"]}
    upgrade.sandbox.wait_until(
        lambda _: (
            len(upgrade.delivered(scene.FAILS)) == len(scene.EVENTS)
            and len(upgrade.delivered(scene.WORKS)) == len(missing)
        ),
        60,
    )
    for run in runs:
        assert run.stop() == 0, run.log
    assert upgrade.delivered(scene.FAILS) == dict.fromkeys(scene.EVENTS, 1)
    assert upgrade.delivered(scene.WORKS) == missing
