"""Forms: the older SDKs', the Identify API's and HTTP API v1's, as browsers and phones escape them."""

import json
from hashlib import md5
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.form import read_form
from connectors.collector.upload import Dialect, RefusalReason, UnreadableUploadError

_TEXT = st.text(st.characters(codec="utf-8"), max_size=10)


@given(st.lists(st.dictionaries(_TEXT, _TEXT, max_size=3), max_size=3), st.booleans(), st.booleans())
def test_any_escaping_gives_the_events_and_the_checksum_holds(
    events: list[Any],
    is_beacon: bool,  # noqa: FBT001 - a part of the example
    has_checksum: bool,  # noqa: FBT001 - a part of the example
) -> None:
    """XMLHttpRequest writes a blank as %20, a beacon as a plus."""
    text = json.dumps(events, ensure_ascii=False)
    fields = {"v": "2", "client": "key", "e": text, "upload_time": "1795918969884"}
    if has_checksum:
        fields["checksum"] = md5(f"2key{text}1795918969884".encode(), usedforsecurity=False).hexdigest()
    form = urlencode(fields) if is_beacon else urlencode(fields, quote_via=quote)
    upload = read_form(form.encode())
    assert upload == (events, "key", Dialect.SDK_FORM, "1795918969884", None, 5, True)


@pytest.mark.parametrize(
    ("form", "reason", "words"),
    [
        (b"", RefusalReason.NO_EVENTS, ""),
        (b"hello", RefusalReason.NO_EVENTS, ""),
        (b"api_key=k", RefusalReason.NO_EVENTS, "missing_event"),
        (b"api_key=k&event=%7B", RefusalReason.UNREADABLE, "invalid_event"),
        (b"api_key=k&identification=x", RefusalReason.UNREADABLE, "invalid_event"),
        (b"client=k&e=x", RefusalReason.UNREADABLE, ""),
        (b"client=k&e=[]&checksum=00", RefusalReason.BAD_CHECKSUM, "bad_checksum"),
        (b"e=%FF", RefusalReason.UNREADABLE, ""),
        (b"\xff=1", RefusalReason.UNREADABLE, ""),
        (b"a=1&" * 200, RefusalReason.UNREADABLE, ""),
        (b"e=" + b"%41" * 300_001, RefusalReason.TOO_LARGE, ""),
        (b"e=" + b"a" * (4 << 20), RefusalReason.TOO_LARGE, ""),
    ],
)
def test_what_holds_no_upload_says_why(form: bytes, reason: RefusalReason, words: str) -> None:
    """In the words of those APIs, where they have some."""
    with pytest.raises(UnreadableUploadError) as refused:
        read_form(form)
    assert (refused.value.reason, refused.value.words) == (reason, words)
