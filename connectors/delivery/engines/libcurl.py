"""The delivery engine over libcurl's multi interface: many HTTP requests at a time, in one thread.

Connections are kept alive and shared; HTTP/2 where the server speaks it. TLS is verified, redirects are not followed,
no proxy is taken from the environment. The status line of an answer decides; its body is kept to a few kilobytes, and
what is long is cut off.
"""

import os
import select
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pycurl

from connectors.certificates import certificates
from connectors.delivery.active_clock import ActiveClock
from connectors.delivery.engines.exchange import EngineLane, Exchange
from connectors.delivery.engines.pool import Pool, keep_alive
from connectors.ports import Completed, Endpoint

_CONNECT_TIMEOUT_MS: Final = 10_000
_POLL_SECONDS: Final = 0.5
_MOST_ROUNDS: Final = 1000
"""So often sockets are read before requests that are overdue are given up: those of others may never fall silent."""
_TIMED_OUT: Final = 28
"""libcurl's CURLE_OPERATION_TIMEDOUT."""


class LibcurlEngine:
    """Sends over HTTP/2 or HTTP/1.1. Not safe for use by several threads, apart from `wake`.

    After a time-out, new requests go over new connections; those under way come to their end on the old ones.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float,
        max_connections: int,
        ca_file: Path | None,
        proxy: str | None,
        clock: ActiveClock | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._timeout_ms = max(int(timeout_seconds * 1000), 1)
        self._max_connections = max_connections
        self._ca = certificates(ca_file)
        self._proxy = proxy or ""
        self._clock = clock or ActiveClock()
        self._epoll = select.epoll()
        self._owners: dict[int, Pool] = {}
        self._pool = self._new_pool()
        """Where new requests go."""
        self._pools = [self._pool]
        """It, and those on which something is still under way."""
        self._running: dict[pycurl.Curl, Exchange] = {}
        """In the order of their start, so the first is the first to be overdue."""
        self._lanes: dict[int, EngineLane] = {}
        self._lanes_opened = 0
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._wake_read, select.EPOLLIN)

    def open_lane(self, endpoint: Endpoint) -> int:
        """Return the number by which requests to an endpoint are submitted; all lanes share connections."""
        self._lanes_opened += 1
        self._lanes[self._lanes_opened] = EngineLane(endpoint)
        return self._lanes_opened

    def close_lane(self, lane: int) -> None:
        """Let go of a lane; what is under way on it comes to its end."""
        del self._lanes[lane]

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._running)

    def submit(self, requests: Sequence[tuple[Any, int, bytes]], *, alone: bool = False) -> None:
        """Send each (id, lane, body); `alone` over a connection of its own, which nothing else uses."""
        pool = self._pool
        if alone:
            pool = self._new_pool()
            self._pools.append(pool)
        now_s = self._clock.seconds()
        for request, number, body in requests:
            lane = self._lanes[number]
            exchange = lane.idle.pop() if lane.idle else self._exchange(lane)
            exchange.begin(body, request)
            exchange.pool = pool
            exchange.started_s = now_s
            pool.running += 1
            self._running[exchange.handle] = exchange
            pool.add(exchange.handle)

    def completed(self, longest_seconds: float) -> Completed:
        """Wait for something to happen, at most so long, and return what ended."""
        wait = min(longest_seconds, _POLL_SECONDS)
        # Asked once a round: as a callback libcurl would tell it twice for each request.
        for pool in self._pools:
            left_ms = pool.timeout_ms()
            if left_ms >= 0:
                wait = min(wait, left_ms / 1000)
        now_s = self._clock.seconds()  # read in each round, so that its gaps are those in which nothing could run
        if self._running:
            wait = min(wait, max(self._overdue_at() - now_s, 0.0))
        self._look(wait)
        completed = Completed([], [])
        self._collect(completed)
        if self._running and self._overdue_at() <= (now_s := self._clock.seconds()):
            self._expire(now_s, completed)
        if len(self._pools) > 1:
            self._close_retired()
        return completed

    def wake(self) -> None:
        """End the wait of `completed` early; any thread may call it."""
        with suppress(OSError):  # the pipe is full of wakes that were not read yet, or closed
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Break off what is running and close the connections."""
        for handle in list(self._running):
            self._end(handle).handle.close()
        for pool in self._pools:
            pool.close()
        self._epoll.close()
        descriptors = self._wake_read, self._wake_write
        self._wake_read = self._wake_write = -1  # their numbers are soon those of other files
        for each in descriptors:
            os.close(each)

    def _exchange(self, lane: EngineLane) -> Exchange:
        """Return a new handle for a lane; it is to be used again and again."""
        exchange = Exchange(lane)
        endpoint, handle = lane.endpoint, exchange.handle
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
        keep_alive(handle, self._timeout_ms)
        handle.setopt(pycurl.TCP_NODELAY, 1)
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(pycurl.SSL_VERIFYPEER, 1)
        handle.setopt(pycurl.SSL_VERIFYHOST, 2)
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        handle.setopt(pycurl.CAINFO, self._ca)
        return exchange

    def _new_pool(self) -> Pool:
        return Pool(self._epoll, self._owners, self._max_connections)

    def _overdue_at(self) -> float:
        return next(iter(self._running.values())).started_s + self._timeout_seconds

    def _look(self, wait: float) -> bool:
        """Do what the sockets and libcurl's timers ask for; return whether there was anything to do."""
        is_busy = False
        for descriptor, mask in self._epoll.poll(wait):
            if descriptor == self._wake_read:
                self._drain_wakes()
            elif (pool := self._owners.get(descriptor)) is not None:
                is_busy = True
                pool.act(descriptor, _curl_mask(mask))
        for pool in self._pools:
            if pool.timeout_ms() == 0:
                is_busy = True
                pool.act(pycurl.SOCKET_TIMEOUT, 0)
        return is_busy

    def _collect(self, completed: Completed) -> None:
        """Add the requests that libcurl has ended."""
        for pool in list(self._pools):
            more = 1
            while more:
                more, succeeded, failed = pool.ended()
                for handle in succeeded:
                    exchange = self._end(handle)
                    request, exchange.request = exchange.request, None
                    if exchange.is_usual():
                        completed.delivered.append((request, exchange.seconds()))
                    else:
                        completed.others.append((request, exchange.answer()))
                for handle, code, message in failed:
                    exchange = self._end(handle)
                    if code == _TIMED_OUT:
                        self._retire(pool)
                    answer = exchange.broken(f"libcurl {code}: {message}", exchange.seconds())
                    request, exchange.request = exchange.request, None
                    completed.others.append((request, answer))

    def _expire(self, now_s: float, completed: Completed) -> None:
        """End what has had its time; but first read what came meanwhile, for the process may have been stopped."""
        rounds = 0
        while rounds < _MOST_ROUNDS and self._look(0.0):
            rounds += 1
            self._collect(completed)
        overdue = []
        for exchange in self._running.values():
            if exchange.started_s + self._timeout_seconds > now_s:
                break
            overdue.append(exchange)
        for exchange in overdue:
            if (pool := exchange.pool) is not None:
                self._retire(pool)
            seconds = now_s - exchange.started_s
            answer = exchange.broken(f"libcurl {_TIMED_OUT}: no answer after {seconds:.1f} s", seconds)
            self._end(exchange.handle)
            completed.others.append((exchange.request, answer))
            exchange.request = None

    def _retire(self, pool: Pool) -> None:
        """Send nothing new over a pool's connections."""
        if pool is self._pool:
            self._pool = self._new_pool()
            self._pools.append(self._pool)

    def _close_retired(self) -> None:
        """Close those of which nothing is awaited any more."""
        for pool in [each for each in self._pools if each is not self._pool and not each.running]:
            self._pools.remove(pool)
            pool.close()

    def _end(self, handle: pycurl.Curl) -> Exchange:
        exchange = self._running.pop(handle)
        pool, exchange.pool = exchange.pool, None
        if pool is not None:
            pool.running -= 1
            pool.remove(handle)
        exchange.lane.idle.append(exchange)
        return exchange

    def _drain_wakes(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass


def _curl_mask(mask: int) -> int:
    readable = pycurl.CSELECT_IN if mask & (select.EPOLLIN | select.EPOLLHUP) else 0
    writable = pycurl.CSELECT_OUT if mask & select.EPOLLOUT else 0
    broken = pycurl.CSELECT_ERR if mask & select.EPOLLERR else 0
    return int(readable | writable | broken)
