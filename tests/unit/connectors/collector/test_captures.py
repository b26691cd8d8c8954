"""Requests that Amplitude's real clients have sent, byte for byte: $STREAM_CAPTURES names their directory."""

import os
from pathlib import Path
from typing import Final

import orjson
import pytest

from connectors.collector.protocol import Request, Rules, Taken, take
from flows.domain.decode import decode
from flows.domain.event import Event, Record

DIRECTORY: Final = os.environ.get("STREAM_CAPTURES", "")
NOW_MS: Final = 1_795_921_000_000


@pytest.mark.skipif(not DIRECTORY, reason="STREAM_CAPTURES names no directory of captured requests")
def test_every_captured_request_is_taken_whole() -> None:
    """Each event is read by the stream, with an insert id, a key and a library; each answer is a 200."""
    libraries: set[str] = set()
    for path in sorted(Path(DIRECTORY).glob("*.raw")):
        head, _, body = path.read_bytes().partition(b"\r\n\r\n")
        first = head.decode().partition("\r\n")[0]
        method, target, _ = first.split(" ")
        if method == "OPTIONS":
            continue
        where, _, query = target.partition("?")
        request = Request(method, where, query, body, "198.51.100.9", NOW_MS)
        outcome = take(request, Rules())
        assert isinstance(outcome, Taken), path.name
        assert outcome.stored.status == 200, path.name
        assert not outcome.invalid, path.name
        for taken in outcome.events:
            (event,) = decode(Record(taken.value, taken.key, "inbox", 0, 0, taken.received_ms))
            assert isinstance(event, Event), path.name
            assert taken.key == (event.user_id or event.device_id or "").encode()
            assert event.insert_id
            assert event.ip != "$remote"
            assert taken.library == orjson.loads(taken.value).get("library", "")
            libraries.add(taken.library.partition("/")[0])
    assert {"amplitude-python", "amplitude-go", "amplitude-java", "amplitude-kotlin", "amplitude-js"} <= libraries
