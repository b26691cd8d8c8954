"""A part of a body holds its own events and everything else as it was sent."""

import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.tee.division import divisible, is_packed
from flows.domain.exact_json import dumps, loads

UPLOAD = {"api_key": "key", "client_upload_time": "2026-11-29T12:00:00.000Z", "options": {"min_id_length": 1}}
_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=5))


@given(
    events=st.lists(st.dictionaries(st.text(max_size=3), _VALUES), min_size=1, max_size=6),
    is_gzip=st.booleans(),
    data=st.data(),
)
def test_a_part_holds_its_events_in_their_order_and_all_else(
    *, events: list[dict[str, Any]], is_gzip: bool, data: st.DataObject
) -> None:
    """Integers keep their digits, however long they are."""
    body = dumps({**UPLOAD, "events": events})
    divided = divisible(gzip.compress(body) if is_gzip else body)
    assert divided is not None
    places = tuple(sorted(data.draw(st.sets(st.integers(0, len(events) - 1), min_size=1))))
    assert loads(divided.part(places)) == {**UPLOAD, "events": [events[each] for each in places]}


def test_several_members_of_gzip_are_one_body() -> None:
    body = orjson.dumps({**UPLOAD, "events": [{"event_type": "tap"}]})
    divided = divisible(gzip.compress(body[:20]) + gzip.compress(body[20:]))
    assert divided is not None
    assert divided.events == [{"event_type": "tap"}]


@pytest.mark.parametrize(
    "body",
    [b"", b"v=2&e=%5B%5D", b"[]", b'{"events": {}}', b'{"events": []}', b'{"event": []}', b"{", b"\x1f\x8bnonsense"],
)
def test_what_holds_no_list_of_events_cannot_be_divided(body: bytes) -> None:
    assert divisible(body) is None


def test_gzip_is_known_by_its_first_bytes() -> None:
    assert is_packed(gzip.compress(b""))
    assert not is_packed(b"{}")
