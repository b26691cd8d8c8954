"""Transport: many HTTP requests at a time over libcurl's multi interface, in one thread.

Connections are kept alive and shared; HTTP/2 where the server speaks it. TLS is verified, redirects are not followed,
no proxy is taken from the environment, and an answer is read to its end but kept only to a few kilobytes.
"""

import errno
import os
import select
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import certifi
import pycurl

_KEPT_ANSWER_BYTES: Final = 2048
_LARGEST_ANSWER_BYTES: Final = 1 << 20
_CONNECT_TIMEOUT_MS: Final = 10_000
_POLL_SECONDS: Final = 0.5
_OK: Final = 200
# Asked for at every request, so not looked up in the module each time.
_POSTFIELDS: Final = pycurl.POSTFIELDS
_RESPONSE_CODE: Final = pycurl.RESPONSE_CODE
_TOTAL_TIME: Final = pycurl.TOTAL_TIME


class Answer(NamedTuple):
    """How a request ended: with a status, or broken."""

    status: int
    """0 where the connection broke, or nothing was answered in time."""
    text: str
    """The beginning of the answer; of a broken request, what libcurl says."""
    retry_after_seconds: float
    seconds: float = 0.0
    """How long it took, from the start of the request."""


class Exchange:
    """A reusable libcurl handle and the answer that it is reading."""

    __slots__ = ("_chunks", "_getinfo", "_setopt", "_size", "handle", "request")

    def __init__(self) -> None:
        self.handle = pycurl.Curl()
        self.request: Any = None
        """What the caller attached."""
        self._chunks: list[bytes] = []
        self._size = 0
        # Looked up once: to find a method of a handle takes as long as to call it.
        self._setopt, self._getinfo = self.handle.setopt, self.handle.getinfo
        self._setopt(pycurl.WRITEFUNCTION, self._read)

    def begin(self, body: bytes, request: Any) -> None:
        """Set what is sent."""
        self.request = request
        self._chunks.clear()
        self._size = 0
        self._setopt(_POSTFIELDS, body)

    def _read(self, chunk: bytes) -> int | None:
        self._size += len(chunk)
        if self._size <= _KEPT_ANSWER_BYTES:
            self._chunks.append(chunk)
        elif self._size > _LARGEST_ANSWER_BYTES:
            return 0  # libcurl then breaks the request off
        return None

    def answer(self) -> Answer:
        """Return what was answered."""
        getinfo = self._getinfo
        status = getinfo(_RESPONSE_CODE)
        text = b"".join(self._chunks).decode("utf-8", "replace")
        retry_after = 0.0 if status == _OK else float(getinfo(pycurl.RETRY_AFTER))
        return Answer(status, text, retry_after, getinfo(_TOTAL_TIME))


class Endpoint(NamedTuple):
    """Where requests of one kind go; all handles made for it share its connections."""

    url: str
    key: str
    """The secret of the `authentication` header (AppsFlyer, OpenAPI of the S2S events API)."""


class Transport:
    """Runs exchanges. Not safe for use by several threads, apart from `wake`."""

    def __init__(
        self, *, timeout_seconds: float, max_connections: int, ca_file: Path | None, proxy: str | None
    ) -> None:
        self._timeout_ms = int(timeout_seconds * 1000)
        self._ca = str(ca_file) if ca_file is not None else _system_certificates()
        self._proxy = proxy or ""
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, max_connections)
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._epoll = select.epoll()
        self._watched: set[int] = set()
        self._running: dict[pycurl.Curl, Exchange] = {}
        # Looked up once, as in an exchange.
        self._add, self._remove = self._multi.add_handle, self._multi.remove_handle
        self._act, self._ended = self._multi.socket_action, self._multi.info_read
        self._timeout_left_ms = self._multi.timeout
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._wake_read, select.EPOLLIN)

    def exchange(self, endpoint: Endpoint) -> Exchange:
        """Return a new handle for an endpoint; it is to be used again and again."""
        exchange = Exchange()
        handle = exchange.handle
        handle.setopt(pycurl.URL, endpoint.url)
        handle.setopt(
            pycurl.HTTPHEADER,
            [
                f"authentication: {endpoint.key}",
                "content-type: application/json",
                "accept: application/json",
                "expect:",  # no 100-continue: bodies are small
            ],
        )
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.PROXY, self._proxy)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, min(_CONNECT_TIMEOUT_MS, self._timeout_ms))
        handle.setopt(pycurl.TIMEOUT_MS, self._timeout_ms)
        handle.setopt(pycurl.TCP_KEEPALIVE, 1)
        handle.setopt(pycurl.TCP_NODELAY, 1)
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(pycurl.SSL_VERIFYPEER, 1)
        handle.setopt(pycurl.SSL_VERIFYHOST, 2)
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        handle.setopt(pycurl.CAINFO, self._ca)
        return exchange

    @property
    def in_flight(self) -> int:
        """How many exchanges are running."""
        return len(self._running)

    def start(self, exchange: Exchange) -> None:
        """Send what the exchange has begun."""
        self._running[exchange.handle] = exchange
        self._add(exchange.handle)

    def run(self, longest_seconds: float) -> Iterator[tuple[Exchange, Answer]]:
        """Wait for something to happen, at most so long, and yield the exchanges that ended."""
        wait = min(longest_seconds, _POLL_SECONDS)
        # Asked once a round: as a callback libcurl would tell it twice for each request.
        left_ms = self._timeout_left_ms()
        if left_ms >= 0:
            wait = min(wait, left_ms / 1000)
        for descriptor, mask in self._epoll.poll(wait):
            if descriptor == self._wake_read:
                self._drain_wakes()
            else:
                self._act(descriptor, _curl_mask(mask))
        if self._timeout_left_ms() == 0:
            self._act(pycurl.SOCKET_TIMEOUT, 0)
        more = 1
        while more:
            more, succeeded, failed = self._ended()
            for handle in succeeded:
                exchange = self._end(handle)
                yield exchange, exchange.answer()
            for handle, code, message in failed:
                exchange = self._end(handle)
                yield exchange, Answer(0, f"libcurl {code}: {message}", 0.0, handle.getinfo(pycurl.TOTAL_TIME))

    def wake(self) -> None:
        """End the wait of `run` early; any thread may call it."""
        with suppress(BlockingIOError):  # then the pipe is full of wakes that were not read yet
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Break off what is running and close the connections."""
        for handle in list(self._running):
            self._end(handle).handle.close()
        self._multi.close()
        self._epoll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _end(self, handle: pycurl.Curl) -> Exchange:
        self._remove(handle)
        return self._running.pop(handle)

    def _drain_wakes(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._watched.discard(descriptor)
            try:
                self._epoll.unregister(descriptor)
            except OSError as problem:  # libcurl may have closed it, which unregisters it too
                if problem.errno not in (errno.EBADF, errno.ENOENT):
                    raise
            return
        mask = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        if descriptor in self._watched:
            self._epoll.modify(descriptor, mask)
        else:
            self._watched.add(descriptor)
            self._epoll.register(descriptor, mask)


def _curl_mask(mask: int) -> int:
    readable = pycurl.CSELECT_IN if mask & (select.EPOLLIN | select.EPOLLHUP) else 0
    writable = pycurl.CSELECT_OUT if mask & select.EPOLLOUT else 0
    broken = pycurl.CSELECT_ERR if mask & select.EPOLLERR else 0
    return int(readable | writable | broken)


def _system_certificates() -> str:
    """Return the system's certificates, which hold a company's own too; without any, those of certifi."""
    system: str | None = ssl.get_default_verify_paths().cafile
    return system or certifi.where()
