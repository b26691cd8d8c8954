"""The status line decides, whatever becomes of the body; GOAWAY sends again only what was not answered.

Sources: RFC 9110 (the status describes the result of the request), RFC 9113, 6.8 (GOAWAY).
"""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from connectors.appsflyer.sandbox.certificate import CA_FILE
from connectors.delivery.engines.libcurl import LibcurlEngine
from connectors.ports import Answer, Endpoint
from tests.fixtures.engines import answers_of
from tests.fixtures.http2 import Http2Server, Session, http2_server

TIMEOUT_SECONDS = 0.3
AUTHENTICATE = b"Failed to Authenticate"


def ask(
    url: str, count: int = 1, ca_file: Path | None = None, timeout_seconds: float = TIMEOUT_SECONDS
) -> list[Answer]:
    """Send so many at once, `{"n":0}` and so on; return the answers in that order."""
    engine = LibcurlEngine(timeout_seconds=timeout_seconds, max_connections=4, ca_file=ca_file, proxy=None)
    answers: dict[int, Answer] = {}
    try:
        lane = engine.open_lane(Endpoint(f"{url}/inappevent/id1", "a-key"))
        engine.submit([(number, lane, b"%d" % number) for number in range(count)])
        while len(answers) < count:
            answers.update(answers_of(engine.completed(0.5)))
    finally:
        engine.close()
    return [answers[number] for number in range(count)]


@contextmanager
def answering(head: bytes, chunk: bytes, times: int, pause_seconds: float, *, hangs: bool) -> Iterator[str]:
    """Answer one connection: the head, then so many chunks with pauses between; then hang, or close."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(head)
                    for _ in range(times):
                        connection.sendall(chunk)
                        if over.wait(pause_seconds):
                            return
                    if hangs:
                        over.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


ENDLESS = b"transfer-encoding: chunked\r\n\r\n"
LONG = b"content-length: 4194304\r\n\r\n"


@pytest.mark.parametrize("status", [200, 400, 403, 503])
@pytest.mark.parametrize(
    ("fields", "chunk", "times", "pause_seconds", "hangs"),
    [
        (LONG, b"x" * 65_536, 64, 0, False),
        (LONG, b"x" * 65_536, 24, 0, False),
        (ENDLESS, b"10000\r\n" + b"x" * 65_536 + b"\r\n", 1000, 0, False),
        (ENDLESS, b"1\r\nx\r\n", 1000, 0.02, False),
        (b"content-length: 2\r\n\r\n", b"x", 1, 0, True),
        (b"content-length: 2\r\n\r\n", b"x", 1, 0, False),
        (b"content-length: 2\r\n\r\n", b"", 0, 0, True),
    ],
    ids=["4 MiB", "1.5 MiB, then closed", "endless", "a trickle", "never whole", "cut off", "no body"],
)
def test_the_status_line_decides(
    status: int, fields: bytes, chunk: bytes, times: int, pause_seconds: float, *, hangs: bool
) -> None:
    head = b"HTTP/1.1 %d Whatever\r\n" % status + fields
    with answering(head, chunk, times, pause_seconds, hangs=hangs) as url:
        (answer,) = ask(url)
    assert answer.status == status
    assert len(answer.text) <= 2048


def test_of_a_long_answer_the_beginning_is_kept() -> None:
    """The text of a 400 tells a wrong key from a wrong event, whatever follows."""
    body = AUTHENTICATE + b" " * 1_500_000
    with answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1500022\r\n\r\n", body, 1, 0, hangs=False) as url:
        (answer,) = ask(url)
    assert answer.status == 400
    assert answer.text.encode().startswith(AUTHENTICATE)
    assert len(answer.text) == 2048


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n", b"junk\r\n\r\n"])
@pytest.mark.parametrize("hangs", [True, False])
def test_without_a_final_status_line_there_is_no_answer(head: bytes, *, hangs: bool) -> None:
    with answering(head, b"", 0, 0, hangs=hangs) as url:
        (answer,) = ask(url)
    assert answer.status == 0
    assert answer.text.startswith("libcurl ")


def test_the_content_type_is_told() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: Text/HTML; charset=utf-8\r\ncontent-length: 2\r\n\r\n"
    with answering(head, b"hi", 1, 0, hangs=False) as url:
        assert ask(url)[0].is_html
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"hi", 1, 0, hangs=False) as url:
        assert not ask(url)[0].is_html


class GoAway:
    """Collects the requests of the first connection, and lets it end in one way; other connections answer."""

    def __init__(self, way: str, after: int) -> None:
        self._way = way
        self._after = after
        self.answered: Counter[bytes] = Counter()
        self.first: Session | None = None
        self._waiting: list[int] = []

    def __call__(self, session: Session, stream: int) -> None:
        if self.server.connections > 1 and session is not self.first:
            self._answer(session, stream)
            return
        self.first = session
        self._waiting.append(stream)
        if len(self._waiting) == self._after:
            getattr(self, f"_{self._way}")(session, self._waiting)

    def begin(self, server: Http2Server) -> None:
        self.server = server

    def _answer(self, session: Session, stream: int, *, ends: bool = True) -> None:
        self.answered[self.server.bodies[session, stream]] += 1
        session.answer(stream, ends=ends)

    def _go(self, session: Session, last: int, error: int = 0) -> None:
        session.h2.close_connection(error_code=error, last_stream_id=last)

    def _after_answers(self, session: Session, streams: list[int]) -> None:
        """Half is answered, GOAWAY names the last of these, and the connection closes."""
        half = streams[: len(streams) // 2]
        for stream in half:
            self._answer(session, stream)
        self._end(session, half[-1])

    def _with_error(self, session: Session, streams: list[int]) -> None:
        """The same, as ENHANCE_YOUR_CALM."""
        half = streams[: len(streams) // 2]
        for stream in half:
            self._answer(session, stream)
        self._end(session, half[-1], 11)

    def _naming_none(self, session: Session, streams: list[int]) -> None:
        """GOAWAY says that no stream was processed, although half was answered."""
        for stream in streams[: len(streams) // 2]:
            self._answer(session, stream)
        self._end(session, 0)

    def _within_answers(self, session: Session, streams: list[int]) -> None:
        """Of half the status was sent, and nothing after it."""
        for stream in streams[: len(streams) // 2]:
            self._answer(session, stream, ends=False)
        self._end(session, 0)

    def _end(self, session: Session, last: int, error: int = 0) -> None:
        self._go(session, last, error)
        session.flush()
        session.transport.close()


@pytest.mark.parametrize("way", ["after_answers", "with_error", "naming_none", "within_answers"])
def test_goaway_sends_again_only_what_was_not_answered(way: str, tmp_path: Path) -> None:
    """What was answered once is never sent again: it would count twice. The others are answered, or told as broken."""
    going = GoAway(way, after=8)
    with http2_server(tmp_path, going) as server:
        going.begin(server)
        answers = ask(f"https://127.0.0.1:{server.port}", 8, tmp_path / CA_FILE, timeout_seconds=10)
    assert {number for number, answer in enumerate(answers) if answer.status == 200} == {
        int(body) for body in going.answered
    }
    assert set(going.answered.values()) == {1}
    assert len(going.answered) >= 4
