"""Clock skew, by Amplitude's rule: the server's time of receipt minus the client's of the upload, from a minute on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.clock_skew import read_upload_ms, skew_ms

NOW_MS = 1_795_917_600_000


@given(st.integers(0, 253_402_300_799_999))
def test_any_way_to_write_the_upload_gives_the_same(upload_ms: int) -> None:
    """Milliseconds, their digits, and ISO 8601."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=upload_ms)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert read_upload_ms(upload_ms) == read_upload_ms(str(upload_ms)) == read_upload_ms(text) == upload_ms


@pytest.mark.parametrize("upload_time", [None, "", "soon", "٣", "9" * 400, -1, 1e300, [], {}, True, "2026-99-99"])
def test_what_is_no_time_says_nothing(upload_time: Any) -> None:
    """The client's times stay as they are."""
    assert read_upload_ms(upload_time) is None
    assert skew_ms(None, NOW_MS) == 0


@given(st.integers(-(10**12), 10**12))
def test_under_a_minute_a_clock_is_right(skew: int) -> None:
    """From a minute on it is wrong by all of it, early or late."""
    assert skew_ms(NOW_MS - skew, NOW_MS) == (skew if abs(skew) >= 60_000 else 0)
