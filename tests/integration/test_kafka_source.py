"""The Kafka source in a running dataflow: what is read, from where, and what the group and the engine are told."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, cluster_main, run_main
from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.kafka.read_rules import Intervals, ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.source import KafkaInput
from connectors.kafka.topic_reader import TopicReader
from connectors.shutdown import Shutdown
from flows.domain.event import Record
from flows.domain.slice import ALL, Slice

pytestmark = pytest.mark.kafka

MakeTopic = Callable[..., str]
Watermark = Callable[[str, int], int | None]

FAST = ReadRules(Intervals(chores=0.02, commit=0.05, watch_partitions=0.1))


def no_watermark(_topic: str, _partition: int) -> int | None:
    return None


@pytest.fixture
def recovery(tmp_path: Path) -> Path:
    directory = tmp_path / "recovery"
    directory.mkdir()
    init_db_dir(directory, 1)  # type: ignore[no-untyped-call]  # a native function
    return directory


@pytest.fixture
def watchdog() -> Iterator[Callable[[Shutdown], None]]:
    """Stop a run that does not come to its end, so that its test fails by its own assertion."""
    timers: list[threading.Timer] = []

    def watch(shutdown: Shutdown) -> None:
        timer = threading.Timer(30, shutdown.request)
        timer.start()
        timers.append(timer)

    yield watch
    for timer in timers:
        timer.cancel()


class Reader:
    """Runs the source into a list, and stops it cleanly after a number of records."""

    def __init__(self, settings: KafkaSource, watchdog: Callable[[Shutdown], None]) -> None:
        self.settings = settings
        self.watchdog = watchdog
        self.shutdown = Shutdown()

    def read(
        self,
        limit: int,
        *,
        recovery: Path | None = None,
        workers: int = 1,
        on_record: Callable[[Record], None] = lambda _: None,
        room: Callable[[], int] = lambda: 1_000_000,
        watermark: Watermark = no_watermark,
        part: Slice = ALL,
    ) -> list[Record]:
        """Return everything that came until the stop, which `limit` records ask for."""
        shutdown = self.shutdown = Shutdown()
        self.watchdog(shutdown)
        source = KafkaInput(self.settings, TopicReader(room, watermark, shutdown), part, rules=FAST)
        out: list[Record] = []

        def note(record: Record) -> Record:
            on_record(record)
            out.append(record)
            if len(out) >= limit:
                shutdown.request()
            return record

        flow = Dataflow("test")
        stream = op.map("note", op.input("in", flow, source), note)
        op.output("out", stream, TestingSink([]))
        engine: dict[str, Any] = {"epoch_interval": timedelta(milliseconds=20)}
        if recovery is not None:
            engine["recovery_config"] = RecoveryConfig(str(recovery))  # type: ignore[no-untyped-call]  # a native function
        try:
            if workers == 1:
                run_main(flow, **engine)  # type: ignore[no-untyped-call]  # a native function
            else:
                cluster_main(flow, [], 0, worker_count_per_proc=workers, **engine)  # type: ignore[no-untyped-call]  # a native function
        finally:
            source.close()
        return out


@pytest.fixture
def reader(kafka: str, watchdog: Callable[[Shutdown], None]) -> Callable[..., Reader]:
    def make(topic: str, **settings: Any) -> Reader:
        source = KafkaSource(bootstrap_servers=kafka, topic=topic, group_id=f"group-of-{topic}", **settings)
        return Reader(source, watchdog)

    return make


@pytest.fixture
def produce(kafka: str) -> Callable[[str, int, int], None]:
    """Return `produce(topic, partition, count)`, which writes the values 0, 1, 2 … into a partition."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 5})

    def write(topic: str, partition: int, count: int) -> None:
        for number in range(count):
            producer.produce(topic, str(number).encode(), partition=partition)
        assert producer.flush(30) == 0

    return write


def committed(kafka: str, topic: str, partitions: int) -> dict[int, int]:
    """Ask as any lag tool does."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"group-of-{topic}"})
    answer = consumer.committed([TopicPartition(topic, each) for each in range(partitions)], timeout=20)
    consumer.close()
    return {each.partition: each.offset for each in answer if each.offset >= 0}


def positions(records: list[Record]) -> list[tuple[int, int]]:
    return [(each.partition, each.offset) for each in records]


def test_every_record_comes_once_over_clean_stops_at_any_point(
    topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None], recovery: Path
) -> None:
    for partition, count in enumerate((700, 300, 0, 1)):
        produce(topic, partition, count)
    dice = random.Random(7)
    read: list[Record] = []
    runs = 0
    while len(read) < 1001:
        read += reader(topic).read(min(dice.randint(1, 400), 1001 - len(read)), recovery=recovery)
        runs += 1
    assert runs > 3
    counts = Counter(positions(read))
    assert counts == Counter((p, o) for p, n in enumerate((700, 300, 0, 1)) for o in range(n))
    for partition in range(4):
        of_partition = [each.offset for each in read if each.partition == partition]
        assert of_partition == sorted(of_partition)


def test_nothing_is_lost_when_a_step_fails(
    topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None], recovery: Path
) -> None:
    for partition in range(4):
        produce(topic, partition, 250)
    seen: set[tuple[int, int]] = set()

    def fail_in_the_middle(record: Record) -> None:
        if record.offset == 120:
            raise RuntimeError("a bug")
        seen.add((record.partition, record.offset))

    with pytest.raises(RuntimeError):
        reader(topic).read(1000, recovery=recovery, on_record=fail_in_the_middle)
    rest = reader(topic)

    def until_all(record: Record) -> None:
        seen.add((record.partition, record.offset))
        if len(seen) == 1000:
            rest.shutdown.request()

    rest.read(10**6, recovery=recovery, on_record=until_all)
    assert len(seen) == 1000


def test_two_worker_threads_share_the_consumer_and_read_everything_once(
    topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None]
) -> None:
    for partition in range(4):
        produce(topic, partition, 500)
    assert Counter(positions(reader(topic).read(2000, workers=2))) == Counter(
        (partition, offset) for partition in range(4) for offset in range(500)
    )


def test_slices_own_disjoint_partitions_that_cover_the_topic(
    make_topic: MakeTopic, reader: Callable[..., Reader], produce: Callable[[str, int, int], None]
) -> None:
    topic = make_topic(partitions=5)
    for partition in range(5):
        produce(topic, partition, 10)
    assert {each.partition for each in reader(topic).read(30, part=Slice(0, 2))} == {0, 2, 4}
    assert {each.partition for each in reader(topic).read(20, part=Slice(1, 2))} == {1, 3}


def test_a_record_brings_its_value_key_time_and_place(kafka: str, topic: str, reader: Callable[..., Reader]) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, b"\xff\x00", key=b"user", partition=2, timestamp=1_700_000_000_123)
    producer.produce(topic, None, key=b"user", partition=2, timestamp=1_700_000_000_124)
    producer.produce(topic, b"", partition=2, timestamp=1_700_000_000_125)
    assert producer.flush(30) == 0
    assert reader(topic).read(3) == [
        Record(b"\xff\x00", b"user", topic, 2, 0, 1_700_000_000_123),
        Record(None, b"user", topic, 2, 1, 1_700_000_000_124),
        Record(b"", None, topic, 2, 2, 1_700_000_000_125),
    ]


def test_nothing_is_read_without_room_and_reading_goes_on_with_it(
    topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None]
) -> None:
    produce(topic, 0, 1000)
    asked = 0
    taken: list[Record] = []

    def room() -> int:
        nonlocal asked
        asked += 1
        closed = 300 <= asked < 400
        if closed:
            taken_while_closed.append(len(taken))
        return 0 if closed or asked < 50 else 1

    taken_while_closed: list[int] = []
    records = reader(topic).read(1000, room=room, on_record=taken.append)
    assert asked >= 50
    assert len(set(taken_while_closed)) <= 1
    assert [each.offset for each in records] == list(range(1000))


def test_a_hot_partition_is_read_to_its_end_beside_idle_ones(
    make_topic: MakeTopic, reader: Callable[..., Reader], produce: Callable[[str, int, int], None]
) -> None:
    topic = make_topic(partitions=32)
    produce(topic, 17, 5000)
    assert [each.offset for each in reader(topic).read(5000)] == list(range(5000))


def test_the_group_gets_the_low_watermark_and_a_start_without_saved_positions_begins_there(
    kafka: str, topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None]
) -> None:
    for partition in range(3):
        produce(topic, partition, 100)
    watermarks = {0: 40, 1: 100}
    reader(topic).read(300, watermark=lambda _, partition: watermarks.get(partition))
    assert committed(kafka, topic, 4) == watermarks
    again = reader(topic).read(160)
    assert Counter(positions(again)) == Counter(
        [(0, offset) for offset in range(40, 100)] + [(2, offset) for offset in range(100)]
    )


def test_the_group_is_told_while_the_stream_runs_and_never_sent_back(
    kafka: str, topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None]
) -> None:
    produce(topic, 0, 100)
    told: list[dict[int, int]] = []
    low = 60

    def watermark(_topic: str, partition: int) -> int | None:
        return low if partition == 0 else None

    stream = reader(topic)
    asked = 0

    def room() -> int:
        nonlocal asked, low
        asked += 1
        if asked % 20 == 0:
            told.append(committed(kafka, topic, 4))
            if told[-1] == {0: 60}:
                low = 10
                stream.shutdown.request()
        return 1000

    stream.read(10**6, room=room, watermark=watermark)
    assert told[-1] == {0: 60}
    assert committed(kafka, topic, 4) == {0: 60}


def test_the_engines_position_goes_before_the_groups(
    topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None], recovery: Path
) -> None:
    produce(topic, 0, 100)
    first = reader(topic).read(100, recovery=recovery, watermark=lambda _, partition: 30 if partition == 0 else None)
    produce(topic, 0, 5)
    second = reader(topic).read(5, recovery=recovery)
    assert [each.offset for each in first + second] == list(range(105))


def test_a_start_at_the_latest_reads_only_what_comes_later(
    topic: str, reader: Callable[..., Reader], produce: Callable[[str, int, int], None], recovery: Path
) -> None:
    produce(topic, 0, 100)
    stream = reader(topic, start="latest")
    calls = 0

    def stop_soon() -> int:
        nonlocal calls
        calls += 1
        if calls == 50:
            stream.shutdown.request()
        return 1000

    assert stream.read(1, room=stop_soon, recovery=recovery) == []
    produce(topic, 0, 3)
    assert [each.offset for each in reader(topic, start="latest").read(3, recovery=recovery)] == [100, 101, 102]
