"""What each answer of the Export API means, and how often and when a request is made again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.export_api.answers import ExportAnswer, meaning, pause_seconds, retry_after_seconds


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, ExportAnswer.ARCHIVE),
        (400, ExportAnswer.TOO_LARGE),
        (401, ExportAnswer.REJECTED),
        (403, ExportAnswer.REJECTED),
        (404, ExportAnswer.NO_DATA),
        (429, ExportAnswer.THROTTLED),
        (504, ExportAnswer.TIMED_OUT),
        (500, ExportAnswer.UNAVAILABLE),
        (503, ExportAnswer.UNAVAILABLE),
        (0, ExportAnswer.UNAVAILABLE),
        (302, ExportAnswer.UNKNOWN),
        (204, ExportAnswer.UNKNOWN),
    ],
)
def test_each_documented_status_has_its_meaning(status: int, answer: ExportAnswer) -> None:
    """Amplitude, Export API, «Status codes»; no answer at all, 0, may pass as a server's trouble does."""
    assert meaning(status) is answer


@given(status=st.integers(0, 999))
def test_a_request_is_made_again_where_it_is_the_servers_trouble_alone(status: int) -> None:
    """What the same request will be told again is not asked again."""
    assert meaning(status).may_pass == (status in (0, 429) or 500 <= status < 600)


@given(retry_after=st.floats(0, 1e9))
def test_a_request_is_given_up_after_a_few_attempts_and_each_pause_is_bounded(retry_after: float) -> None:
    pauses: list[float] = []
    while (pause := pause_seconds(len(pauses) + 1, retry_after)) is not None:
        pauses.append(pause)
    assert 2 <= len(pauses) <= 5
    assert all(0 < each <= 900 for each in pauses)
    assert pauses == sorted(pauses)


@given(retry_after=st.floats(0, 900), failures=st.integers(1, 4))
def test_a_retry_after_is_heeded(retry_after: float, failures: int) -> None:
    pause = pause_seconds(failures, retry_after)
    assert pause is not None
    assert pause >= retry_after
    assert pause >= (pause_seconds(failures, 0.0) or 0.0)


@given(seconds=st.integers(0, 10**12))
def test_a_retry_after_is_seconds_or_a_date(seconds: int) -> None:
    """RFC 9110, 10.2.3; what is over is no wait."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    assert retry_after_seconds(str(seconds), now) == seconds
    later = now + timedelta(seconds=min(seconds, 10**9))
    assert retry_after_seconds(format_datetime(later, usegmt=True), now) == (later - now).total_seconds()
    assert retry_after_seconds(format_datetime(now, usegmt=True), later) == 0


@given(header=st.text())
def test_whatever_is_neither_is_no_wait(header: str) -> None:
    assert retry_after_seconds(header, datetime(2026, 11, 1, tzinfo=UTC)) >= 0
