"""`status` and `top` show what a collector takes in, beside the stream."""

import io
from typing import Any

from rich.console import Console, RenderableType

from connectors.clock import now_ms
from flows.commands.monitor.collector import collector_lines
from flows.commands.monitor.overview import overview
from flows.operations.monitor import SliceAnswer

STATUS: dict[str, Any] = {
    "why_not_ready": [],
    "requests": [{"path": "/2/httpapi", "status": 200, "count": 300}],
    "events_by_library": {"amplitude-ts/2.11.0": 1200, "": 34},
    "invalid_events": {"missing_id": 3},
    "refused_requests": {},
    "unknown_api_keys": {},
    "throttled_events": 5,
    "in_flight_requests": 0,
}


def shown(status: dict[str, Any] | None, why: str = "") -> str:
    return printed(collector_lines(SliceAnswer("http://127.0.0.1:9463", 0.0, status, why)))


def printed(what: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(what)
    return file.getvalue()


def test_what_was_taken_in_is_one_line() -> None:
    assert shown(STATUS) == "collector  1,234 events taken in, 3 of them invalid; 5 throttled\n"


def test_what_waits_is_said_with_the_oldest() -> None:
    waiting = {"events": 7, "oldest_received_ms": now_ms() - 7_300_000, "size_bytes": 12_345_678}
    assert "; 7 wait, the oldest for 2 h; the inbox has 12.3 MB" in shown(STATUS | {"waiting": waiting})
    empty = {"events": 0, "oldest_received_ms": None, "size_bytes": 0}
    assert "; 0 wait; the inbox has 0.0 MB" in shown(STATUS | {"waiting": empty})


def test_copies_for_amplitude_are_a_line_of_their_own() -> None:
    tee = {
        "forwarded_events": 1200,
        "given_up_events": {"invalid": 2},
        "dropped_events": {"full": 3},
        "waiting_requests": 40,
        "trouble": "HTTP 503",
    }
    said = "collector 1,200 events copied to Amplitude; 40 requests wait; 5 events lost to it; "
    said += "it does not take them: HTTP 503"
    assert shown(STATUS | {"tee": tee}).splitlines()[1].split() == said.split()
    well = {**tee, "given_up_events": {}, "dropped_events": {}, "waiting_requests": 0, "trouble": None}
    assert shown(STATUS | {"tee": well}).splitlines()[1].endswith("1,200 events copied to Amplitude; 0 requests wait")


def test_what_is_wrong_comes_first() -> None:
    wrong = {
        "why_not_ready": ["nothing can be stored: the disk is full"],
        "unknown_api_keys": {"0123…cdef": 12},
    }
    first, second, _ = shown(STATUS | wrong).splitlines()
    assert first == "collector  not ready: nothing can be stored: the disk is full"
    assert second.endswith("events are refused and lost: 12 requests with the unknown API key 0123…cdef")


def test_one_that_does_not_answer_is_said() -> None:
    assert "http://127.0.0.1:9463: no answer within 5 seconds" in shown(None, "no answer within 5 seconds")


def test_top_shows_it_though_no_slice_answers() -> None:
    nobody = SliceAnswer("http://127.0.0.1:9464", 0.0, None, "no answer")
    collector = SliceAnswer("http://127.0.0.1:9463", 0.0, STATUS)
    assert "1,234 events taken in" in printed(overview([nobody], {}, (), collector))
    assert "taken in" not in printed(overview([nobody], {}))
