"""How a load test counts: percentiles, trends, and the join of answers with the broker's timestamps."""

from collections import Counter
from pathlib import Path
from random import Random
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.load.answers import Answer, AnswerLog
from tests.tools.load.latencies import merged, percentile
from tests.tools.load.latency_watch import LatencyWatch
from tests.tools.load.produced import Produced
from tests.tools.load.trend import student_t, trend


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_least_value_that_covers_its_share(values: list[int], share: float) -> None:
    """By nearest rank: it is one of the values."""
    found = percentile(Counter(values), share)
    assert found in values
    assert sum(each <= found for each in values) >= share * len(values)
    assert sum(each < found for each in values) < share * len(values)


def test_percentiles_of_nothing_and_of_much() -> None:
    """None, and what the standard library finds."""
    assert percentile(Counter(), 0.5) is None
    values = [Random(1).randrange(1000) for _ in range(10_000)]
    assert percentile(Counter(values), 0.99) == pytest.approx(quantiles(values, n=100)[98], abs=1)
    assert merged([Counter({1: 2}), Counter({1: 1, 5: 1})]) == {1: 3, 5: 1}


@pytest.mark.parametrize(("freedom", "tabled"), [(3, 3.182), (5, 2.571), (8, 2.306), (18, 2.101), (60, 2.000)])
def test_students_quantiles_are_those_of_the_tables(freedom: int, tabled: float) -> None:
    """To well within a percent."""
    assert student_t(freedom) == pytest.approx(tabled, rel=0.002)


def test_a_trend_is_found_under_noise() -> None:
    """3,600 seconds at 12 MB/h: within its own confidence interval, which does not hold 0."""
    rng = Random(5)
    seconds = [float(each) for each in range(3600)]
    found = trend(seconds, [100 + 12 * each / 3600 + rng.gauss(0, 2) for each in seconds])
    assert found is not None
    assert found.low < 12 < found.high
    assert not found.is_flat


def test_a_flat_series_has_no_trend() -> None:
    """In 95 of 100 runs; this is a hundred of them."""
    flat = 0
    for seed in range(100):
        rng = Random(seed)
        found = trend([float(each) for each in range(600)], [100 + rng.gauss(0, 2) for _ in range(600)])
        flat += found is not None and found.is_flat
    assert flat >= 88


def test_steps_do_not_make_a_trend_look_surer_than_it_is() -> None:
    """Samples that follow each other are alike: a wave's rising half alone is no drift of an hour."""
    values = [100.0 + (each // 150 % 2) for each in range(1200)]
    found = trend([float(each) for each in range(1200)], values)
    assert found is not None
    assert found.is_flat


def test_too_few_samples_have_no_trend() -> None:
    """Five blocks of three are the least."""
    assert trend([float(each) for each in range(14)], [1.0] * 14) is None


def test_notes_are_read_while_they_are_written(tmp_path: Path) -> None:
    """A line that is not whole yet waits; several logs are one."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1795000000.123 7 200\n1795000000.2")
    other.write_bytes(b"")
    with AnswerLog([one, other]) as log:
        assert list(log.read()) == [Answer(1_795_000_000_123, 7, 200)]
        with one.open("ab") as file:
            file.write(b"00 - 503\n")
        other.write_bytes(b"1795000001.000 8 200\n")
        assert list(log.read()) == [Answer(1_795_000_000_200, -1, 503), Answer(1_795_000_001_000, 8, 200)]
        assert list(log.read()) == []


def test_latency_is_counted_from_the_brokers_timestamp(tmp_path: Path) -> None:
    """An answer that is known before the broker's acknowledgement waits for it."""
    with Produced(tmp_path / "produced", 3) as produced:
        produced.stamp(0, 1000)
        watch = LatencyWatch(produced)
        assert watch.take([Answer(1040, 0, 200), Answer(1100, 1, 200), Answer(1100, -1, 200)]) == {40: 1}
        produced.stamp(1, 1070)
        assert watch.take([]) == {30: 1}
        assert (watch.answered, watch.unnumbered, watch.whole) == (3, 1, {40: 1, 30: 1})


def test_what_was_produced_is_seen_by_others_at_once(tmp_path: Path) -> None:
    """The file is mapped by both processes."""
    with Produced(tmp_path / "produced", 2) as mine, Produced(tmp_path / "produced") as theirs:
        mine.sent, mine.behind = 2, 5
        mine.stamp(1, 99)
        assert (theirs.sent, theirs.taken, theirs.behind) == (2, 1, 5)
        assert [theirs.broker_ms(number) for number in (-1, 0, 1, 2)] == [0, 0, 99, 0]
