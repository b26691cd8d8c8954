"""The edges of the health server: idle and slow clients, and pages of other sites, keep nobody from an answer."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.local_http import why_refused
from flows.observe.page_server import PageServer, listen
from flows.observe.pages import FlowPages
from tests.fixtures.process import MakeProcess
from tests.fixtures.settings import sync_table


@pytest.fixture
def port(make_process: MakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.chdir(tmp_path)
    server = PageServer(FlowPages(make_process(sync_table("one")).parts), listen("127.0.0.1", 0))
    yield server.port
    server.stop()


@pytest.fixture
def impatient(make_process: MakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the port of one that gives a client no time for its first request."""
    monkeypatch.chdir(tmp_path)
    parts = make_process(sync_table("one")).parts
    server = PageServer(FlowPages(parts), listen("127.0.0.1", 0), first_request_seconds=0.5)
    yield server.port
    server.stop()


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\nHost: loc"])
def test_a_connection_that_brings_no_whole_request_in_time_is_closed(impatient: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient), 10) as connection:
        connection.sendall(begun)
        assert connection.recv(1) == b""  # closed long before the 60 s that any connection has


def test_a_connection_that_has_asked_in_time_stays_open(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient), 10) as connection:
        request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            with socket.create_connection(("127.0.0.1", impatient), 10) as idle:
                assert idle.recv(1) == b""  # so the limit is over
            connection.sendall(request)
            assert b"HTTP/1.1 200 OK\r\n" in iter(answer.readline, b"")


def ask(port: int, *headers: str) -> str:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        lines = ["GET /livez HTTP/1.1", "Connection: close", *headers]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with connection.makefile(encoding="utf-8") as answer:
            return answer.readline().strip()


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\nHost: loc"])
def test_connections_that_bring_no_request_leave_room_for_those_that_do(port: int, begun: bytes) -> None:
    idle = []
    try:
        for _ in range(3 * 64):
            idle.append(socket.create_connection(("127.0.0.1", port), 5))
            idle[-1].sendall(begun)
            if len(idle) % 64 == 0:
                assert ask(port, "Host: localhost") == "HTTP/1.1 200 OK"
        assert idle[0].recv(1) == b""  # the oldest were closed
    finally:
        for each in idle:
            each.close()


def test_a_page_under_a_foreign_name_is_not_answered(port: int) -> None:
    assert ask(port, f"Host: 127.0.0.1:{port}") == "HTTP/1.1 200 OK"
    assert ask(port, "Host: attacker.example") == "HTTP/1.1 403 Forbidden"
    assert ask(port, "Host: localhost", "Origin: https://attacker.example") == "HTTP/1.1 403 Forbidden"


@pytest.mark.parametrize(
    ("headers", "listens_on", "is_refused"),
    [
        ({}, "127.0.0.1", False),
        ({"Host": "localhost:9464"}, "127.0.0.1", False),
        ({"Host": "LOCALHOST."}, "127.0.0.1", False),
        ({"Host": "[::1]:9464"}, "::1", False),
        ({"Host": "10.1.2.3:9464"}, "10.1.2.3", False),  # Kubernetes and Prometheus ask a pod by its address
        ({"Host": "stream.monitoring.svc:9464"}, "10.1.2.3", False),
        ({"Host": "stream.example:9464"}, "stream.example", False),
        ({"Host": "attacker.example"}, "127.0.0.1", True),
        ({"Host": "127.0.0.1.attacker.example"}, "127.0.0.1", True),
        ({"Host": "localhost.attacker.example:9464"}, "::1", True),
        ({"Host": "localhost:9464", "Origin": "http://localhost:9464"}, "127.0.0.1", False),
        ({"Host": "localhost:9464", "Origin": "http://localhost:8080"}, "127.0.0.1", True),
        ({"Host": "localhost:9464", "Origin": "null"}, "127.0.0.1", True),
        ({"Host": "10.9.9.9:9464", "Origin": "https://attacker.example"}, "10.1.2.3", True),
        ({"Host": "localhost:9464", "Sec-Fetch-Site": "cross-site"}, "127.0.0.1", True),
    ],
)
def test_host_and_origin(headers: dict[str, str], listens_on: str, *, is_refused: bool) -> None:
    assert (why_refused(headers, listens_on) is not None) is is_refused
