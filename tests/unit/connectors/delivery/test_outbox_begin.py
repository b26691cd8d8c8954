"""What an earlier run left in the outbox: it is taken up before the flow starts, and goes on when the flow runs."""

from pathlib import Path
from typing import Any

from connectors.delivery.delivery import Attempts, Delivery, dead_letter
from connectors.delivery.outbox import Outbox
from connectors.delivery.sink import PART, AppsFlyerSink
from connectors.shutdown import Shutdown
from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason
from tests.fixtures.delivering import an_outbox, take

LANE = "s/id1"


def _delivery(offset: int, sync: str = "s") -> Delivery:
    return Delivery(sync, 0, "e", "id1", b"{}", b"{}", None, Position("t", 0, offset), 0)


def _let_go(outbox: Outbox) -> None:
    outbox.close()
    outbox._journal.close()


def _sink(outbox: Outbox) -> AppsFlyerSink:
    drain: Any = None
    return AppsFlyerSink(outbox, drain, Shutdown(), lambda: None, lambda: None)


def _offsets(outbox: Outbox) -> list[int]:
    return [each.delivery.position.offset for each in outbox.arrived]


def test_nothing_goes_on_before_the_engine_has_built_the_sink(tmp_path: Path) -> None:
    """A start may fail before that, at the source, and then nobody waits for the answers to what was sent."""
    first = an_outbox(tmp_path)
    take(first, [_delivery(offset) for offset in range(4)])
    first.given_up(first.arrived[0], dead_letter(_delivery(0), DeadLetterReason.REJECTED, "no", Attempts(1), 5))
    assert first.set_aside(first.arrived[2])
    assert first.set_aside(first.arrived[3])
    state = first.state()
    _let_go(first)
    outbox = an_outbox(tmp_path)
    outbox.resume(state)
    assert (len(outbox), outbox.set_aside_count, outbox._ledger.pending(0)) == (2, 2, 4)
    assert not outbox.arrived
    assert not outbox.letters
    _sink(outbox).build_part("deliver", PART, state)
    assert [each.position.offset for each in outbox.letters] == [0]
    assert _offsets(outbox) == [1, 2]  # one of the spill, so that the sender looks after its lane
    assert (len(outbox), outbox.set_aside_count, outbox._ledger.pending(0)) == (3, 1, 4)
    _let_go(outbox)


def test_what_was_set_aside_for_a_sync_that_is_disabled_is_given_up_when_the_flow_runs(tmp_path: Path) -> None:
    first = an_outbox(tmp_path, "gone")
    take(first, [_delivery(0, "gone")])
    assert first.set_aside(first.arrived[0])
    state = first.state()
    _let_go(first)
    outbox = an_outbox(tmp_path, "s")
    outbox.resume(state)
    outbox.settle()
    assert (outbox.set_aside_count, len(outbox.letters)) == (1, 0)
    outbox.begin()
    outbox.settle()
    assert [each.reason for each in outbox.letters] == [DeadLetterReason.SYNC_DISABLED]
    assert (outbox.set_aside_count, outbox._ledger.held_events) == (0, 0)
    _let_go(outbox)


def test_a_spill_goes_on_though_the_first_of_it_were_delivered_before_the_crash(tmp_path: Path) -> None:
    """Else its lane would stay unknown to the sender, and the rest wait until another event comes for that app."""
    first = an_outbox(tmp_path)
    take(first, [_delivery(offset) for offset in range(5)])
    for each in list(first.arrived):
        assert first.set_aside(each)
    state = first.state()
    for each in first.take_back(LANE, 3):
        first.delivered(each)
    first.settle()
    first._journal._file.close()
    first.close()
    outbox = an_outbox(tmp_path)
    outbox.resume(state)
    outbox.begin()
    assert _offsets(outbox) == [3]
    counts = outbox._ledger.syncs[0]
    assert (counts.delivered, outbox._ledger.pending(0), outbox._ledger.held_events) == (3, 2, 1)
    assert [each.delivery.position.offset for each in outbox.take_back(LANE, 5)] == [4]
    assert outbox.take_back(LANE, 5) == []
    _let_go(outbox)
