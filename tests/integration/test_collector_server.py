"""The collector over real sockets: every request is answered in a form that Amplitude's clients understand."""

import asyncio
import gzip
import io
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import orjson
import pytest

from connectors.collector import answers
from connectors.collector.counts import CollectorCounts
from connectors.collector.protocol import MOST_BODY_BYTES, RefusalReason, Rules
from connectors.collector.request_intake import RequestIntake
from connectors.collector.server import CollectorServer
from connectors.event_writer import EventsNotStoredError, TakenEvent, Waiting

KEY = "0123456789abcdef0123456789abcdef"
EVENT = {"event_type": "tap", "user_id": "user-1", "insert_id": "i-1", "time": 1_790_000_000_000}


class Writer:
    """Stores in memory, as slowly and as unwillingly as it is told to."""

    def __init__(self) -> None:
        self.stored: list[TakenEvent] = []
        self.refusals = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.blocked: str | None = None
        self.waiting: Waiting | None = None
        self.is_closed = False

    async def write(self, events: Sequence[TakenEvent]) -> None:
        await self.gate.wait()
        if self.refusals:
            self.refusals -= 1
            raise EventsNotStoredError("the disk is full")
        self.stored += events

    async def close(self) -> None:
        self.is_closed = True


class Rig:
    """A collector that listens, and a client of it."""

    def __init__(self, rules: Rules, patience_seconds: float) -> None:
        self.writer = Writer()
        self.counts = CollectorCounts()
        self.intake = RequestIntake(self.writer, rules, self.counts, patience_seconds)
        self.server = CollectorServer(self.intake, [])
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.session = aiohttp.ClientSession(auto_decompress=False)

    async def post(self, body: bytes, path: str = "/2/httpapi", **headers: str) -> tuple[int, Any, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url + path, data=io.BytesIO(body), headers=named) as response:
            text = await response.read()
            return response.status, response.headers, orjson.loads(text) if text[:1] == b"{" else text

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    async def until_in_flight(self, count: int) -> None:
        while self.counts.in_flight < count:  # noqa: ASYNC110 - the collector counts, and tells nobody
            await asyncio.sleep(0.01)


def _with(test: Callable[[Rig], Awaitable[None]], rules: Rules | None = None, patience_seconds: float = 5.0) -> None:
    async def run() -> None:
        rig = Rig(rules or Rules(frozenset({KEY})), patience_seconds)
        await rig.server.start(rig.listening, None)
        try:
            await asyncio.wait_for(test(rig), 30)
        finally:
            await rig.session.close()
            await rig.server.stop(0)
            await rig.intake.close()
        assert rig.writer.is_closed
        assert rig.counts.in_flight == 0

    asyncio.run(run())


def _upload(*events: dict[str, Any], key: str = KEY) -> bytes:
    return orjson.dumps({"api_key": key, "events": events or (EVENT,)})


def test_events_are_answered_200_when_they_are_stored() -> None:
    async def test(rig: Rig) -> None:
        rig.writer.gate.clear()
        asked = asyncio.ensure_future(rig.post(_upload(EVENT, {**EVENT, "insert_id": "i-2"})))
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not asked.done()  # not before it is durable
        rig.writer.gate.set()
        status, headers, answer = await asked
        assert (status, answer["code"], answer["events_ingested"]) == (200, 200, 2)
        assert answer.keys() == {"code", "events_ingested", "payload_size_bytes", "server_upload_time"}
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Server"] == "collector"
        assert [orjson.loads(each.value)["insert_id"] for each in rig.writer.stored] == ["i-1", "i-2"]
        assert {each.key for each in rig.writer.stored} == {b"user-1"}
        assert rig.counts.answers == {("/2/httpapi", 200): 1}

    _with(test)


def test_the_clients_address_takes_the_place_of_remote() -> None:
    async def test(rig: Rig) -> None:
        await rig.post(_upload({**EVENT, "ip": "$remote"}))
        assert orjson.loads(rig.writer.stored[0].value)["ip"] == "127.0.0.1"

    _with(test)


def test_what_cannot_be_stored_for_a_while_is_stored_late() -> None:
    """A short stall costs nothing but time: many clients lose what is refused."""

    async def test(rig: Rig) -> None:
        rig.writer.refusals = 2
        status, _, _ = await rig.post(_upload())
        assert (status, len(rig.writer.stored), rig.counts.throttled_events) == (200, 1, 0)

    _with(test)


def test_what_cannot_be_stored_is_answered_429_with_every_index() -> None:
    async def test(rig: Rig) -> None:
        rig.writer.refusals = 1_000_000
        status, headers, answer = await rig.post(_upload(EVENT, EVENT, EVENT))
        assert (status, answer["code"], answer["throttled_events"]) == (429, 429, [0, 1, 2])
        assert answer["throttled_users"] == {"user-1": 3}
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert (rig.writer.stored, rig.counts.throttled_events) == ([], 3)

    _with(test, patience_seconds=0.3)


def test_an_unknown_api_key_is_answered_in_amplitudes_words_and_counted_by_its_ends() -> None:
    async def test(rig: Rig) -> None:
        status, _, answer = await rig.post(_upload(key="f" * 32))
        assert (status, answer["error"]) == (400, "Invalid API key: " + "f" * 32)
        assert rig.counts.unknown_api_keys == {"ffff…ffff": 1}
        assert rig.writer.stored == []

    _with(test)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nX-Long: %b\r\n\r\n" % (b"x" * 40_000), 400),
        (b"DELETE /2/httpapi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{,}", 400),
        (b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 400),
        (b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_every_refusal_names_events(data: bytes, status: int) -> None:
    """A 4xx that names none makes Go's client send again for ever; and a browser reads none without the header."""

    async def test(rig: Rig) -> None:
        answer = await rig.raw(data)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] == b"%d" % status
        assert b"Access-Control-Allow-Origin: *" in head
        assert b"aiohttp" not in answer
        named = orjson.loads(body)["events_with_missing_fields"]["event_type"]
        assert named == list(range(answers.MAX_EVENTS))

    _with(test)


def test_bodies_that_nobody_can_read_are_kept_up_to_a_number_a_minute() -> None:
    """Each becomes a dead letter, so that its sender can be found; whoever sends many fills no disk."""

    async def test(rig: Rig) -> None:
        assert {(await rig.post(b"{,}"))[0] for _ in range(250)} == {400}
        assert 100 <= len(rig.writer.stored) <= 200  # a minute may end in between
        assert {each.value for each in rig.writer.stored} == {b"{,}"}

    _with(test)


def test_a_failure_of_our_own_is_answered_429_and_logged_without_what_was_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(rig: Rig) -> None:
        async def fail(_: object) -> None:
            raise RuntimeError("jane@example.com")

        monkeypatch.setattr(rig.intake, "answer", fail)
        status, headers, answer = await rig.post(_upload())
        assert (status, len(answer["throttled_events"])) == (429, answers.MAX_EVENTS)
        assert headers["Access-Control-Allow-Origin"] == "*"

    _with(test)
    said = "".join(capsys.readouterr())
    assert "a request failed" in said
    assert "jane@example.com" not in said


def test_a_browser_may_send_the_many_cookies_of_its_site() -> None:
    """A collector on a page's own site gets all of them; a refusal would make its client drop the events."""

    async def test(rig: Rig) -> None:
        status, _, _ = await rig.post(_upload(), Cookie="consent=" + "x" * 16_000)
        assert (status, len(rig.writer.stored)) == (200, 1)

    _with(test)


def test_a_browser_may_send_whatever_headers_it_asks_for() -> None:
    async def test(rig: Rig) -> None:
        asked = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-encoding,content-type,x-own",
        }
        async with rig.session.options(rig.url + "/2/httpapi", headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.headers["Access-Control-Allow-Headers"] == "content-encoding,content-type,x-own"
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Access-Control-Max-Age"] == "86400"

    _with(test)


def test_a_body_in_gzip_is_read_with_or_without_its_header() -> None:
    async def test(rig: Rig) -> None:
        packed = gzip.compress(_upload())
        assert (await rig.post(packed, Content_Encoding="gzip"))[0] == 200
        assert (await rig.post(packed))[0] == 200
        assert (await rig.post(packed[:20], Content_Encoding="gzip"))[0] == 400
        assert (await rig.post(_upload(), Content_Encoding="gzip"))[0] == 200  # a proxy unpacked it and kept the header
        kept = [each.value for each in rig.writer.stored]
        assert len(kept) == 4
        with pytest.raises(orjson.JSONDecodeError):  # the one that was cut; the stream says so
            orjson.loads(kept[2])

    _with(test)


def test_a_gzip_bomb_and_a_body_that_is_too_large_are_refused_and_hurt_nobody() -> None:
    async def test(rig: Rig) -> None:
        bomb = gzip.compress(b"[" + b" " * (200 << 20), 9)
        large = b"x" * (MOST_BODY_BYTES + 1)
        good = _upload()
        found = await asyncio.gather(rig.post(bomb), rig.post(large), *(rig.post(good) for _ in range(20)))
        statuses = [status for status, _, _ in found]
        assert statuses == [413, 413, *([200] * 20)]
        assert found[0][2]["events_with_missing_fields"]["event_type"]
        assert rig.counts.refused == {RefusalReason.TOO_LARGE: 2}

    _with(test)


@pytest.mark.parametrize(("target", "name"), [("/webhook/a-token", "/webhook"), ("/2/httpapi?a=b", "/2/httpapi")])
def test_a_proxy_may_write_the_whole_address(target: str, name: str) -> None:
    """As RFC 9112 has it (3.2.2)."""

    async def test(rig: Rig) -> None:
        body = _upload()
        head = f"POST http://collect.example.com{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        answer = await rig.raw(head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert rig.counts.answers == {(name, 200): 1}

    _with(test, Rules(frozenset({KEY}), frozenset({"a-token"})))


def test_the_largest_upload_that_amplitude_takes_is_taken() -> None:
    async def test(rig: Rig) -> None:
        event = {**EVENT, "event_properties": {"text": "x" * 9_000}}
        events = [{**event, "insert_id": f"i-{place}"} for place in range(answers.MAX_EVENTS)]
        status, _, answer = await rig.post(_upload(*events), "/batch", Expect="100-continue")
        assert (status, answer["events_ingested"], len(rig.writer.stored)) == (200, 2000, 2000)

    _with(test)


def test_a_stop_answers_what_has_begun_and_asks_for_the_connections_end() -> None:
    async def test(rig: Rig) -> None:
        rig.writer.gate.clear()
        asked = asyncio.ensure_future(rig.post(_upload()))
        await rig.until_in_flight(1)
        stopping = asyncio.ensure_future(rig.server.stop(0.3))
        await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as late:  # a connection that comes in the time of grace is served, too
            asked_late = asyncio.ensure_future(late.post(rig.url + "/2/httpapi", data=_upload()))
            await rig.until_in_flight(2)
            rig.writer.gate.set()
            status, headers, _ = await asked
            assert (status, headers["Connection"]) == (200, "close")
            response = await asked_late
            assert (response.status, response.headers["Connection"]) == (200, "close")
        await stopping
        with pytest.raises(OSError, match=r"Connect|refused"):
            await asyncio.open_connection("127.0.0.1", rig.port)

    _with(test)


def test_a_thousand_idle_connections_keep_nobody_out() -> None:
    async def test(rig: Rig) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(400)]
        for _, writer in idle[::2]:
            writer.write(b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nslow")
        assert (await rig.post(_upload()))[0] == 200
        for _, writer in idle:
            writer.close()

    _with(test)


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_failure_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Phones do so all the time; and nothing of what they began is stored."""

    async def test(rig: Rig) -> None:
        for body in (b"half", _upload()[:-5]):
            _, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(b"POST /2/httpapi HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + body)
            await writer.drain()
            await rig.until_in_flight(1)
            writer.close()
            while rig.counts.in_flight:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        assert (await rig.post(_upload()))[0] == 200
        assert len(rig.writer.stored) == 1

    _with(test)
    assert "a request failed" not in "".join(capsys.readouterr())
