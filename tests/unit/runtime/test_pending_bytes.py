"""What waits between the source and its fate is bounded in bytes, whatever the size of the events."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.delivery.dead_letter_queue import DeadLetterQueue
from connectors.delivery.delivery import Attempts, Delivery, dead_letter
from connectors.delivery.engines.in_memory import InMemoryEngine
from connectors.delivery.in_flight import InFlight
from connectors.delivery.items import size_bytes
from connectors.delivery.outbox import Outbox
from connectors.delivery.overflow import TAKEN_BACK_BYTES
from connectors.delivery.settings import PENDING_EVENT_BYTES, DeliveryTable
from connectors.pace import Pace
from flows.domain.event import Position
from flows.domain.fate import DeadLetter, DeadLetterReason
from flows.operators.user_store import SHARDS
from flows.operators.window import MicroBatch
from tests.fixtures.delivering import Delivering, Observer, an_outbox, take
from tests.unit.runtime.test_stream_parts import _stream

_MB = 1 << 20


def a_delivery(number: int, large: int = _MB) -> Delivery:
    return Delivery("one", 0, "e", "id1", b"{}", b"x" * large, b"key", Position("t", 0, number), 5)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = an_outbox(tmp_path, "one")
    yield outbox
    outbox.close()
    outbox._journal.close()


def _take(outbox: Outbox, delivery: Delivery) -> InFlight:
    outbox._ledger.open_all([delivery.position])
    outbox.take([delivery])
    return outbox.arrived[-1]


def test_what_is_outbox_is_weighed_on_every_way_to_its_end(outbox: Outbox) -> None:
    """Taken, delivered, dead-lettered, set aside and taken back: nothing is weighed twice or for ever."""
    deliveries = [a_delivery(number) for number in range(4)]
    taken = [_take(outbox, each) for each in deliveries]
    assert outbox.size_bytes == sum(map(size_bytes, deliveries)) > 4 * _MB
    outbox.delivered(taken[0])
    letter = dead_letter(deliveries[1], DeadLetterReason.REJECTED, "no", Attempts(1), 5)
    outbox.given_up(taken[1], letter)
    taken[2].attempts = Attempts(1)
    assert outbox.size_bytes == sum(map(size_bytes, deliveries[1:]))
    outbox.written([letter])
    assert outbox.set_aside(taken[2])
    assert outbox.size_bytes == size_bytes(deliveries[3])
    (back,) = outbox.take_back("one/id1", 10)
    assert (back.delivery, back.attempts) == (deliveries[2], Attempts(1))
    outbox.delivered(back)
    outbox.delivered(taken[3])
    assert (outbox.size_bytes, len(outbox)) == (0, 0)


def test_large_ones_come_back_from_the_disk_a_few_at_a_time(outbox: Outbox) -> None:
    """Half a lane's share of events of a megabyte would be gigabytes."""
    for number in range(20):
        assert outbox.set_aside(_take(outbox, a_delivery(number)))
    assert outbox.size_bytes == 0
    back: list[int] = []
    while taken := outbox.take_back("one/id1", 1000):
        assert sum(len(each.delivery.value) for each in taken) <= TAKEN_BACK_BYTES + _MB
        back += [each.delivery.position.offset for each in taken]
    assert back == [*range(20)]


def test_a_disk_that_refuses_a_spill_leaves_the_delivery_where_it_is(
    outbox: Outbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where there is no spill yet; and it is said once, though it is tried in each of the sender's rounds."""
    (tmp_path / "overflow").write_bytes(b"")  # no directory can be made there
    in_flight = _take(outbox, a_delivery(0))
    for _ in range(3):
        assert not outbox.set_aside(in_flight)
    assert (len(outbox), outbox.set_aside_count, outbox._ledger.held_events) == (1, 0, 0)
    (tmp_path / "overflow").unlink()
    assert outbox.set_aside(in_flight)
    assert (len(outbox), outbox.set_aside_count, outbox._ledger.held_events) == (0, 1, 1)
    assert "".join(capsys.readouterr()).count("the overflow cannot be written") == 1


def test_the_source_waits_when_what_waits_is_large(tmp_path: Path) -> None:
    """`max_pending` bounds their bytes, too: 4 KB each on average."""
    process = _stream(tmp_path, has_recovery=True)
    for shard in range(SHARDS):
        process.read_clock.loaded(str(shard))
    most_bytes = process.settings.delivery.max_pending_bytes
    assert most_bytes == process.settings.delivery.max_pending * PENDING_EVENT_BYTES
    taken: list[InFlight] = []
    while process.delivering.room() > 0:
        taken.append(_take(process.outbox, a_delivery(len(taken))))
        assert len(taken) * _MB <= most_bytes + _MB
    assert process.ledger.room() > 0
    for each in taken[:2]:
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


def test_large_dead_letters_are_written_a_few_at_a_time(tmp_path: Path) -> None:
    """A batch of five hundred of a megabyte would be gigabytes as it is written."""
    writer = _Writer()
    observer = Observer()
    outbox = an_outbox(tmp_path, "one", observer)
    dead_letter_queue = DeadLetterQueue(outbox, writer)
    reason = DeadLetterReason.REJECTED
    take(outbox, [dead_letter(a_delivery(number), reason, "no", Attempts(), 5) for number in range(30)])
    until = time.monotonic() + 10
    while len(outbox) and time.monotonic() < until:
        time.sleep(0.01)
    dead_letter_queue.close()
    outbox._journal.close()
    assert [each.position.offset for each in observer.written] == [*range(30)]
    assert max(writer.batches) <= 5 * _MB


def test_the_default_bound_is_80_mb() -> None:
    """As docs/security.md says."""
    assert DeliveryTable().max_pending_bytes == 81_920_000


def test_an_app_in_trouble_sets_aside_its_large_events_by_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its share of the room, 4 KB each on average; else a few large ones would take the room of the other apps."""
    monkeypatch.setenv("BYTES_KEY", "key-of-the-bytes-test")
    given = Delivering(
        tmp_path, "http://127.0.0.1:9", "BYTES_KEY", DeliveryTable(), InMemoryEngine(), sync="one", lane_share=100
    )
    given.sender.pause(["one"])
    given.submit(a_delivery(number, 40_000) for number in range(20))
    given.wait_for(lambda: given.outbox.set_aside_count >= 10)
    waiting = given.sender.lanes["one/id1"].waiting
    given.close()
    assert sum(each.size_bytes for each in waiting) <= 100 * PENDING_EVENT_BYTES
    assert len(waiting) + given.outbox.set_aside_count == 20
    assert len(waiting) == 9
