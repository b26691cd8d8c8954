"""What the parts of one stream tell each other: what may be read, what may be set aside, what the journal may drop."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.delivery import overflow
from connectors.delivery.delivery import Delivery
from connectors.delivery.engines.open import open_engine
from connectors.delivery.in_flight import InFlight
from connectors.delivery.settings import DeliveryTable
from connectors.kinds import source_of
from connectors.ports import DeliveryEngine
from connectors.state.journal import DELIVERED, Journal
from connectors.state.manifest import KEPT_SNAPSHOTS
from flows.domain.event import Position
from flows.operators.user_store import SHARDS
from flows.runtime import wiring
from flows.runtime.stream import Stream
from flows.settings import load
from tests.fixtures.wired import stream_of

SETTINGS = """\
[source]
kind = "kafka"
bootstrap_servers = "127.0.0.1:1"
topic = "events"

[[sync]]
name = "one"
enabled = true
ios_app_id = "id123456789"
android_app_id = "com.example"
s2s_key = "env:KEY"
events = "all"
"""
PLACE = ("events", 0)


def _stream(directory: Path, *, has_recovery: bool) -> Stream:
    (directory / "stream.toml").write_text(SETTINGS)
    return stream_of(load(directory / "stream.toml"), has_recovery=has_recovery)


def _delivery(offset: int) -> Delivery:
    return Delivery("one", 0, "e", "id123456789", b"{}", b"", None, Position("events", 0, offset), 0)


def _taken(stream: Stream, offset: int) -> InFlight:
    stream.ledger.open_all([Position("events", 0, offset)])
    stream.outbox.take([_delivery(offset)])
    return stream.outbox.arrived.pop()


def _deliver(stream: Stream, offset: int) -> None:
    stream.outbox.delivered(_taken(stream, offset))
    stream.outbox.settle()


def _read_topic(stream: Stream, acknowledged: dict[tuple[str, int], int], monkeypatch: pytest.MonkeyPatch) -> None:
    source = stream.parts.ends.source = source_of(stream.settings.source).open(stream.opening())
    monkeypatch.setattr(source.input, "committed", lambda: acknowledged)


def test_a_stream_that_has_failed_closes_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the group gets what is final; a clean end has closed it before, and nothing minds twice."""
    stream = _stream(tmp_path, has_recovery=False)
    assert stream.ended(has_failed=True) == 0, "nothing was opened"
    _read_topic(stream, {}, monkeypatch)
    assert stream.parts.source is not None
    closed: list[bool] = []
    monkeypatch.setattr(stream.parts.source, "close", lambda: closed.append(True))
    stream.ended(has_failed=True)
    assert closed == [True]
    stream.journal.close()


@pytest.mark.parametrize("has_recovery", [False, True])
def test_the_journal_keeps_what_lies_above_the_last_acknowledged_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_recovery: bool
) -> None:
    """The low watermark runs ahead of it, and a start without the store begins there: with `-r` and without."""
    stream = _stream(tmp_path, has_recovery=has_recovery)
    acknowledged: dict[tuple[str, int], int] = {}
    _read_topic(stream, acknowledged, monkeypatch)
    for offset in range(6):
        _deliver(stream, offset)
        stream.delivering._snapshot_taken()
    for group in (None, 3):
        if group is not None:
            acknowledged[PLACE] = group
        for _ in range(2 * KEPT_SNAPSHOTS):
            stream.delivering._snapshot_taken()
        known = Journal(stream.settings.state.directory / "journal")
        kept = [offset for offset in range(6) if known.recall((Position("events", 0, offset), "one", 0)) == DELIVERED]
        known.close()
        assert kept == list(range(group or 0, 6))
    stream.journal.close()


def test_with_a_store_it_keeps_what_this_run_has_not_read_again_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last snapshot may lie below the group's offset: what it makes the source read again is still needed."""
    first = _stream(tmp_path, has_recovery=True)
    _deliver(first, 5)
    first.journal.close()
    (tmp_path / "state" / "lock").unlink()  # it is held by this very process
    second = _stream(tmp_path, has_recovery=True)
    _read_topic(second, {PLACE: 6}, monkeypatch)
    for _ in range(2 * KEPT_SNAPSHOTS):
        second.delivering._snapshot_taken()
    assert second.journal.recall((Position("events", 0, 5), "one", 0)) == DELIVERED
    second.journal.close()


def test_it_says_when_no_more_can_be_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most, an app in trouble takes room from the others after all: the log names it, and not too often."""
    stream = _stream(tmp_path, has_recovery=True)
    monkeypatch.setattr(overflow, "MOST_SET_ASIDE", 2)
    with capture_logs() as logs:
        for offset in range(5):
            assert stream.outbox.set_aside(_taken(stream, offset)) is (offset < 2)
    (said,) = logs
    assert said["event"].startswith("no more can be set aside for an app in trouble")
    assert said["lane"] == _delivery(0).lane
    stream.outbox.close()
    stream.journal.close()


def test_a_state_disk_that_is_nearly_full_stops_reading_and_setting_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What room there is belongs to the snapshots."""
    stream = _stream(tmp_path, has_recovery=True)
    assert stream.delivering.room() == 0, "nobody's users are loaded yet"
    for shard in range(SHARDS):
        stream.read_clock.loaded(str(shard))
    assert stream.delivering.room() == stream.settings.delivery.max_pending
    monkeypatch.setattr(stream.state.disk, "has_room", lambda: False)
    assert stream.delivering.room() == 0
    assert stream.outbox.set_aside(_taken(stream, 1)) is False
    assert stream.outbox.set_aside_count == 0
    stream.journal.close()


@pytest.mark.parametrize("is_late", [False, True])
def test_a_pause_that_is_read_again_before_the_sender_is_known_holds_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    """The settings are read again while Kafka is waited for, or while the sender is made: nobody tells it of them."""
    stream = _stream(tmp_path, has_recovery=True)
    (tmp_path / "stream.toml").write_text(f"{SETTINGS}paused = true\n")
    read_again = load(tmp_path / "stream.toml")

    def engine_meanwhile(delivery: DeliveryTable) -> DeliveryEngine:
        stream.parts.in_force.take(read_again)
        return open_engine(delivery)

    if is_late:
        monkeypatch.setattr(wiring, "open_engine", engine_meanwhile)
    else:
        stream.parts.in_force.take(read_again)
    sink = stream.delivering.open_sink()
    assert stream.parts.sender is not None
    assert stream.parts.sender.paused == {"one"}
    sink.drain.close()
    stream.journal.close()
