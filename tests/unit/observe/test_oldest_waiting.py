"""How long the oldest event waits for each sync: as old as it is, also where an earlier run had read it."""

from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.delivery import Delivery
from connectors.delivery.items import pack, resume_items
from flows.domain.arrivals import Arrivals
from flows.domain.event import Event, Position, Record
from flows.domain.fate import FilterReason
from flows.domain.ledger import Ledger
from flows.domain.warm_up import WarmUp
from flows.observe.metrics import vocabulary as v
from flows.observe.metrics.flow import read_flow
from flows.observe.metrics.registry import Metrics
from flows.operators.stages import decode_records
from tests.fixtures.process import MakeProcess
from tests.fixtures.scrape import Scrape
from tests.fixtures.settings import sync_table

PLACE = ("t", 0)
EVENT = b'{"event_type":"e","user_id":"u","platform":"iOS","time":1700000000000}'


def record(offset: int, time_ms: int, partition: int = 0) -> Record:
    return Record(EVENT, None, "t", partition, offset, time_ms)


def at(offset: int, partition: int = 0) -> Position:
    return Position("t", partition, offset)


def test_the_oldest_of_each_sync() -> None:
    """Offset 0 is for nobody any more, 1 for the second alone, and the first's oldest is on another partition."""
    ledger = Ledger(["first", "second"], 100)
    step = decode_records(ledger, WarmUp())
    read = [record(0, 10_000), record(1, 20_000), record(2, 30_000)]
    assert all(isinstance(each, Event) for each in step(read))
    step([record(7, 25_000, partition=1)])
    assert ledger.oldest_ms() == {"first": 10_000, "second": 10_000}
    for sync, offset in ((0, 0), (1, 0), (0, 1)):
        ledger.filtered(at(offset), sync, FilterReason.NOT_SELECTED)
    assert ledger.oldest_ms() == {"first": 25_000, "second": 20_000}
    ledger.filtered(at(7, 1), 0, FilterReason.NOT_SELECTED)
    ledger.filtered(at(2), 0, FilterReason.NOT_SELECTED)
    assert ledger.oldest_ms() == {"second": 20_000}


def test_what_an_earlier_run_left_is_as_old_as_it_is() -> None:
    deliveries = [
        Delivery("first", 0, "e", "id1", b"{}", EVENT, None, at(offset), time_ms)
        for offset, time_ms in ((5, 9_000), (3, 4_000))
    ]
    ledger = Ledger(["first"], 100)
    resume_items(ledger, [pack(each) for each in deliveries])
    list(decode_records(ledger, WarmUp())([record(9, 60_000)]))
    assert ledger.oldest_ms() == {"first": 4_000}
    ledger.delivered(at(3), 0, 0)
    assert ledger.oldest_ms() == {"first": 9_000}


def test_a_sync_that_is_gone_waits_too() -> None:
    ledger = Ledger(["first"], 100)
    ledger.arrivals.note(PLACE, 1, 5_000)
    ledger.resume(at(1), ledger.place_of("gone"), 1)
    assert ledger.oldest_ms() == {"gone": 5_000}


@given(
    st.lists(st.integers(0, 3_000), min_size=1, max_size=60),
    st.integers(0, 60),
)
def test_no_arrival_is_more_than_a_second_away(steps_ms: list[int], forgotten: int) -> None:
    arrivals, now, times = Arrivals(), 0, []
    for step in steps_ms:
        now += step
        times.append(now)
    arrivals.read([record(offset, time_ms) for offset, time_ms in enumerate(times)])
    forgotten = min(forgotten, len(times) - 1)
    arrivals.forget_below(PLACE, forgotten)
    for offset, time_ms in list(enumerate(times))[forgotten:]:
        noted = arrivals.of(PLACE, offset)
        assert noted is not None
        assert 0 <= time_ms - noted < 1000


def test_notes_are_bounded_and_nothing_is_younger_than_it_is() -> None:
    arrivals = Arrivals()
    arrivals.read(record(offset, offset * 2_000) for offset in range(50_000))
    assert len(arrivals._notes[PLACE][0]) <= 4_000
    for offset in range(0, 50_000, 997):
        noted = arrivals.of(PLACE, offset)
        assert noted is not None
        assert noted <= offset * 2_000


def test_the_metric_says_it_in_seconds(make_process: MakeProcess) -> None:
    process = make_process(sync_table("one"))
    parts = replace(process.parts, now_ms=lambda: 100_000)

    def scraped() -> float:
        return Scrape(Metrics(partial(read_flow, parts=parts)).page("")[0].decode()).one(
            v.OLDEST_WAITING.name, sync="one"
        )

    assert scraped() == 0
    list(decode_records(process.ledger, WarmUp())([record(1, 40_000)]))
    assert scraped() == 60.0
