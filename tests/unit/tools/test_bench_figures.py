from dataclasses import replace

import pytest

from tests.tools.bench import slices, table
from tests.tools.bench.contestants import chosen
from tests.tools.bench.figures import Figures, Spread, ratio
from tests.tools.bench.measure import Measurement
from tests.tools.bench.stages import Hand, budget

ONE = Measurement(
    requests=1000,
    counted=900,
    wall_seconds=0.5,
    cpu_seconds=0.3,
    whole_cpu_seconds=0.4,
    peak_rss_bytes=50_000_000,
    sent_bytes=800_000,
    received_bytes=100_000,
    connections=2,
    protocol="HTTP/2.0",
    endpoint_share=0.2,
    serving_share=0.5,
)


def test_a_spread_is_the_median_with_the_least_and_the_most() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert Spread.of([4.0, 1.0]) == (2.5, 1.0, 4.0)


def test_rates_are_taken_over_what_was_counted_and_bytes_over_all_requests() -> None:
    figures = Figures.of([ONE, replace(ONE, cpu_seconds=0.6)])
    assert figures.per_cpu_second == pytest.approx((2250.0, 1500.0, 3000.0))
    assert figures.per_cpu_second_whole.median == pytest.approx(2500.0)
    assert figures.per_second.median == pytest.approx(1800.0)
    assert figures.sent_bytes_per_event is not None
    assert figures.sent_bytes_per_event.median == pytest.approx(800.0)


def test_bytes_that_nobody_could_count_are_unknown_and_not_none() -> None:
    assert Figures.of([replace(ONE, sent_bytes=None, received_bytes=None)]).sent_bytes_per_event is None


def test_a_ratio_compares_round_by_round_and_refuses_unequal_numbers_of_rounds() -> None:
    slower = replace(ONE, cpu_seconds=0.6)
    assert ratio([ONE, slower], [slower, slower]) == pytest.approx((1.5, 1.0, 2.0))
    with pytest.raises(ValueError, match="shorter"):
        ratio([ONE, ONE], [ONE])


def test_the_stream_is_compared_with_all_others_and_the_compiled_one_with_the_stream_too() -> None:
    field = chosen("libcurl", "stream", "compiled", "go")
    cpu_seconds = {"libcurl": 0.1, "stream": 0.6, "compiled": 0.4, "go": 0.3}
    results = {name: [replace(ONE, cpu_seconds=taken)] for name, taken in cpu_seconds.items()}
    assert [(ours, other, round(spread.median, 3)) for ours, other, spread in table.ratios(field, results)] == [
        ("this stream", "bare libcurl, this client's limit", 0.167),
        ("this stream", "Go: franz-go, net/http", 0.5),
        ("this stream, compiled", "bare libcurl, this client's limit", 0.25),
        ("this stream, compiled", "this stream", 1.5),
        ("this stream, compiled", "Go: franz-go, net/http", 0.75),
    ]
    assert {each.name for each in field if each.is_ours} == {"stream", "compiled"}


def test_two_slices_that_need_no_more_cpu_for_an_event_do_twice_the_work() -> None:
    assert slices.by_cpu([ONE], [ONE]).median == pytest.approx(2.0)
    assert slices.by_cpu([ONE], [replace(ONE, cpu_seconds=0.33)]).median == pytest.approx(1.818, abs=0.001)
    assert slices.by_clock([ONE], [replace(ONE, wall_seconds=0.25)]).median == pytest.approx(2.0)


def test_the_budget_adds_up_to_what_the_whole_stream_takes_for_an_event() -> None:
    hand = Hand(read=1250, cpu_seconds={"decode": 0.02, "sender": 0.1, "driver": 9.0}, bookkeeping_seconds=0.01)
    rows = budget(hand, ONE, events=1250)
    whole_us = ONE.cpu_seconds / ONE.counted * ONE.requests / 1250 * 1e6
    assert sum(row.per_event_us for row in rows) == pytest.approx(whole_us)
    assert [row.name for row in rows] == ["decode", "sender", "engine"]
    assert rows[0].per_event_us == pytest.approx(16.0)
