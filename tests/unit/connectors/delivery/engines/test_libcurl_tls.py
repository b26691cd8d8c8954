"""TLS to AppsFlyer: verified, at least 1.2; an answer is kept only in part, and never followed elsewhere."""

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context
from connectors.delivery.engines.libcurl import LibcurlEngine
from connectors.delivery.lane import Lane
from connectors.ports import Answer, Endpoint
from connectors.secrets import Secret, SecretRef
from tests.fixtures.engines import answers_of
from tests.fixtures.throttle import throttle

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK"


@contextmanager
def _server(
    context: ssl.SSLContext | None, answer: bytes = OK, host: str = "127.0.0.1"
) -> Iterator[tuple[str, list[bytes]]]:
    """Answer every request the same; yields the address, and the requests that came through."""
    came: list[bytes] = []
    with socket.create_server((host, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError), plain:
                    plain.settimeout(10)
                    connection = context.wrap_socket(plain, server_side=True) if context is not None else plain
                    with connection:
                        if request := connection.recv(65_536):  # nothing: the client has broken off
                            came.append(request)
                            connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        scheme = "http" if context is None else "https"
        try:
            yield f"{scheme}://{host}:{listening.getsockname()[1]}", came
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _ask(url: str, ca_file: Path | None = None) -> Answer:
    engine = LibcurlEngine(timeout_seconds=10, max_connections=1, ca_file=ca_file, proxy=None)
    try:
        engine.submit([(None, engine.open_lane(Endpoint(f"{url}/inappevent/id1", "a-key")), b"{}")])
        while True:
            for answer in answers_of(engine.completed(1.0)).values():
                return answer
    finally:
        engine.close()


def _context(directory: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context(directory, "127.0.0.1")
    _limit(context, version)
    return context


def _limit(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is what the test is about
        context.minimum_version = version
        context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would refuse what is old


def _speaks(version: ssl.TLSVersion, directory: Path) -> bool:
    """Whether this machine's OpenSSL speaks a version at all, with a client that asks for nothing else."""
    client = ssl.create_default_context(cafile=str(directory / CA_FILE))
    _limit(client, version)
    with _server(_context(directory, version)) as (url, _):
        try:
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as plain:
                client.wrap_socket(plain, server_hostname="127.0.0.1").close()
        except (ssl.SSLError, OSError):
            return False
    return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_is_spoken(version: ssl.TLSVersion, tmp_path: Path) -> None:
    with _server(_context(tmp_path, version)) as (url, came):
        assert _ask(url, tmp_path / CA_FILE).status == 200
    assert len(came) == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_what_is_too_old_is_refused(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """A server that speaks nothing newer gets no request; this machine's OpenSSL would speak it."""
    context = _context(tmp_path, version)
    if not _speaks(version, tmp_path):
        return  # then there is nothing that could be agreed on
    with _server(context) as (url, came):
        answer = _ask(url, tmp_path / CA_FILE)
    assert answer.status == 0
    assert "libcurl 35" in answer.text
    assert came == []


def test_an_authority_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with _server(server_context(tmp_path / "one", "127.0.0.1")) as (url, came):
        server_context(tmp_path / "other", "127.0.0.1")
        answer = _ask(url, tmp_path / "other" / CA_FILE)
    assert answer.text.startswith("libcurl 60:")
    assert came == []


def test_the_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    with _server(server_context(tmp_path, "127.0.0.1"), host="127.0.0.2") as (url, came):
        answer = _ask(url, tmp_path / CA_FILE)
    assert answer.text.startswith("libcurl 60:")
    assert came == []


def test_a_redirect_is_not_followed() -> None:
    with _server(None) as (elsewhere, came_there):
        moved = f"HTTP/1.1 307 Moved\r\nlocation: {elsewhere}/x\r\ncontent-length: 0\r\n\r\n".encode()
        with _server(None, moved) as (url, _):
            assert _ask(url).status == 307
        assert came_there == []


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with _server(None) as (proxy, came), _server(None) as (url, _):
        for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        assert _ask(url).status == 200
        assert came == []


@given(st.text(min_size=1))
def test_no_app_id_leaves_its_place_in_the_path(app_id: str) -> None:
    """Whatever an app id holds, it is one segment of the path: percent-encoded, and nothing else of it is left."""
    try:
        app_id.encode()
    except UnicodeEncodeError:
        return
    lane = Lane("s", "https://example.com", app_id, [Secret(SecretRef("env", "PATH"))], throttle(0))
    url = lane._url
    prefix = "https://example.com/inappevent/"
    assert url.startswith(prefix)
    rest = url.removeprefix(prefix)
    assert rest.isascii()
    assert rest.isprintable()
    assert not set(rest) & set("/?#\\@: ")
