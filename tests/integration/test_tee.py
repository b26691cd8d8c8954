"""The tee over real sockets: what the collector takes reaches a stand-in Amplitude as it was sent, and harms nobody."""

import asyncio
import gzip
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest
from yarl import URL

from connectors.clock import now_ms
from connectors.collector.counts import CollectorCounts
from connectors.collector.protocol import Rules
from connectors.collector.request_intake import RequestIntake
from connectors.collector.server import CollectorServer
from connectors.event_writer import EventsNotStoredError, TakenEvent, Waiting
from connectors.ports import SetupError
from connectors.request_copy import CopiedRequest
from connectors.tee.client import TeeClient
from connectors.tee.counts import DropReason, GivenUpReason, TeeCounts
from connectors.tee.forwarder import Forwarder, Waits
from connectors.tee.store import Store
from connectors.tee.tee import Tee
from tests.fixtures.scripted_collector import Answer, ScriptedCollector, Upload, accepted, scripted_collector, throttled

KEY = "0123456789abcdef0123456789abcdef"
MB = 1_000_000


class Writer:
    """Stores in memory, or refuses."""

    def __init__(self) -> None:
        self.stored: list[TakenEvent] = []
        self.is_full = False
        self.blocked: str | None = None
        self.waiting: Waiting | None = None

    async def write(self, events: Sequence[TakenEvent]) -> None:
        if self.is_full:
            raise EventsNotStoredError("full")
        self.stored += events

    async def close(self) -> None:
        pass


class Rig:
    """A collector with a tee, and a client of it."""

    def __init__(self, tee: Tee, rules: Rules) -> None:
        self.tee = tee
        self.writer = Writer()
        self.intake = RequestIntake(self.writer, rules, CollectorCounts(), 0.3, copier=tee)
        self.server = CollectorServer(self.intake, [])
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.session = aiohttp.ClientSession(auto_decompress=False)

    async def post(self, body: bytes, path: str = "/2/httpapi", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url + path, data=body, headers=named) as response:
            await response.read()
            return response.status


Test = Callable[[Rig], Awaitable[None]]


def _with(test: Test, directory: Path, endpoint: str, rules: Rules | None = None, most_bytes: int = 100 * MB) -> None:
    async def run() -> None:
        tee = Tee(directory, endpoint, most_bytes)
        rig = Rig(tee, rules or Rules(frozenset({KEY})))
        tee.start()
        await rig.server.start(rig.listening, None)
        try:
            await asyncio.wait_for(test(rig), 30)
        finally:
            await rig.session.close()
            await rig.server.stop(0)
            await rig.intake.close()
            await tee.close()

    asyncio.run(run())


def _url(amplitude: ScriptedCollector) -> str:
    return f"http://127.0.0.1:{amplitude.port}"


def _event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event_type": "tap",
        "user_id": f"user-{number}",
        "insert_id": f"i-{number}",
        "time": 1_790_000_000_000,
        "event_properties": {"number": number},
        **more,
    }


def _upload(*numbers: int, **more: Any) -> bytes:
    return orjson.dumps({"api_key": KEY, "events": [_event(each) for each in numbers], "mine": 2**70 % 7, **more})


async def _until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - another thread tells nobody
        await asyncio.sleep(0.01)


@contextmanager
def _hanging() -> Iterator[str]:
    """Take connections, and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _left(directory: Path) -> int:
    with sqlite3.connect(directory / "copies.sqlite") as database:
        found: int = database.execute("SELECT count(*) FROM copies").fetchone()[0]
    database.close()
    return found


def _numbers(upload: Upload) -> list[int]:
    return [each["event_properties"]["number"] for each in upload.events]


def test_what_is_taken_arrives_as_it_was_sent(tmp_path: Path) -> None:
    body = gzip.compress(_upload(1, 2))

    async def test(rig: Rig) -> None:
        sent = {"Content_Type": "text/plain;charset=UTF-8", "Content_Encoding": "gzip", "User_Agent": "Client/1"}
        assert await rig.post(body, "/batch?v=1%20a", **sent, X_Mine="x", Cookie="session=1") == 200
        await _until(lambda: rig.tee.counts.forwarded_events == 2)

    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude))
    (upload,) = amplitude.uploads
    assert (upload.body, upload.target) == (body, "/batch?v=1%20a")
    assert upload.headers["Content-Type"] == "text/plain;charset=UTF-8"
    assert upload.headers["Content-Encoding"] == "gzip"
    assert upload.headers["User-Agent"] == "Client/1"
    assert upload.headers["X-Forwarded-For"] == "127.0.0.1"
    assert upload.headers["X-Mine"] == "x"
    assert upload.headers["Host"] == f"127.0.0.1:{amplitude.port}"
    assert "Cookie" not in upload.headers
    assert _left(tmp_path) == 0


def test_forms_and_queries_arrive_as_they_were_sent(tmp_path: Path) -> None:
    """What no query may hold is percent-encoded."""
    event = orjson.dumps([_event(1)]).decode()
    form = urlencode({"v": "2", "client": KEY, "e": event, "upload_time": "1790000000000"})
    named = orjson.dumps({"user_id": "user-1", "user_properties": {"plan": "pro"}}).decode()
    query = urlencode({"api_key": KEY, "identification": named})

    async def test(rig: Rig) -> None:
        assert await rig.post(form.encode(), Content_Type="application/x-www-form-urlencoded") == 200
        async with rig.session.get(URL(f"{rig.url}/identify?{query}", encoded=True)) as response:
            assert response.status == 200
        await _until(lambda: rig.tee.counts.forwarded_events == 2)
        _, writer = await asyncio.open_connection("127.0.0.1", rig.listening.getsockname()[1])
        body = _upload(3)
        writer.write(
            b"POST /2/httpapi?a=b#c HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await _until(lambda: rig.tee.counts.forwarded_events == 3)
        writer.close()

    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude))
    assert {each.target for each in amplitude.uploads} == {"/", f"/identify?{query}", "/2/httpapi?a=b%23c"}
    (sent,) = [each.body for each in amplitude.uploads if each.target == "/"]
    assert sent == form.encode()


def test_a_path_of_ones_own_goes_to_the_one_that_amplitude_knows(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        assert await rig.post(_upload(1), "/collect") == 200
        await _until(lambda: rig.tee.counts.forwarded_events == 1)

    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude), Rules(frozenset({KEY}), paths=frozenset({"/collect"})))
    assert [each.target for each in amplitude.uploads] == ["/2/httpapi"]


def test_what_is_not_taken_and_what_came_from_amplitude_does_not_go_there(tmp_path: Path) -> None:
    rules = Rules(frozenset({KEY}), frozenset({"token"}))

    async def test(rig: Rig) -> None:
        assert await rig.post(_upload(1, api_key="another")) == 400
        assert await rig.post(b"{") == 400
        assert await rig.post(orjson.dumps(_event(2)), "/webhook/token") == 200
        rig.writer.is_full = True
        assert await rig.post(_upload(3)) == 429
        rig.writer.is_full = False
        assert await rig.post(_upload(4)) == 200
        await _until(lambda: rig.tee.counts.forwarded_events == 1)

    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude), rules)
    assert [_numbers(each) for each in amplitude.uploads] == [[4]]
    assert _left(tmp_path) == 0


def test_clients_are_answered_while_amplitude_never_is(tmp_path: Path) -> None:
    """And what it did not take is sent on by the next start."""

    async def test(rig: Rig) -> None:
        for number in range(20):
            assert await rig.post(_upload(number)) == 200
        await _until(lambda: rig.tee.counts.waiting_requests == 20)

    async def again(rig: Rig) -> None:
        await _until(lambda: rig.tee.counts.forwarded_events == 20)

    with _hanging() as url:
        _with(test, tmp_path, url)
    with scripted_collector() as amplitude:
        _with(again, tmp_path, _url(amplitude))
    assert sorted(number for each in amplitude.uploads for number in _numbers(each)) == [*range(20)]
    assert _left(tmp_path) == 0


def test_a_full_queue_keeps_what_it_has_and_drops_what_comes(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        for number in range(20):
            assert await rig.post(_upload(number, filler="x" * 1_000)) == 200
        counts = rig.tee.counts
        assert counts.dropped == {DropReason.FULL: 20 - counts.waiting_requests}
        assert 0 < counts.waiting_requests < 10
        assert counts.waiting_bytes <= 10_000
        assert len(rig.writer.stored) == 20

    async def again(rig: Rig) -> None:
        await _until(lambda: rig.tee.counts.waiting_requests == 0)

    with _hanging() as url:
        _with(test, tmp_path, url, most_bytes=10_000)
    with scripted_collector() as amplitude:
        _with(again, tmp_path, _url(amplitude))
    numbers = sorted(number for each in amplitude.uploads for number in _numbers(each))
    assert numbers == [*range(len(numbers))]


def _script(*answers: Callable[[Upload], Answer]) -> Callable[[Upload], Answer]:
    """Answer one after the other; then take everything."""
    return lambda upload: answers[upload.number](upload) if upload.number < len(answers) else accepted(upload)


def _forward(
    directory: Path, script: Callable[[Upload], Answer], *bodies: bytes
) -> tuple[ScriptedCollector, TeeCounts]:
    """Send uploads through a collector to an Amplitude that answers so, until nothing waits; pauses are short."""

    async def run(amplitude: ScriptedCollector) -> TeeCounts:
        tee = Tee(directory, _url(amplitude), 100 * MB)
        forwarder = Forwarder(TeeClient(_url(amplitude)), tee.counts, Waits(0.01, 0.05, 0.05))
        tee._forwarder = forwarder  # its pauses are half a minute
        rig = Rig(tee, Rules(frozenset({KEY})))
        await rig.server.start(rig.listening, None)
        for body in bodies:
            assert await rig.post(body) == 200
        forwarder.start(tee._queue)  # as above
        await asyncio.wait_for(_until(lambda: tee.counts.waiting_requests == 0), 20)
        await rig.session.close()
        await rig.server.stop(0)
        await tee.close()
        return tee.counts

    with scripted_collector(script) as amplitude:
        return amplitude, asyncio.run(run(amplitude))


def _answer(status: int, **more: Any) -> Callable[[Upload], Answer]:
    return lambda _: (status, {"code": status, **more})


def test_events_that_amplitude_finds_invalid_are_left_out_and_the_others_sent_again(tmp_path: Path) -> None:
    refuses = _answer(400, error="Invalid field values", events_with_invalid_fields={"time": [1]})
    amplitude, counts = _forward(tmp_path, _script(refuses), _upload(1, 2, 3, options={"min_id_length": 1}))
    assert [_numbers(each) for each in amplitude.uploads] == [[1, 2, 3], [1, 3]]
    assert orjson.loads(amplitude.uploads[1].body)["options"] == {"min_id_length": 1}
    assert (counts.forwarded_events, counts.given_up) == (2, {GivenUpReason.INVALID: 1})


def test_throttled_events_are_held_back_and_the_others_sent_at_once(tmp_path: Path) -> None:
    amplitude, counts = _forward(tmp_path, _script(_answer(429, throttled_events=[0, 2])), _upload(1, 2, 3))
    assert [_numbers(each) for each in amplitude.uploads] == [[1, 2, 3], [2], [1, 3]]
    assert counts.forwarded_events == 3


def test_what_is_too_large_is_halved_until_it_is_not(tmp_path: Path) -> None:
    def script(upload: Upload) -> Answer:
        return accepted(upload) if len(upload.events) == 1 and 3 not in _numbers(upload) else (413, {"code": 413})

    amplitude, counts = _forward(tmp_path, script, gzip.compress(_upload(1, 2, 3)))
    assert {number for number, count in amplitude.taken.items() if count == 1} == {("tap", 1), ("tap", 2)}
    assert (counts.forwarded_events, counts.given_up) == (2, {GivenUpReason.TOO_LARGE: 1})


def test_a_key_that_amplitude_does_not_know_is_given_up(tmp_path: Path) -> None:
    amplitude, counts = _forward(tmp_path, _answer(400, error=f"Invalid API key: {KEY}"), _upload(1, 2), _upload(3))
    assert len(amplitude.uploads) == 2
    assert (counts.forwarded_events, counts.given_up) == (0, {GivenUpReason.WRONG_KEY: 3})


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 403])
def test_what_amplitude_cannot_take_is_sent_again_as_it_was(tmp_path: Path, status: int) -> None:
    body = _upload(1, 2)
    amplitude, counts = _forward(tmp_path, _script(_answer(status)), body)
    assert [each.body for each in amplitude.uploads] == [body, body]
    assert (counts.forwarded_events, counts.trouble) == (2, None)


def test_one_request_that_always_fails_holds_up_no_other(tmp_path: Path) -> None:
    """Its own user's events pass it after a while."""

    def script(upload: Upload) -> Answer:
        is_first = 1 in _numbers(upload) and len(amplitude_uploads) < 12
        amplitude_uploads.append(_numbers(upload))
        return (500, {"code": 500}) if is_first else accepted(upload)

    amplitude_uploads: list[list[int]] = []
    same = orjson.dumps({"api_key": KEY, "events": [_event(9, user_id="user-1")]})
    amplitude, counts = _forward(tmp_path, script, _upload(1), _upload(2), _upload(3), same)
    taken = [
        _numbers(each)[0] for each, status in zip(amplitude.uploads, amplitude.answers, strict=True) if status == 200
    ]
    assert taken[-1] == 1
    assert sorted(taken) == [1, 2, 3, 9]
    assert counts.forwarded_events == 4


def test_events_of_one_user_arrive_in_their_order(tmp_path: Path) -> None:
    bodies = [orjson.dumps({"api_key": KEY, "events": [_event(each, user_id="u-1")]}) for each in range(30)]
    amplitude, _ = _forward(tmp_path, _script(_answer(500), throttled), *bodies)
    taken = [
        _numbers(each)[0] for each, status in zip(amplitude.uploads, amplitude.answers, strict=True) if status == 200
    ]
    assert taken == [*range(30)]


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """It would send the events to whom an answer names."""
    amplitude, counts = _forward(tmp_path, _answer(307), _upload(1))
    assert len(amplitude.uploads) == 12
    assert counts.given_up == {GivenUpReason.REFUSED: 1}


def test_a_certificate_of_nobodys_is_not_trusted(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        assert await rig.post(_upload(1)) == 200
        await _until(lambda: rig.tee.counts.trouble)
        assert rig.tee.counts.trouble == "ClientConnectorCertificateError"

    with scripted_collector(tls=tmp_path / "tls") as amplitude:
        _with(test, tmp_path / "tee", f"https://127.0.0.1:{amplitude.port}")
    assert amplitude.uploads == []


def test_a_damaged_queue_is_set_aside_and_copies_go_on(tmp_path: Path) -> None:
    (tmp_path / "copies.sqlite").write_bytes(b"nonsense" * 1000)

    async def test(rig: Rig) -> None:
        assert await rig.post(_upload(1)) == 200
        await _until(lambda: rig.tee.counts.forwarded_events == 1)

    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude))
    assert (tmp_path / "copies.sqlite.damaged").read_bytes().startswith(b"nonsense")


def _kept(directory: Path, *received_ms: int) -> None:
    """Leave copies in a queue, as a process that was killed leaves them."""
    store = Store(directory, 100 * MB, TeeCounts())
    headers = (("Content-Type", "application/json"),)
    store.put(
        [CopiedRequest("POST", "/batch", "", headers, _upload(1), 1, frozenset(), each) for each in received_ms], []
    )
    store.close()


async def _until_nothing_waits(rig: Rig) -> None:
    await _until(lambda: rig.tee.counts.waiting_requests == 0)


def test_a_copy_of_more_than_seven_days_is_given_up(tmp_path: Path) -> None:
    """Amplitude would not know its `insert_id` again: Amplitude, HTTP V2 API, «Event deduplication»."""
    counts: list[TeeCounts] = []

    async def test(rig: Rig) -> None:
        counts.append(rig.tee.counts)
        await _until_nothing_waits(rig)

    _kept(tmp_path, now_ms() - 7 * 86_400_000 - 1, now_ms() - 6 * 86_400_000)
    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude))
    assert len(amplitude.uploads) == counts[0].forwarded_events == 1
    assert counts[0].given_up == {GivenUpReason.TOO_OLD: 1}


def test_a_copy_that_cannot_be_read_is_dropped_and_holds_up_no_other(tmp_path: Path) -> None:
    counts: list[TeeCounts] = []

    async def test(rig: Rig) -> None:
        counts.append(rig.tee.counts)
        await _until_nothing_waits(rig)

    _kept(tmp_path, now_ms(), now_ms())
    with sqlite3.connect(tmp_path / "copies.sqlite") as database:
        database.execute("UPDATE copies SET head = 'no JSON', keys = x'010203' WHERE id = 1")
    database.close()
    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude))
    assert (counts[0].forwarded_events, counts[0].dropped) == (1, {DropReason.BROKEN: 1})


def test_two_collectors_do_not_share_a_queue(tmp_path: Path) -> None:
    async def run() -> None:
        first = Tee(tmp_path, "http://127.0.0.1:9", MB)
        with pytest.raises(SetupError, match=r"collector\.tee\.directory: another collector uses"):
            Tee(tmp_path, "http://127.0.0.1:9", MB)
        await first.close()

    asyncio.run(run())


def test_an_answer_waits_for_a_slow_disk_once_and_not_for_long(tmp_path: Path) -> None:
    """It comes although the copy is not stored; the copy is stored later."""

    async def test(rig: Rig) -> None:
        queue, loop = rig.tee._queue, asyncio.get_running_loop()  # a disk that hangs
        entered, release = Event(), Event()

        def hold(_: object) -> None:
            entered.set()
            release.wait()

        held = loop.create_task(queue._ask(hold))
        try:
            await loop.run_in_executor(None, entered.wait)
            for number in range(5):
                assert await rig.post(_upload(number)) == 200
            assert queue.is_slow
            assert rig.tee.counts.waiting_requests == 0
        finally:
            release.set()
        await held
        await _until(lambda: rig.tee.counts.forwarded_events == 5)
        assert not queue.is_slow

    with scripted_collector() as amplitude:
        _with(test, tmp_path, _url(amplitude))
