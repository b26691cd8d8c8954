"""The contract of `connectors.ports.Source`, kept by every kind: over a real topic, files, an inbox, or in memory."""

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from confluent_kafka import Producer

from connectors.dead_letters import StoredBytes
from connectors.event_writer import TakenEvent
from connectors.finding import Mark
from connectors.kinds import SOURCES, source_of
from connectors.memory.kind import SourceInMemory
from connectors.memory.settings import MemorySource
from connectors.pace import Pace
from connectors.ports import OpenSource, Source
from connectors.sample import SampleError
from connectors.shutdown import Shutdown
from flows.domain.decode import decode
from flows.domain.event import Position, Record
from flows.domain.ledger import Ledger
from flows.domain.slice import ALL
from tests.fixtures.opening import opening

VALUES: Final = [b'{"event_type":"e","user_id":"u","time":1,"n":%d}' % number for number in range(250)]
PATIENCE_SECONDS: Final = 30.0


class Process:
    """As much of a process as a source needs."""

    def __init__(self, source: Source, directory: Path, earlier: Sequence[str] = ()) -> None:
        self.room = 1000
        self.shutdown = Shutdown()
        self.ledger = Ledger(["one"], 10_000)
        self.damages: list[object] = []
        directory.mkdir(exist_ok=True)
        self.open: OpenSource = source.open(
            opening(
                self.shutdown,
                room=lambda: self.room,
                ledger=self.ledger,
                directory=directory,
                earlier=earlier,
                pace=Pace(sleep=lambda _: time.sleep(0.001)),
                note_damage=self.damages.append,
            )
        )
        assert self.open.connect()

    def part(self, snapshot: Any = None) -> Any:
        """Begin to read the only partition."""
        (key,) = self.open.input.list_parts()
        return self.open.input.build_part("step", key, snapshot)


class Kind(NamedTuple):
    """A source that holds `VALUES`, in one partition."""

    source: Source
    has_offsets: bool


def _batches(part: Any, wanted: int = len(VALUES)) -> Iterator[list[Record]]:
    """Yield what is read, until there is so much of it or the end."""
    until, count = time.monotonic() + PATIENCE_SECONDS, 0
    while count < wanted:
        assert time.monotonic() < until
        try:
            batch = part.next_batch()
        except StopIteration:
            return
        count += len(batch)
        if batch:
            yield batch


def _values(batches: Iterator[list[Record]]) -> list[bytes | None]:
    return [record.value for batch in batches for record in batch]


def _source(kind: str, table: dict[str, Any], base: Path) -> Source:
    """Return the source as a settings file with this table has it."""
    found: Any = SOURCES[kind].table.model_validate({"kind": kind, **table})
    return source_of(found.settings(base))


def _memory(tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    del tmp_path, request
    return Kind(SourceInMemory(MemorySource(VALUES)), has_offsets=True)


def _files(tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    del request
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"".join(each + b"\n" for each in VALUES[:120])))
    (tmp_path / "b.json").write_bytes(b"".join(each + b"\n" for each in VALUES[120:]))
    return Kind(_source("files", {"paths": ["*.json*"]}, tmp_path), has_offsets=False)


def _kafka(tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    address, topic = request.getfixturevalue("kafka"), request.getfixturevalue("make_topic")()
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5})
    for value in VALUES:
        producer.produce(topic, value, b"u", partition=0)
    assert producer.flush(20) == 0
    table = {"bootstrap_servers": address, "topic": topic, "group_id": topic}
    return Kind(_source("kafka", table, tmp_path), has_offsets=True)


def _inbox(tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    del request
    source = _source("inbox", {}, tmp_path)

    async def take_in() -> None:
        writer = source.writer()
        assert writer is not None
        await writer.write([TakenEvent(value, b"u", 1_700_000_000_000, "test/1") for value in VALUES])
        await writer.close()

    asyncio.run(take_in())
    return Kind(source, has_offsets=True)


@pytest.fixture(
    params=[_memory, _files, _inbox, pytest.param(_kafka, marks=pytest.mark.kafka)], ids=lambda make: make.__name__
)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    make: Callable[[Path, pytest.FixtureRequest], Kind] = request.param
    return make(tmp_path, request)


@pytest.fixture
def start(kind: Kind, tmp_path: Path) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def make() -> Process:
        for before in started:
            before.open.close()
        started.append(Process(kind.source, tmp_path / f"state-{len(started)}"))
        return started[-1]

    yield make
    for each in started:
        each.open.close()
        each.open.close()  # may be called more than once


def test_it_reads_all_once_in_order(start: Callable[[], Process]) -> None:
    process = start()
    assert _values(_batches(process.part())) == VALUES
    assert process.open.waits_for is None
    assert process.open.is_found
    assert not process.open.damaged
    assert not process.damages


def test_it_goes_on_exactly_at_any_snapshot(start: Callable[[], Process]) -> None:
    process = start()
    process.room = 70
    part, read, snapshots = process.part(), 0, [(0, None)]
    for batch in _batches(part):
        read += len(batch)
        snapshots.append((read, part.snapshot()))
    for count, snapshot in (snapshots[1], snapshots[-2]):
        assert _values(_batches(start().part(snapshot), len(VALUES) - count)) == VALUES[count:]


def test_without_room_it_reads_nothing(start: Callable[[], Process]) -> None:
    process = start()
    process.room = 0
    part = process.part()
    assert [part.next_batch() for _ in range(20)] == [[]] * 20
    process.room = 1000
    assert _values(_batches(part)) == VALUES


def test_a_source_that_ends_says_so_and_another_waits(kind: Kind, start: Callable[[], Process]) -> None:
    process = start()
    part = process.part()
    assert _values(_batches(part)) == VALUES
    if not kind.source.ends:
        assert part.next_batch() == []
        assert not process.shutdown.input_ended
        return
    until = time.monotonic() + PATIENCE_SECONDS
    with pytest.raises(StopIteration):  # noqa: PT012 - it may look for more first
        while time.monotonic() < until:
            assert part.next_batch() == []
    assert process.shutdown.input_ended


def test_it_stops_when_it_is_asked_to(start: Callable[[], Process]) -> None:
    process = start()
    part = process.part()
    assert next(_batches(part))
    process.shutdown.request()
    with pytest.raises(StopIteration):
        part.next_batch()
    assert not process.shutdown.input_ended
    part.close()


def test_it_tells_how_far_it_has_come(kind: Kind, start: Callable[[], Process]) -> None:
    process = start()
    part, until = process.part(), time.monotonic() + PATIENCE_SECONDS
    if not kind.has_offsets:
        assert _values(_batches(part)) == VALUES
        assert process.open.progress() == ()
        assert process.open.bytes_read is not None
        assert process.open.bytes_read.read_bytes > 0
        return
    read = len(next(_batches(part)))
    while process.open.progress()[0].lag_events != len(VALUES) - read:
        assert time.monotonic() < until
        read += len(part.next_batch())
    (progress,) = process.open.progress()
    assert (progress.partition, progress.next_offset, progress.end) == (0, read, len(VALUES))


def test_it_releases_nothing_that_is_not_final(start: Callable[[], Process]) -> None:
    process = start()
    records = next(_batches(process.part()))
    process.ledger.open_all([Position(each.source, each.partition, each.offset) for each in records])
    released = process.open.released()
    assert all(released.get((each.source, each.partition), -1) <= each.offset for each in records)


def test_its_check_finds_nothing_wrong_and_a_sample(kind: Kind, tmp_path: Path) -> None:
    looked: list[int] = []

    def look_at(sample: Any) -> Iterator[Any]:
        looked.append(len(sample.events))
        return iter(())

    findings = list(kind.source.check(tmp_path / "state", look_at))
    assert findings
    assert {each.mark for each in findings} <= {Mark.FINE, Mark.NOTE}
    assert looked == [len(VALUES)]
    assert not [*kind.source.obstacles(), *kind.source.missing(ALL)]
    assert kind.source.nothing_to_read() is None
    assert kind.source.title
    assert kind.source.out_of_reach or kind.source.erase(lambda _: False) == 0


def test_its_latest_records_can_be_looked_at_and_stay_where_they_are(kind: Kind, start: Callable[[], Process]) -> None:
    damages: list[str] = []
    few = [record.value for record in kind.source.latest(40, damages.append)]
    assert few in (VALUES[-40:], [*VALUES[:20], *VALUES[120:140]])  # of two archives, as many from each
    assert [record.value for record in kind.source.latest(1000, damages.append)] == VALUES
    with suppress(SampleError):  # a topic is not read as a whole
        assert [record.value for record in kind.source.latest(None, damages.append)] == VALUES
    assert damages == []
    assert _values(_batches(start().part())) == VALUES


def test_an_erasure_takes_what_is_asked_for_and_moves_nothing(kind: Kind, start: Callable[[], Process]) -> None:
    """A source that cannot erase says so and changes nothing. What is left keeps its position."""
    gone = {*VALUES[::3], VALUES[-1]}

    def is_theirs(stored: StoredBytes | bytes) -> bool:
        return isinstance(stored, StoredBytes) and stored.value in gone

    erased = kind.source.erase(is_theirs)
    assert erased in (None, len(gone))
    assert kind.source.erase(is_theirs) in (None, 0)
    left = [each for each in VALUES if erased is None or each not in gone]
    records = [record for batch in _batches(start().part()) for record in batch]
    events = [(record.offset - records[0].offset, record.value) for record in records if decode(record)]
    assert [value for _, value in events] == left
    if kind.has_offsets:
        assert [place for place, _ in events] == [VALUES.index(each) for each in left]
