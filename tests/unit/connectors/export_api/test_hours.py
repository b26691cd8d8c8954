"""The plan of hours: inclusive, complete, in order, and none that Amplitude cannot have yet."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.export_api.hours import (
    HOUR,
    available_at,
    count_hours,
    hours,
    last_available,
    name_of,
    parameter_of,
    parse_hour,
)
from connectors.files.natural import natural_key

BEGIN = datetime(2014, 11, 12, tzinfo=UTC)
ANY_HOUR = st.integers(0, 740_000).map(lambda number: BEGIN + number * HOUR)
ANY_TIME = st.floats(0, 2.7e9).map(lambda seconds: BEGIN + timedelta(seconds=seconds))


@given(first=ANY_HOUR, more=st.integers(0, 400))
def test_both_ends_are_included_and_every_hour_between_comes_once_in_order(first: datetime, more: int) -> None:
    """Across days, months and years."""
    planned = list(hours(first, first + more * HOUR))
    assert (planned[0], planned[-1]) == (first, first + more * HOUR)
    assert len(planned) == count_hours(first, first + more * HOUR) == more + 1
    assert {later - earlier for earlier, later in pairwise(planned)} <= {HOUR}


@given(first=ANY_HOUR, before=st.integers(1, 400))
def test_nothing_is_planned_where_the_end_is_before_the_begin(first: datetime, before: int) -> None:
    assert list(hours(first, first - before * HOUR)) == []
    assert count_hours(first, first - before * HOUR) == 0


@given(hour=ANY_HOUR)
def test_an_hour_is_read_as_it_is_written(hour: datetime) -> None:
    assert parse_hour(name_of(hour)) == hour
    assert datetime.strptime(parameter_of(hour), "%Y%m%dT%H").replace(tzinfo=UTC) == hour


@given(one=ANY_HOUR, other=ANY_HOUR)
def test_archives_are_read_in_the_order_of_their_hours(one: datetime, other: datetime) -> None:
    """The files source goes by the natural order of names."""
    names = [natural_key(f"exports/{name_of(each)}.zip") for each in (one, other)]
    assert (names[0] < names[1]) == (one < other)


@given(now=ANY_TIME)
def test_the_last_hour_is_there_and_the_next_one_is_not(now: datetime) -> None:
    last = last_available(now)
    assert available_at(last) <= now < available_at(last + HOUR)


def test_the_lag_is_the_documented_one() -> None:
    """Amplitude, Export API: what came from 20:00 to 21:00 is available at 23:00."""
    at_eleven = datetime(2026, 11, 1, 23, tzinfo=UTC)
    assert last_available(at_eleven) == datetime(2026, 11, 1, 20, tzinfo=UTC)
    assert last_available(at_eleven - timedelta(seconds=1)) == datetime(2026, 11, 1, 19, tzinfo=UTC)


def test_the_last_hour_is_in_utc_whatever_the_zone() -> None:
    """Half an hour off, as in India."""
    here = timezone(timedelta(hours=5, minutes=30))
    assert last_available(datetime(2026, 11, 1, 4, 30, tzinfo=here)) == datetime(2026, 10, 31, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-01", "2026-11-01T", "2026-11-01T7", "2026-11-01T24", "2026-13-01T00", "2026-11-01T00:30",
     "2026-11-01T00Z", "2026-02-29T00", " 2026-11-01T00", "20261101T00", "yesterday",
     "9999-12-31T23", "0001-01-01T00"],
)  # fmt: skip
def test_whatever_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_hour(text)
