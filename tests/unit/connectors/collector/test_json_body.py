"""JSON bodies: what is in them tells what they are, and memory is bounded before they are read."""

import json
import math
import tracemalloc

import pytest

from connectors.collector.json_body import read_json
from connectors.collector.upload import RefusalReason, UnreadableUploadError


def test_what_is_beside_the_events_is_read() -> None:
    """Unknown keys are ignored, and so are those of another type."""
    upload = read_json(
        b'{"api_key":"k","events":[{}],"client_upload_time":"2026-11-29T02:00:00.000Z","options":{"min_id_length":3},'
        b'"request_metadata":{"library":"amplitude-x/1"},"new":1}'
    )
    assert upload == ([{}], "k", "json", "2026-11-29T02:00:00.000Z", "amplitude-x/1", 3, True)
    odd = read_json(b'{"api_key":5,"events":[],"options":[],"request_metadata":"x"}')
    assert odd == ([], None, "json", None, None, 5, True)


@pytest.mark.parametrize("unit", [b"1,", b'"ab",', b"{},", b"[],", b'{"a":1},', b"["])
def test_a_body_of_many_small_values_is_too_large_before_it_is_read(unit: bytes) -> None:
    """20 MB of them take a gigabyte; 20 MB of 2,000 real events do not."""
    body = b'{"events":[' + unit * ((20 << 20) // len(unit)) + b"1]}"
    tracemalloc.start()
    with pytest.raises(UnreadableUploadError) as refused:
        read_json(body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason is RefusalReason.TOO_LARGE
    assert most < 1 << 20


def test_a_body_of_large_events_is_read() -> None:
    """As large as Amplitude takes it on /batch."""
    event = b'{"event_type":"Buy","event_properties":{%s}}' % b",".join(
        b'"p%d":"%s"' % (n, b"v" * 90) for n in range(96)
    )
    assert len(read_json(b'{"api_key":"k","events":[' + b",".join([event] * 2_000) + b"]}").events) == 2_000


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 5_000])
def test_a_number_that_nobody_can_hold_costs_no_event(number: bytes) -> None:
    """It is null, and an integer beside it keeps its digits."""
    body = b'{"api_key":"k","events":[{"n":%b,"big":123456789012345678901234567890},{"m":1}]}' % number
    assert read_json(body).events == [{"n": None, "big": 123456789012345678901234567890}, {"m": 1}]


@pytest.mark.parametrize("beside", [b'"api_key":"\\ud800"', b'"client_upload_time":"\xff"', b'"\\ud800":1'])
def test_what_no_utf_8_can_hold_beside_the_events_is_no_upload(beside: bytes) -> None:
    """No key is compared, counted or repeated that could not be written."""
    with pytest.raises(UnreadableUploadError) as refused:
        read_json(b'{"events":[],%b}' % beside)
    assert refused.value.reason is RefusalReason.UNREADABLE


def test_a_number_that_is_none_costs_no_event() -> None:
    """Python's SDK sends NaN and Infinity as its json module writes them."""
    body = json.dumps({"events": [{"n": math.nan, "m": -math.inf, "big": 10**30}], "api_key": "NaN"}).encode()
    assert read_json(body) == ([{"n": None, "m": None, "big": 10**30}], "NaN", "json", None, None, 5, True)
    for broken in (b'{"events":[NaN', b"NaN", b"[" * 5_000 + b"NaN"):
        with pytest.raises(UnreadableUploadError):
            read_json(broken)
