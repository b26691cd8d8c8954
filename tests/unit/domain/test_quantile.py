"""Quantiles out of buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.quantile import quantile

_BOUNDS = (0.1, 1, 10)


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((0, 0, 0, 0), None),
        ((100, 0, 0, 0), 0.095),
        ((50, 50, 0, 0), 0.91),
        ((0, 0, 0, 7), 10),
    ],
)
def test_values_are_spread_evenly_within_a_bucket(counts: tuple[int, ...], found: float | None) -> None:
    """As PromQL's histogram_quantile: https://prometheus.io/docs/prometheus/latest/querying/functions/."""
    assert quantile(_BOUNDS, counts, 0.95) == (None if found is None else pytest.approx(found))


@given(counts=st.lists(st.integers(0, 1000), min_size=4, max_size=4), share=st.floats(0.01, 1))
def test_it_lies_in_the_bucket_that_holds_the_rank(counts: list[int], share: float) -> None:
    found = quantile(_BOUNDS, counts, share)
    assert (found is None) == (sum(counts) == 0)
    assert found is None or 0 <= found <= _BOUNDS[-1]
