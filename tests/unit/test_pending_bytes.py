"""What waits between the source and its fate is bounded in bytes, whatever the size of the events."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.appsflyer.courier import Courier, LaneSecrets
from connectors.appsflyer.items import size_bytes
from connectors.appsflyer.parcel import Attempts, Parcel, dead_letter
from connectors.appsflyer.report import Report
from connectors.appsflyer.unfinished import TAKEN_BACK_BYTES, Unfinished
from connectors.ledger.journal import Journal
from connectors.ledger.ledger import Ledger
from connectors.ledger.manifest import Manifest
from connectors.pace import Pace
from connectors.postbox import Postbox
from connectors.secrets import Secret
from flows.settings.model import PENDING_EVENT_BYTES, Delivery, SecretRef
from flows.steps.event import Position
from flows.steps.outcome import DeadLetter, DeadLetterReason
from flows.users import BUCKETS
from flows.window import MicroBatch
from tests.unit.test_process import _process

_MB = 1 << 20


def a_parcel(number: int, large: int = _MB) -> Parcel:
    return Parcel("one", 0, "e", "id1", b"{}", b"x" * large, b"key", Position("t", 0, number), 5)


@pytest.fixture
def unfinished(tmp_path: Path) -> Iterator[Unfinished]:
    manifest = Manifest(tmp_path)
    journal = Journal(tmp_path / "journal", manifest)
    unfinished = Unfinished(Ledger(["one"], 1000), journal, tmp_path / "overflow", manifest)
    yield unfinished
    for overflow in unfinished._overflows.values():
        overflow.close()
    journal.close()


def _take(unfinished: Unfinished, parcel: Parcel) -> None:
    unfinished._ledger.open(parcel.position)
    unfinished.add(parcel)


def test_what_is_unfinished_is_weighed_on_every_way_to_its_end(unfinished: Unfinished) -> None:
    """Taken, delivered, dead-lettered, set aside and taken back: nothing is weighed twice or for ever."""
    parcels = [a_parcel(number) for number in range(4)]
    for each in parcels:
        _take(unfinished, each)
    assert unfinished.size_bytes == sum(map(size_bytes, parcels)) > 4 * _MB
    unfinished.delivered(parcels[0])
    letter = dead_letter(parcels[1], DeadLetterReason.REJECTED, "no", Attempts(1), 5)
    unfinished.given_up(letter)
    unfinished.attempted(parcels[2], Attempts(1))
    assert unfinished.size_bytes == sum(map(size_bytes, parcels[1:]))
    unfinished.written(letter)
    assert unfinished.set_aside(parcels[2], Attempts(1))
    assert unfinished.size_bytes == size_bytes(parcels[3])
    assert [each for each, _ in unfinished.take_back("one/id1", 10)] == [parcels[2]]
    unfinished.delivered(parcels[2])
    unfinished.delivered(parcels[3])
    assert (unfinished.size_bytes, len(unfinished)) == (0, 0)


def test_large_ones_come_back_from_the_disk_a_few_at_a_time(unfinished: Unfinished) -> None:
    """Half a lane's share of events of a megabyte would be gigabytes."""
    for number in range(20):
        _take(unfinished, a_parcel(number))
        assert unfinished.set_aside(a_parcel(number), Attempts())
    assert unfinished.size_bytes == 0
    back: list[int] = []
    while taken := unfinished.take_back("one/id1", 1000):
        assert sum(len(each.value) for each, _ in taken) <= TAKEN_BACK_BYTES + _MB
        back += [each.position.offset for each, _ in taken]
    assert back == [*range(20)]


def test_the_source_waits_when_what_waits_is_large(tmp_path: Path) -> None:
    """`max_pending` bounds their bytes, too: 4 KB each on average."""
    process = _process(tmp_path, has_recovery=True)
    for bucket in range(BUCKETS):
        process.hearing.loaded(str(bucket))
    most_bytes = process.settings.delivery.max_pending_bytes
    assert most_bytes == process.settings.delivery.max_pending * PENDING_EVENT_BYTES
    parcels: list[Parcel] = []
    while process._room() > 0:
        parcels.append(a_parcel(len(parcels)))
        _take(process.unfinished, parcels[-1])
        assert len(parcels) * _MB <= most_bytes + _MB
    assert process.ledger.room() > 0
    for each in parcels[:2]:
        process.unfinished.delivered(each)
    assert process._room() > 0
    process.journal.close()


def test_a_window_of_large_events_goes_out_before_it_is_full() -> None:
    """Ten thousand events of a megabyte may be in no window, whatever `max_events` says."""
    window = MicroBatch([], 10_000, 60.0, Pace())
    assert window.on_batch([a_parcel(0, 400_000), a_parcel(1, 400_000)])[0] == []
    ((*batch,),), is_discarded = window.on_batch([a_parcel(2, 400_000)])
    assert ([each.position.offset for each in batch], is_discarded) == ([0, 1, 2], True)
    assert window.on_batch([a_parcel(3, 400_000)])[0] == []


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
    postbox = Postbox(writer, written.append)
    reason = DeadLetterReason.REJECTED
    postbox.submit([dead_letter(a_parcel(number), reason, "no", Attempts(), 5) for number in range(30)])
    until = time.monotonic() + 10
    while len(written) < 30 and time.monotonic() < until:
        time.sleep(0.01)
    postbox.close()
    assert [each.position.offset for each in written] == [*range(30)]
    assert max(writer.batches) <= 5 * _MB


def test_the_default_bound_is_80_mb() -> None:
    """As docs/security.md says."""
    assert Delivery().max_pending_bytes == 81_920_000


def test_an_app_in_trouble_sets_aside_its_large_events_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its share of the room, 4 KB each on average; else a few large ones would take the room of the other apps."""
    monkeypatch.setenv("BYTES_KEY", "key-of-the-bytes-test")
    aside: list[Parcel] = []
    parcels = [a_parcel(number, 40_000) for number in range(20)]
    courier = Courier(
        Delivery(),
        {"one": LaneSecrets("http://127.0.0.1:9", [Secret(SecretRef("env", "BYTES_KEY"))])},
        Report(
            delivered=lambda _: None,
            given_up=lambda _: None,
            attempted=lambda _parcel, _attempts: None,
            settled=lambda: None,
            set_aside=lambda parcel, _: not aside.append(parcel),  # type: ignore[func-returns-value]
            size_bytes=lambda: sum(map(size_bytes, parcels)) - sum(map(size_bytes, aside)),
        ),
        lambda: 0,
        lane_share=100,
    )
    courier.pause(["one"])
    courier.submit((each, Attempts()) for each in parcels)
    until = time.monotonic() + 10
    while len(aside) < 10 and time.monotonic() < until:
        time.sleep(0.01)
    waiting = courier.lanes["one/id1"].waiting
    courier.close()
    assert sum(size_bytes(each.parcel) for each in waiting) <= 100 * PENDING_EVENT_BYTES
    assert len(waiting) + len(aside) == 20
    assert len(waiting) == 9
