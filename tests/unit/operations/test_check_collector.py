"""`check` says of `[collector]`: whether keys and certificate can be read, and whether it takes what is sent."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context
from connectors.collector.certificate import Certificate
from connectors.collector.counts import CollectorCounts
from connectors.collector.protocol import Rules
from connectors.collector.request_intake import RequestIntake
from connectors.collector.server import CollectorServer
from connectors.finding import Finding, Mark
from flows.observe.page_server import listen
from flows.operations.check.collector import collector
from flows.settings.file import parse
from tests.fixtures.ports import free_port
from tests.fixtures.settings import settings_text

KEY = "0123456789abcdef0123456789abcdef"


class NoWriter:
    """Stores nothing: an upload without events never asks it to."""

    blocked = None
    waiting = None

    async def write(self, _: object) -> None:
        raise AssertionError

    async def close(self) -> None:
        pass


@contextmanager
def running(rules: Rules, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve in a thread; give the port."""
    listening = listen("127.0.0.1", 0)
    started, stopping = threading.Event(), threading.Event()

    async def serve() -> None:
        server = CollectorServer(RequestIntake(NoWriter(), rules, CollectorCounts()), [])
        await server.start(listening, tls)
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, stopping.wait)
        await server.stop(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(20)
    try:
        yield listening.getsockname()[1]
    finally:
        stopping.set()
        thread.join()


def found(here: Path, **table: Any) -> list[Finding]:
    settings = settings_text({"kind": "inbox"}, collector={"api_keys": ["env:AMPLITUDE_API_KEY"], **table})
    return list(collector(parse(settings, here / "stream.toml")))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMPLITUDE_API_KEY", KEY)


def test_without_the_table_nothing_is_said(tmp_path: Path) -> None:
    assert list(collector(parse(settings_text({"kind": "inbox"}), tmp_path / "stream.toml"))) == []


def test_a_free_port_is_said_with_what_starts_a_collector(tmp_path: Path) -> None:
    port = free_port()
    assert found(tmp_path, port=port) == [
        Finding(Mark.FINE, "collector.api_keys: there is one in env:AMPLITUDE_API_KEY"),
        Finding(
            Mark.NOTE,
            f"collector.port: 127.0.0.1:{port} is free: no collector runs here",
            "`python -m flows serve` starts it",
        ),
    ]


def test_a_key_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    (first, *_) = found(tmp_path, port=free_port(), api_keys=["env:NOT_THERE"])
    assert (first.mark, first.text) == (
        Mark.WRONG,
        "collector.api_keys: environment variable NOT_THERE is not set or empty; set it to the key",
    )


def test_a_collector_that_runs_is_sent_an_upload_with_each_key_and_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "a-token/with?")
    with running(Rules(frozenset({KEY}), frozenset({"a-token/with?"}))) as port:
        marks = found(tmp_path, port=port, webhook_tokens=["env:TOKEN"])
    assert [each.mark for each in marks] == [Mark.FINE] * 4
    assert [each.text for each in marks[2:]] == [
        f"collector.port: 127.0.0.1:{port} takes what is sent with this {what}" for what in ("API key", "webhook token")
    ]


def test_a_collector_that_has_not_taken_the_key_is_found_out(tmp_path: Path) -> None:
    with running(Rules(frozenset({"f" * 32}), anybody=False)) as port:
        *_, last = found(tmp_path, port=port)
    assert last.mark is Mark.FAILED
    assert "answers 400 to what is sent with this API key" in last.text
    assert KEY not in str(last)


def test_what_listens_there_and_is_no_collector_is_said(tmp_path: Path) -> None:
    class Broken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Broken) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        *_, last = found(tmp_path, port=server.server_port)
        server.shutdown()
        thread.join()
    assert last.mark is Mark.FAILED
    assert "no collector answers there" in last.text


def pair(tls: Path) -> dict[str, str]:
    """Return the settings of a certificate and its key."""
    server_context(tls, "127.0.0.1")
    pem = [each for each in tls.iterdir() if each.name != CA_FILE]
    certificate = next(each for each in pem if b"CERTIFICATE" in each.read_bytes())
    key = next(each for each in pem if b"PRIVATE KEY" in each.read_bytes())
    return {"certificate_file": str(certificate), "key_file": str(key)}


def test_until_when_a_certificate_is_valid_is_said_and_it_is_spoken(tmp_path: Path) -> None:
    files = pair(tmp_path / "tls")
    context = Certificate(Path(files["certificate_file"]), Path(files["key_file"])).context
    with running(Rules(frozenset({KEY})), context) as port:
        _, certificate, answered = found(tmp_path, port=port, **files)
    assert (certificate.mark, answered.mark) == (Mark.FINE, Mark.FINE)
    until = datetime.strptime(certificate.text.partition("valid until ")[2], "%Y-%m-%d %H:%M %Z").replace(tzinfo=UTC)
    assert until > datetime.now(UTC) + timedelta(days=1)


def test_a_certificate_that_cannot_be_used_is_wrong(tmp_path: Path) -> None:
    files = pair(tmp_path / "tls")
    _, certificate, _ = found(tmp_path, port=free_port(), **{**files, "key_file": files["certificate_file"]})
    assert (certificate.mark, "cannot be used with key_file" in certificate.text) == (Mark.WRONG, True)
    _, certificate, _ = found(tmp_path, port=free_port(), certificate_file="none.pem", key_file="none.key")
    assert "No such file or directory" in certificate.text
