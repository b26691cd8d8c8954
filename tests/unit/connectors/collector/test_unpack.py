"""Unpack: gzip is known by its bytes, and a bomb is bounded."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.unpack import MOST_BODY_BYTES, unpack
from connectors.collector.upload import RefusalReason, UnreadableUploadError


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4))
def test_one_member_or_several_are_one_body(parts: list[bytes]) -> None:
    """As gzip's own tools read them."""
    assert unpack(b"".join(gzip.compress(part) for part in parts)) == b"".join(parts)


@given(st.binary(max_size=50).filter(lambda body: not body.startswith(b"\x1f\x8b")))
def test_anything_else_is_the_body(body: bytes) -> None:
    """Whatever a header says of it."""
    assert unpack(body) is body


def test_what_is_over_the_bound_is_refused_before_it_takes_memory() -> None:
    """60 MB within 60 kB, as one member or as many."""
    whole, tenth = (gzip.compress(bytes(MOST_BODY_BYTES // parts), 1) for parts in (1, 10))
    assert unpack(whole) == bytes(MOST_BODY_BYTES)
    bomb = gzip.compress(bytes(3 * MOST_BODY_BYTES), 1)
    tracemalloc.start()
    for body in (bomb, tenth * 11):
        with pytest.raises(UnreadableUploadError) as refused:
            unpack(body)
        assert refused.value.reason is RefusalReason.TOO_LARGE
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * MOST_BODY_BYTES


def test_a_body_that_lost_its_end_is_what_came() -> None:
    """Its JSON says whether that is whole; only the check of gzip itself may be missing."""
    packed = gzip.compress(b'{"events":[]}')
    assert unpack(packed[:-8]) == b'{"events":[]}'
    with pytest.raises(UnreadableUploadError) as refused:
        unpack(packed[:8] + b"\xff\xff\xff" + packed[11:])
    assert refused.value.reason is RefusalReason.UNREADABLE
