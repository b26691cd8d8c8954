"""Another process that commits for the group while this one runs, and a broker that hands out damaged records."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from structlog.testing import capture_logs

from connectors.kafka import damage
from connectors.kafka.claim import Claim
from connectors.kafka.errors import GroupInUseError
from connectors.kafka.kept import Kept
from connectors.kafka.note import CommitMetadata
from connectors.kafka.partition import KafkaPartition
from connectors.kafka.read_rules import Intervals, ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.source import KafkaInput
from connectors.kafka.topic_reader import TopicReader
from connectors.shutdown import Shutdown
from flows.domain.event import Record
from tests.fixtures.kafka_local import LocalKafka, made

pytestmark = pytest.mark.kafka

FAST = Intervals(chores=0.02, commit=0.05, watch_partitions=0.1)


class Damageable(NamedTuple):
    """A topic of a broker whose files a test may change."""

    address: str
    topic: str
    segment: Path
    """Of the first partition: three records, one of which is `DAMAGE-ME`."""
    producer: Producer


@pytest.fixture(scope="module")
def damageable_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    broker = made(LocalKafka, tmp_path_factory.mktemp("damageable"))
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def damageable(damageable_kafka: LocalKafka) -> Damageable:
    broker = damageable_kafka
    topic = f"t{uuid.uuid4().hex[:8]}"
    make_topic(broker.address, topic)
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 0, "batch.num.messages": 1})
    for value in (b"first", b"DAMAGE-ME", b"last"):
        producer.produce(topic, value, partition=0)
        producer.flush(10)
    [segment] = (broker.logs / f"{topic}-0").glob("*.log")
    return Damageable(broker.address, topic, segment, producer)


@pytest.fixture
def opened() -> Iterator[list[KafkaInput]]:
    """Whatever is put in is closed."""
    sources: list[KafkaInput] = []
    yield sources
    for each in sources:
        each.close()


def source_of(
    address: str, topic: str, claim: Claim | None = None, until: Mapping[int, int] | None = None
) -> KafkaInput:
    settings = KafkaSource(bootstrap_servers=address, topic=topic, group_id=f"group-of-{topic}", start="earliest")
    rules = ReadRules(FAST, until=until or {})
    return KafkaInput(settings, TopicReader(lambda: 1000, lambda *_: None, Shutdown()), claim=claim, rules=rules)


def read(part: KafkaPartition, until: Callable[[], bool], seconds: float = 30) -> list[Record]:
    records: list[Record] = []
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        records += part.next_batch()
        time.sleep(0.005)
    return records


def test_a_second_process_that_commits_for_the_group_while_this_one_runs_ends_it(
    kafka: str, topic: str, opened: list[KafkaInput], tmp_path: Path
) -> None:
    kept = Kept(tmp_path, topic, has_position=False)
    source = source_of(kafka, topic, claim=Claim(kept, lambda *_: None))
    opened.append(source)
    part = source.build_part("source", source.list_parts()[0], None)
    read(part, lambda: source.committed() != {})
    assert source.committed() != {}
    other = CommitMetadata(None, topic, "another state", "another run", 1, is_open=True).text()
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"group-of-{topic}"})
    is_over = threading.Event()

    def commit_again_and_again() -> None:
        while not is_over.wait(0.01):
            consumer.commit(offsets=[TopicPartition(topic, 0, 0, other)], asynchronous=False)

    rival = threading.Thread(target=commit_again_and_again)
    rival.start()
    try:
        with pytest.raises(GroupInUseError, match="another process reads"):
            read(part, lambda: False)
    finally:
        is_over.set()
        rival.join(10)
        consumer.close()


def test_its_own_commits_are_nobody_elses(kafka: str, topic: str, opened: list[KafkaInput], tmp_path: Path) -> None:
    kept = Kept(tmp_path, topic, has_position=False)
    source = source_of(kafka, topic, claim=Claim(kept, lambda *_: None))
    opened.append(source)
    part = source.build_part("source", source.list_parts()[0], None)
    began = time.monotonic()
    read(part, lambda: time.monotonic() - began > 2)  # some forty commits


def make_topic(address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    until = time.monotonic() + 30
    while True:
        try:
            admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(timeout=10)
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.mark.xdist_group("damageable")
def test_damaged_records_stop_their_partition_alone_and_are_read_when_they_are_whole_again(
    damageable: Damageable, opened: list[KafkaInput], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "RETRY_SECONDS", 0.2)
    address, topic, segment, producer = damageable
    whole = segment.read_bytes()
    write_over(segment, whole, whole.replace(b"DAMAGE-ME", b"damaged!!"))

    source = source_of(address, topic)
    opened.append(source)
    damaged, healthy = (source.build_part("source", each, None) for each in source.list_parts())
    records: list[Record] = []
    with capture_logs() as logs:
        records += read(damaged, lambda: bool(source.damaged))
        began = time.monotonic()
        records += read(damaged, lambda: time.monotonic() - began > 1)  # it is tried again some times
    assert [each.value for each in records] == [b"first"]  # nothing behind the damage
    assert list(source.damaged) == [0]
    assert "partition 0: the records from offset 1 on are damaged" in source.damaged[0]
    said = [each for each in logs if "damaged records" in each["event"]]
    assert [each["log_level"] for each in said] == ["error"]

    producer.produce(topic, b"other", partition=1)
    producer.flush(10)
    found: list[Record] = []
    while not found:
        found += healthy.next_batch()
    assert [each.value for each in found] == [b"other"]

    write_over(segment, segment.read_bytes(), whole)
    records = read(damaged, lambda: not source.damaged)
    records += damaged.next_batch()
    assert [each.value for each in records][:2] == [b"DAMAGE-ME", b"last"]
    assert source.damaged == {}


@pytest.mark.xdist_group("damageable")
@pytest.mark.parametrize(("cut", "read_up_to"), [(3, 1), (1, 1)])
def test_damage_before_the_offset_where_a_partition_ends_ends_it_and_is_told(
    damageable: Damageable,
    opened: list[KafkaInput],
    monkeypatch: pytest.MonkeyPatch,
    cut: int,
    read_up_to: int,
) -> None:
    """As for a hand-over: who waits for that end would wait for ever. Damage behind it is none of its business."""
    monkeypatch.setattr(damage, "RETRY_SECONDS", 0.2)
    address, topic, segment, _ = damageable
    whole = segment.read_bytes()
    write_over(segment, whole, whole.replace(b"DAMAGE-ME", b"damaged!!"))

    source = source_of(address, topic, until={0: cut, 1: 0})
    opened.append(source)
    part, empty = (source.build_part("source", each, None) for each in source.list_parts())
    with pytest.raises(StopIteration):
        empty.next_batch()
    records = read_to_end(part)
    part.close()
    assert [each.value for each in records] == [b"first"]
    assert part.snapshot() == read_up_to
    assert list(source.unreadable) == ([0] if read_up_to < cut else [])
    assert all("the records from offset 1 on are damaged" in text for text in source.unreadable.values())


def read_to_end(part: KafkaPartition) -> list[Record]:
    """Read until it says that it is at its end."""
    records: list[Record] = []
    try:
        while True:
            records += part.next_batch()
    except StopIteration:
        return records


def write_over(segment: Path, before: bytes, after: bytes) -> None:
    """Change bytes where they are, as a disk does."""
    with segment.open("r+b") as file:
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                file.seek(place)
                file.write(bytes([new]))
