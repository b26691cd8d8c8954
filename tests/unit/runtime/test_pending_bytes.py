"""What waits between the source and its fate is bounded in bytes, whatever the size of the events."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.delivery import Attempts, Delivery, dead_letter
from connectors.delivery.engines.in_memory import InMemoryEngine
from connectors.delivery.items import size_bytes
from connectors.delivery.outbox import TAKEN_BACK_BYTES, Outbox
from connectors.delivery.report import Report
from connectors.delivery.sender import LaneSecrets, Sender
from connectors.delivery.settings import PENDING_EVENT_BYTES, DeliveryTable
from connectors.pace import Pace
from connectors.secrets import Secret, SecretRef
from connectors.state.journal import Journal
from connectors.state.manifest import Manifest
from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason
from flows.domain.ledger import Ledger
from flows.operators.user_store import SHARDS
from flows.operators.window import MicroBatch
from tests.unit.runtime.test_stream_parts import _stream

_MB = 1 << 20


def a_delivery(number: int, large: int = _MB) -> Delivery:
    return Delivery("one", 0, "e", "id1", b"{}", b"x" * large, b"key", Position("t", 0, number), 5)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)
    outbox = Outbox(Ledger(["one"], 1000), journal, tmp_path / "overflow", manifest)
    yield outbox
    for spill in outbox._spills.values():
        spill.close()
    journal.close()


def _take(outbox: Outbox, delivery: Delivery) -> None:
    outbox._ledger.open(delivery.position)
    outbox.add(delivery)


def test_what_is_outbox_is_weighed_on_every_way_to_its_end(outbox: Outbox) -> None:
    """Taken, delivered, dead-lettered, set aside and taken back: nothing is weighed twice or for ever."""
    deliveries = [a_delivery(number) for number in range(4)]
    for each in deliveries:
        _take(outbox, each)
    assert outbox.size_bytes == sum(map(size_bytes, deliveries)) > 4 * _MB
    outbox.delivered(deliveries[0])
    letter = dead_letter(deliveries[1], DeadLetterReason.REJECTED, "no", Attempts(1), 5)
    outbox.given_up(letter)
    outbox.attempted(deliveries[2], Attempts(1))
    assert outbox.size_bytes == sum(map(size_bytes, deliveries[1:]))
    outbox.written(letter)
    assert outbox.set_aside(deliveries[2], Attempts(1))
    assert outbox.size_bytes == size_bytes(deliveries[3])
    assert [each for each, _ in outbox.take_back("one/id1", 10)] == [deliveries[2]]
    outbox.delivered(deliveries[2])
    outbox.delivered(deliveries[3])
    assert (outbox.size_bytes, len(outbox)) == (0, 0)


def test_large_ones_come_back_from_the_disk_a_few_at_a_time(outbox: Outbox) -> None:
    """Half a lane's share of events of a megabyte would be gigabytes."""
    for number in range(20):
        _take(outbox, a_delivery(number))
        assert outbox.set_aside(a_delivery(number), Attempts())
    assert outbox.size_bytes == 0
    back: list[int] = []
    while taken := outbox.take_back("one/id1", 1000):
        assert sum(len(each.value) for each, _ in taken) <= TAKEN_BACK_BYTES + _MB
        back += [each.position.offset for each, _ in taken]
    assert back == [*range(20)]


def test_the_source_waits_when_what_waits_is_large(tmp_path: Path) -> None:
    """`max_pending` bounds their bytes, too: 4 KB each on average."""
    process = _stream(tmp_path, has_recovery=True)
    for shard in range(SHARDS):
        process.hearing.loaded(str(shard))
    most_bytes = process.settings.delivery.max_pending_bytes
    assert most_bytes == process.settings.delivery.max_pending * PENDING_EVENT_BYTES
    deliveries: list[Delivery] = []
    while process.delivering.room() > 0:
        deliveries.append(a_delivery(len(deliveries)))
        _take(process.outbox, deliveries[-1])
        assert len(deliveries) * _MB <= most_bytes + _MB
    assert process.ledger.room() > 0
    for each in deliveries[:2]:
        process.outbox.delivered(each)
    assert process.delivering.room() > 0
    process.journal.close()


def test_a_window_of_large_events_goes_out_before_it_is_full() -> None:
    """Ten thousand events of a megabyte may be in no window, whatever `max_events` says."""
    window = MicroBatch([], 10_000, 60.0, Pace())
    assert window.on_batch([a_delivery(0, 400_000), a_delivery(1, 400_000)])[0] == []
    ((*batch,),), is_discarded = window.on_batch([a_delivery(2, 400_000)])
    assert ([each.position.offset for each in batch], is_discarded) == ([0, 1, 2], True)
    assert window.on_batch([a_delivery(3, 400_000)])[0] == []


class _Writer:
    """Takes note of what is written at a time."""

    def __init__(self) -> None:
        self.batches: deque[int] = deque()

    def write(self, letters: list[DeadLetter]) -> None:
        self.batches.append(sum(len(each.value) for each in letters))

    def close(self) -> None:
        pass


def test_large_dead_letters_are_written_a_few_at_a_time() -> None:
    """A batch of five hundred of a megabyte would be gigabytes as it is written."""
    writer = _Writer()
    written: list[DeadLetter] = []
    dead_letter_queue = DeadLetterQueue(writer, written.append)
    reason = DeadLetterReason.REJECTED
    dead_letter_queue.submit([dead_letter(a_delivery(number), reason, "no", Attempts(), 5) for number in range(30)])
    until = time.monotonic() + 10
    while len(written) < 30 and time.monotonic() < until:
        time.sleep(0.01)
    dead_letter_queue.close()
    assert [each.position.offset for each in written] == [*range(30)]
    assert max(writer.batches) <= 5 * _MB


def test_the_default_bound_is_80_mb() -> None:
    """As docs/security.md says."""
    assert DeliveryTable().max_pending_bytes == 81_920_000


def test_an_app_in_trouble_sets_aside_its_large_events_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its share of the room, 4 KB each on average; else a few large ones would take the room of the other apps."""
    monkeypatch.setenv("BYTES_KEY", "key-of-the-bytes-test")
    aside: list[Delivery] = []
    deliveries = [a_delivery(number, 40_000) for number in range(20)]
    sender = Sender(
        DeliveryTable(),
        {"one": LaneSecrets("http://127.0.0.1:9", [Secret(SecretRef("env", "BYTES_KEY"))])},
        Report(
            delivered=lambda _: None,
            given_up=lambda _: None,
            attempted=lambda _delivery, _attempts: None,
            settled=lambda: None,
            set_aside=lambda delivery, _: not aside.append(delivery),  # type: ignore[func-returns-value]
            size_bytes=lambda: sum(map(size_bytes, deliveries)) - sum(map(size_bytes, aside)),
        ),
        InMemoryEngine(),
        lambda: 0,
        lane_share=100,
    )
    sender.pause(["one"])
    sender.submit((each, Attempts()) for each in deliveries)
    until = time.monotonic() + 10
    while len(aside) < 10 and time.monotonic() < until:
        time.sleep(0.01)
    waiting = sender.lanes["one/id1"].waiting
    sender.close()
    assert sum(size_bytes(each.delivery) for each in waiting) <= 100 * PENDING_EVENT_BYTES
    assert len(waiting) + len(aside) == 20
    assert len(waiting) == 9
