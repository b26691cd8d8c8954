"""The Kafka source when something is wrong: each case is loud, says what to do, and never hangs or loses in silence."""

import contextlib
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import CapturingLogger

from connectors.kafka import cluster, presence, read_ahead
from connectors.kafka.errors import KafkaSetupError, OffsetsGoneError, StoppedWhileWaitingError
from connectors.kafka.partition import KafkaPartition
from connectors.kafka.read_rules import Intervals, ReadRules
from connectors.kafka.settings import KafkaSource
from connectors.kafka.source import KafkaInput
from connectors.kafka.topic_reader import TopicReader
from connectors.shutdown import Shutdown
from flows.domain.event import Record
from flows.domain.slice import ALL, Slice
from tests.fixtures.kafka_local import LocalKafka

pytestmark = pytest.mark.kafka

FAST = ReadRules(Intervals(chores=0.02, commit=0.05, watch_partitions=0.1))
NOBODY_LISTENS = "127.0.0.1:9"
PASSWORD = (("sasl.mechanism", "PLAIN"), ("sasl.username", "user"), ("sasl.password", "hunter2-secret"))


class Lines(list[dict[str, Any]]):
    """What was logged."""

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [each for each in self if each["event"] == event]


@pytest.fixture
def lines() -> Iterator[Lines]:
    caught = Lines()

    def catch(_logger: CapturingLogger, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        caught.append({**event, "level": level})
        raise structlog.DropEvent

    structlog.configure(processors=[catch], cache_logger_on_first_use=False)
    yield caught
    structlog.reset_defaults()


@pytest.fixture
def open_source() -> Iterator[Callable[..., KafkaInput]]:
    made: list[KafkaInput] = []

    def make(address: str, topic: str, shutdown: Shutdown | None = None, **settings: Any) -> KafkaInput:
        committed = settings.pop("committed", None)
        part = settings.pop("part", ALL)
        begun_anew = settings.pop("begun_anew", lambda *_: None)
        source = KafkaInput(
            KafkaSource(bootstrap_servers=address, topic=topic, group_id=f"group-of-{topic}", **settings),
            TopicReader(
                lambda: 1000,
                lambda _topic, partition: committed if partition == 0 else None,
                shutdown or Shutdown(),
                begun_anew=begun_anew,
            ),
            part,
            rules=FAST,
        )
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[str]:
    """Return the address of a TLS server whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    pem = tmp_path / "impostor.pem"
    pem.write_bytes(
        certificate
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    class Handshake(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                context.wrap_socket(self.request, server_side=True).close()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handshake) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def fill(address: str, topic: str, count: int, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": address})
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=partition)
    assert producer.flush(30) == 0


def begin(source: KafkaInput, resume: int | None = None) -> KafkaPartition:
    """Build the topic's first partition as Bytewax does."""
    return source.build_part("input", source.list_parts()[0], resume)


def read(partition: KafkaPartition, count: int, seconds: float = 30) -> list[Record]:
    """Call the partition as Bytewax does until it has given `count` records."""
    records: list[Record] = []
    deadline = time.monotonic() + seconds
    while len(records) < count and time.monotonic() < deadline:
        records += partition.next_batch()
        time.sleep(0.001)
    return records


def delete_before(admin: AdminClient, topic: str, offset: int) -> None:
    admin.delete_records([TopicPartition(topic, 0, offset)])[TopicPartition(topic, 0)].result(timeout=20)


def test_a_missing_topic_is_named_with_its_setting_and_not_created(
    kafka: str, kafka_admin: AdminClient, open_source: Callable[..., KafkaInput]
) -> None:
    with pytest.raises(KafkaSetupError, match=rf"source\.topic.*'test-none'.*{kafka}.*Create it"):
        open_source(kafka, "test-none").connect()
    assert "test-none" not in kafka_admin.list_topics(timeout=20).topics


def test_a_property_that_librdkafka_does_not_know_is_named(kafka: str, open_source: Callable[..., KafkaInput]) -> None:
    with pytest.raises(KafkaSetupError, match=r"source\.properties.*no\.such\.thing"):
        open_source(kafka, "t", properties=(("no.such.thing", "1"),)).connect()


def test_more_slices_than_partitions_are_refused(
    kafka: str, make_topic: Callable[..., str], open_source: Callable[..., KafkaInput]
) -> None:
    with pytest.raises(KafkaSetupError, match="slice 2 of 3 has none to read"):
        open_source(kafka, make_topic(partitions=2), part=Slice(2, 3)).connect()


def test_while_no_broker_answers_it_waits_and_a_stop_ends_the_wait_at_once(
    lines: Lines, open_source: Callable[..., KafkaInput]
) -> None:
    shutdown = Shutdown()
    stopped_at: list[float] = []

    def stop() -> None:
        stopped_at.append(time.monotonic())
        shutdown.request()

    timer = threading.Timer(3, stop)
    timer.start()
    assert open_source(NOBODY_LISTENS, "t", shutdown).connect() is False
    assert time.monotonic() - stopped_at[0] < 1
    timer.join()
    waits = lines.of("waiting for kafka")
    assert len(waits) == 1
    assert waits[0]["bootstrap_servers"] == NOBODY_LISTENS
    assert "refused" in waits[0]["reason"]


def test_bytewax_is_told_that_the_stop_came_before_kafka(open_source: Callable[..., KafkaInput]) -> None:
    shutdown = Shutdown()
    shutdown.request()
    with pytest.raises(StoppedWhileWaitingError):
        open_source(NOBODY_LISTENS, "t", shutdown).list_parts()


def test_a_broker_that_speaks_no_tls_is_said_while_it_waits_and_the_password_is_not(
    kafka: str, lines: Lines, open_source: Callable[..., KafkaInput]
) -> None:
    shutdown = Shutdown()
    timer = threading.Timer(3, shutdown.request)
    timer.start()
    assert not open_source(kafka, "t", shutdown, properties=(("security.protocol", "SASL_SSL"), *PASSWORD)).connect()
    timer.join()
    reason = lines.of("waiting for kafka")[0]["reason"]  # worded by which of the two closes first
    assert "SSL handshake failed" in reason or "SSL connection closed by peer" in reason
    assert "hunter2" not in str(lines)


def test_a_certificate_that_cannot_be_verified_is_a_refusal_not_a_wait(
    impostor: str, open_source: Callable[..., KafkaInput]
) -> None:
    with pytest.raises(KafkaSetupError, match=r"certificate verify failed.*ssl\.ca\.location"):
        open_source(impostor, "t", properties=(("security.protocol", "SSL"),)).connect()


def test_a_broker_that_knows_no_sasl_is_a_refusal_not_a_wait(
    kafka: str, topic: str, open_source: Callable[..., KafkaInput]
) -> None:
    properties = (("security.protocol", "SASL_PLAINTEXT"), *PASSWORD)
    with pytest.raises(KafkaSetupError, match=r"refuses the credentials.*sasl\.mechanism") as refusal:
        open_source(kafka, topic, properties=properties).connect()
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(("wanted", "said"), [(10, "40 offsets are gone unread"), (101, "recreated")])
def test_a_start_out_of_range_stops_with_the_gap(
    kafka: str,
    kafka_admin: AdminClient,
    topic: str,
    open_source: Callable[..., KafkaInput],
    wanted: int,
    said: str,
) -> None:
    fill(kafka, topic, 100)
    delete_before(kafka_admin, topic, 50)
    with pytest.raises(OffsetsGoneError, match=rf"{said}.*source\.on_out_of_range"):
        begin(open_source(kafka, topic), resume=wanted)


@pytest.mark.parametrize(("wanted", "lost"), [(10, 40), (101, 0)])
def test_a_start_out_of_range_goes_on_with_the_oldest_if_it_may(
    kafka: str,
    kafka_admin: AdminClient,
    topic: str,
    lines: Lines,
    open_source: Callable[..., KafkaInput],
    wanted: int,
    lost: int,
) -> None:
    fill(kafka, topic, 100)
    delete_before(kafka_admin, topic, 50)
    anew: list[tuple[str, int]] = []
    source = open_source(kafka, topic, on_out_of_range="earliest", begun_anew=lambda *place: anew.append(place))
    partition = begin(source, resume=wanted)
    assert anew == ([] if lost else [(topic, 0)])  # where reading goes back, known offsets may be other events
    assert partition.snapshot() == 50
    assert [each.offset for each in read(partition, 50)] == list(range(50, 100))
    said = next(each for each in lines if each["event"].startswith("offsets are gone"))
    assert (said["level"], said["wanted"], said["first"], said["lost_offsets"]) == ("error", wanted, 50, lost)


SMALL_FETCHES = (
    ("max.partition.fetch.bytes", "2000"),
    ("queued.min.messages", "1"),
    ("queued.max.messages.kbytes", "1"),
)


@pytest.mark.parametrize("policy", ["fail", "earliest"])
def test_records_that_kafka_drops_while_the_stream_reads_are_noticed(
    kafka: str, kafka_admin: AdminClient, topic: str, lines: Lines, open_source: Callable[..., KafkaInput], policy: str
) -> None:
    """Retention overtakes the reader between two fetches."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 0, "batch.num.messages": 1})
    for number in range(100):
        producer.produce(topic, f"{number:03}".encode() * 500, partition=0)
        producer.flush(10)
    partition = begin(open_source(kafka, topic, on_out_of_range=policy, properties=SMALL_FETCHES))
    first = read(partition, 1)
    delete_before(kafka_admin, topic, 90)
    if policy == "fail":
        with pytest.raises(OffsetsGoneError, match="offsets are gone unread"):
            read(partition, 100)
        return
    while first[-1].offset < 99:
        first += read(partition, 1)
    offsets = [each.offset for each in first]
    said = next(each for each in lines if each["event"].startswith("offsets are gone"))
    assert said["lost_offsets"] == 100 - len(offsets)
    assert offsets == sorted(set(offsets))
    assert offsets[-10:] == list(range(90, 100))
    assert partition.snapshot() == 100


def test_new_partitions_make_the_process_restart_itself(
    kafka: str, kafka_admin: AdminClient, topic: str, lines: Lines, open_source: Callable[..., KafkaInput]
) -> None:
    shutdown = Shutdown()
    partition = begin(open_source(kafka, topic, shutdown))
    read(partition, 1, seconds=0.5)
    assert not shutdown.requested
    kafka_admin.create_partitions([NewPartitions(topic, 6)])[topic].result(timeout=20)
    with pytest.raises(StopIteration):
        read(partition, 1)
    assert shutdown.restart
    [line] = lines.of("the topic has new partitions; restarting to read them")
    assert line["new_partitions"] == [4, 5]
    assert len(open_source(kafka, topic).list_parts()) == 6


def test_new_partitions_of_other_slices_are_left_to_them(
    kafka: str, kafka_admin: AdminClient, topic: str, open_source: Callable[..., KafkaInput]
) -> None:
    shutdown = Shutdown()
    partition = begin(open_source(kafka, topic, shutdown, part=Slice(0, 2)))
    kafka_admin.create_partitions([NewPartitions(topic, 6)])[topic].result(timeout=20)
    with pytest.raises(StopIteration):
        read(partition, 1, seconds=10)
    shutdown = Shutdown()
    kafka_admin.create_partitions([NewPartitions(topic, 7)])[topic].result(timeout=20)
    assert read(begin(open_source(kafka, topic, shutdown, part=Slice(1, 2))), 1, seconds=0.5) == []
    assert not shutdown.requested


def test_a_topic_that_is_deleted_while_the_stream_reads_ends_it(
    kafka: str, kafka_admin: AdminClient, topic: str, open_source: Callable[..., KafkaInput]
) -> None:
    fill(kafka, topic, 10)
    partition = begin(open_source(kafka, topic))
    assert len(read(partition, 10)) == 10
    kafka_admin.delete_topics([topic])[topic].result(timeout=20)
    with pytest.raises(KafkaSetupError, match="there is no topic"):
        read(partition, 1)


@pytest.mark.slow
def test_a_broker_may_come_late_and_go_and_come_back(
    own_kafka: LocalKafka, lines: Lines, open_source: Callable[..., KafkaInput]
) -> None:
    source = open_source(own_kafka.address, "t", committed=60)
    connected = threading.Thread(target=lambda: outcome.append(source.connect()))
    outcome: list[bool] = []
    starting = threading.Thread(target=own_kafka.start)
    starting.start()
    create_soon(own_kafka.address, connected)
    starting.join()
    connected.join(30)
    assert outcome == [True]
    fill(own_kafka.address, "t", 100)
    partition = begin(source)
    assert len(read(partition, 100)) == 100

    own_kafka.kill()
    assert read(partition, 1, seconds=4) == []
    assert len([each for each in lines.of("waiting for kafka") if "lost_seconds" in each]) == 1
    assert len(lines.of("librdkafka")) < 10

    own_kafka.start()
    fill(own_kafka.address, "t", 50)
    assert [each.offset for each in read(partition, 50)] == list(range(100, 150))
    for _ in range(10):  # records alone do not say so: they may have been fetched before the broker went
        if not lines.of("kafka is back"):
            assert read(partition, 1, seconds=1) == []
    assert len(lines.of("kafka is back")) == 1
    own_kafka.kill()
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 5


def test_who_has_all_that_fits_and_waits_for_the_topics_id_says_that_kafka_is_gone(
    own_kafka: LocalKafka,
    lines: Lines,
    open_source: Callable[..., KafkaInput],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then nothing is fetched, and librdkafka tells only those who fetch."""
    own_kafka.start()
    create_soon(own_kafka.address, threading.Thread(target=lambda: None))
    fill(own_kafka.address, "t", 10)
    partition = begin(open_source(own_kafka.address, "t", committed=0))
    assert len(read(partition, 10)) == 10
    monkeypatch.setattr(cluster, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr(presence, "SILENCE_SECONDS", -1.0)  # the topic is to be confirmed after each record
    fill(own_kafka.address, "t", 10)
    until = time.monotonic() + 60
    while not partition._consumer.is_confirming and time.monotonic() < until:
        partition.next_batch()
    assert partition._consumer.is_confirming
    own_kafka.kill()
    monkeypatch.setattr(read_ahead, "READ_AHEAD_RECORDS", 0)
    until = time.monotonic() + 60
    while not lines.of("waiting for kafka") and time.monotonic() < until:
        read(partition, 1, seconds=0.1)
    assert lines.of("waiting for kafka")


def create_soon(address: str, connected: threading.Thread) -> None:
    """Start to connect while nothing answers, then create the topic as soon as the broker does."""
    connected.start()
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0, "reconnect.backoff.max.ms": 200})
    admin.create_topics([NewTopic("t", 1, 1)], request_timeout=30)["t"].result(timeout=40)


@pytest.mark.parametrize("commits", [True, False])
def test_at_the_end_of_a_topic_with_transactions_nothing_is_left_to_read(
    kafka: str, topic: str, open_source: Callable[..., KafkaInput], *, commits: bool
) -> None:
    """The markers of transactions, and what an aborted one has written, take offsets that no record has."""
    fill(kafka, topic, 5)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic}-{commits}"})
    producer.init_transactions(30)
    for is_aborted in (not commits, True):
        producer.begin_transaction()
        for number in range(3):
            producer.produce(topic, b"%d" % number, partition=0)
        producer.flush(30)
        (producer.abort_transaction if is_aborted else producer.commit_transaction)(30)
    records = 5 + 3 * commits
    source = open_source(kafka, topic, committed=5 + 3 * commits)  # all that was taken is final
    partition = begin(source)
    assert len(read(partition, records)) == records
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        partition.next_batch()
        progress = source.progress()[0]
        if progress.lag_events == 0 == progress.committed_lag_events:
            break
        time.sleep(0.01)
    end = 5 + 3 + 1 + 3 + 1
    assert (progress.next_offset, progress.committed, progress.end) == (end, end, end)
    assert partition.snapshot() == end


def test_an_open_transaction_is_no_lag(kafka: str, topic: str, open_source: Callable[..., KafkaInput]) -> None:
    fill(kafka, topic, 5)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"not yet", partition=0)
    producer.flush(30)
    source = open_source(kafka, topic)
    partition = begin(source)
    assert len(read(partition, 5)) == 5
    deadline = time.monotonic() + 30
    while source.progress()[0].end is None and time.monotonic() < deadline:
        partition.next_batch()
        time.sleep(0.01)
    assert source.progress()[0].lag_events == 0
    producer.abort_transaction(30)
