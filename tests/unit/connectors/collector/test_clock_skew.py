"""Clock skew, by Amplitude's rule: the server's time of receipt minus the client's of the upload, from a minute on."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.clock_skew import skew_ms

NOW_MS = 1_795_917_600_000


@given(st.integers(-(10**12), 10**11))
def test_any_way_to_write_the_upload_gives_the_same(skew: int) -> None:
    """Milliseconds, their digits, and ISO 8601."""
    upload_ms = NOW_MS - skew
    text = datetime.fromtimestamp(upload_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    expected = skew if abs(skew) >= 60_000 else 0
    assert skew_ms(upload_ms, NOW_MS) == skew_ms(str(upload_ms), NOW_MS) == expected
    assert abs(skew_ms(text, NOW_MS) - expected) <= 1 or abs(abs(skew) - 60_000) <= 1


@pytest.mark.parametrize("upload_time", [None, "", "soon", "٣", "9" * 400, -1, 1e300, [], {}, True, "2026-99-99"])
def test_what_is_no_time_says_nothing(upload_time: Any) -> None:
    """The client's times stay as they are."""
    assert skew_ms(upload_time, NOW_MS) == 0
