"""Amplitude's times: three ways to write one moment, and everything that is none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.timestamp import LATEST_MS, appsflyer_time, is_late, parse_number, parse_text

moments_ms = st.integers(0, LATEST_MS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=time_ms)


@given(moments_ms)
def test_all_of_amplitudes_formats_mean_the_same_moment(time_ms: int) -> None:
    """Amplitude: Export API (space, six decimals), S3 export (T, six), webhook (three decimals), HTTP V2 API (ms)."""
    text = moment(time_ms).strftime("%Y-%m-%d %H:%M:%S.%f")
    assert parse_text(text) == time_ms  # Export API
    assert parse_text(text.replace(" ", "T")) == time_ms  # S3 export
    assert parse_text(text[:-3]) == time_ms  # webhook
    assert parse_text(text[:-3].replace(" ", "T")) == time_ms  # webhook
    assert parse_number(time_ms) == time_ms  # HTTP V2 API
    assert parse_number(float(time_ms)) == time_ms  # 1.7e12 is a number of milliseconds, too


@given(moments_ms, st.integers(0, 999))
def test_what_is_finer_than_a_millisecond_is_cut_not_rounded(time_ms: int, micros: int) -> None:
    """An event never moves into the next second, day or year by rounding."""
    text = moment(time_ms).strftime("%Y-%m-%d %H:%M:%S.%f")
    assert parse_text(f"{text[:-3]}{micros:03d}") == time_ms


@given(moments_ms, st.integers(-14 * 60, 14 * 60))
def test_a_zone_moves_the_moment(time_ms: int, offset_minutes: int) -> None:
    """A stated zone counts; without one it is UTC (Amplitude: Export API)."""
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    text = moment(time_ms).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + f"{sign}{hours:02d}:{minutes:02d}"
    utc_ms = time_ms - offset_minutes * 60_000
    assert parse_text(text) == (utc_ms if 0 <= utc_ms <= LATEST_MS else None)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01 00:00:00", 0),
        ("1970-01-01 00:00:00.1", 100),
        ("1970-01-01T00:00:00.001999999Z", 1),
        ("2020-11-24 09:59:55.977000", 1_606_211_995_977),
        ("2022-02-28 20:07:01.795", 1_646_078_821_795),
        ("2022-10-24T20:07:32.123", 1_666_642_052_123),
        ("2024-02-29 00:00:00", 1_709_164_800_000),
        ("2026-11-29 01:10:12.345 UTC", 1_795_914_612_345),  # BigQuery
        ("2026-11-29 01:10:12 UTC", 1_795_914_612_000),
        ("2026-11-29 01:10:12.345 +0000", 1_795_914_612_345),  # Snowflake
        ("2026-11-29 03:10:12.345 +02:00", 1_795_914_612_345),
        ("2026-11-29 03:10:12.345678+02", 1_795_914_612_345),  # PostgreSQL
        ("2026-11-28T20:10:12.345-0500", 1_795_914_612_345),
        ("2026-11-29t01:10:12.345z", 1_795_914_612_345),
        ("2026-11-29T01:10:12,345Z", 1_795_914_612_345),
        ("2026-11-29T01:10Z", 1_795_914_600_000),
        ("2026-11-29 01:10:12 GMT", 1_795_914_612_000),
    ],
)
def test_real_samples(text: str, time_ms: int) -> None:
    """Samples from Amplitude's pages, and how short or long decimals may be."""
    assert parse_text(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2024", "2024-01-01", "2024-13-01 00:00:00", "2023-02-29 00:00:00", "2024-01-01 24:00:00",
        "2024-01-01 00:60:00", "2024-01-01 00:00:60", "0000-01-01 00:00:00", "1969-12-31 23:59:59.999",
        "0001-01-01 00:00:00+23:59", "9999-12-31 23:59:59-01:00", "2024-01-01 00:00:00+24:00",
        "2024-01-01 00:00:00.", "2024-01-01 00:00:00\n", " 2024-01-01 00:00:00", "2024-1-1 0:0:0",
        "٢٠٢٤-01-01 00:00:00", "2024-W01-1 00:00:00", "20240101T000000", "1700000000000",
        "2024-01-01 00:00:00.1234567890",
    ],
)  # fmt: skip
def test_impossible_times_are_none(text: str) -> None:
    """What no calendar has, what lies before 1970, and what is written in no way of Amplitude's."""
    assert parse_text(text) is None


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Reading a time is total."""
    read = parse_text(text)
    assert read is None or 0 <= read <= LATEST_MS


@pytest.mark.parametrize("number", [-1, -0.5, LATEST_MS + 1, 1e300, -1e300, 2**64])
def test_impossible_numbers_are_none(number: float) -> None:
    """Amplitude, HTTP V2 API: milliseconds since the epoch."""
    assert parse_number(number) is None


@given(st.one_of(st.floats(), st.integers()))
def test_any_number_is_read_without_an_error(number: float) -> None:
    """Reading is total: infinities and NaN, too."""
    read = parse_number(number)
    assert read is None or read <= number < read + 1


def test_fractions_of_a_millisecond_are_cut() -> None:
    """Python's `time.time() * 1000` has them: the time is perfectly possible."""
    assert parse_number(1_795_917_600_000.678) == 1_795_917_600_000
    assert parse_number(0.5) == 0


@given(moments_ms)
def test_appsflyers_form_reads_back(time_ms: int) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: `yyyy-MM-dd HH:mm:ss.SSS`, UTC."""
    printed = appsflyer_time(time_ms)
    assert len(printed) == len("2019-05-15 12:17:01.123")
    assert parse_text(printed) == time_ms


@given(st.integers(0, LATEST_MS - 3 * 86_400_000), st.integers(-86_400_000, 3 * 86_400_000))
def test_late_is_from_two_oclock_of_the_next_day_on(time_ms: int, after_ms: int) -> None:
    """AppsFlyer, «Time stamping S2S events»: what arrives before 02:00 UTC of the next day keeps its time."""
    day = moment(time_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    limit = day + timedelta(days=1, hours=2)
    assert is_late(time_ms, time_ms + after_ms) == (EPOCH + timedelta(milliseconds=time_ms + after_ms) >= limit)


def test_late_by_appsflyers_own_example() -> None:
    """Monday 21:00 that arrives on Tuesday at 01:00 is in time; on Wednesday at 09:00 it is late."""
    monday = parse_text("2024-01-01 21:00:00")
    tuesday = parse_text("2024-01-02 01:00:00")
    edge = parse_text("2024-01-02 02:00:00")
    wednesday = parse_text("2024-01-03 09:00:00")
    assert monday is not None
    assert tuesday is not None
    assert edge is not None
    assert wednesday is not None
    assert not is_late(monday, tuesday)
    assert not is_late(monday, edge - 1)
    assert is_late(monday, edge)
    assert is_late(monday, wednesday)
