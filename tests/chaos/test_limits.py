"""Limits, with real senders and a real server that counts: what it takes is found and used, and no more is sent.

The margins bear a machine that is busy with something else. The figures that are promised are those of
`unit/connectors/delivery/test_adaptive.py` and `test_limiter.py`, in simulated time.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread

import pytest
from aiohttp import web

from connectors.delivery.delivery import Delivery
from connectors.delivery.settings import DeliveryTable
from flows.domain.event import Position
from flows.domain.slice import Slice
from tests.fixtures.delivering import Delivering

pytestmark = pytest.mark.chaos

BODY = b'{"eventName":"af_purchase"}'


class Server:
    """Answers 200 after a while, and 429 at once where too many are under way. Keeps when each request came."""

    def __init__(self, takes_at_a_time: int, latency_seconds: float) -> None:
        self.url = ""
        self.arrived_s: list[float] = []
        self.passed_s: list[float] = []
        self.refused_s: list[float] = []
        self.levels: list[tuple[float, int]] = []
        """(time, how many were under way from then on)"""
        self._takes, self._latency_s = takes_at_a_time, latency_seconds
        self._under_way = 0
        self._loop = asyncio.new_event_loop()
        self._is_ready = Flag()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._is_ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def mean_under_way(self, start_s: float, end_s: float) -> float:
        """Return how many requests were under way between two moments, on average."""
        within = [each for each in self.levels if start_s <= each[0] < end_s]
        return sum(level * (until - since) for (since, level), (until, _) in pairwise([*within, (end_s, 0)])) / (
            end_s - start_s
        )

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        now_s = time.monotonic()
        self.arrived_s.append(now_s)
        if self._under_way >= self._takes:
            self.refused_s.append(now_s)
            return web.Response(status=429)
        self._under_way += 1
        self.levels.append((now_s, self._under_way))
        await asyncio.sleep(self._latency_s)
        self._under_way -= 1
        now_s = time.monotonic()
        self.levels.append((now_s, self._under_way))
        self.passed_s.append(now_s)
        return web.Response(text="ok")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._is_ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())


@contextmanager
def serving(takes_at_a_time: int, latency_seconds: float) -> Iterator[Server]:
    """Serve while the block runs."""
    server = Server(takes_at_a_time, latency_seconds)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def send_for(server: Server, seconds: float, delivery: DeliveryTable, slices: int = 1) -> None:
    """Let a sender for each slice, all of which have more to send than may go, run for so long."""
    with ExitStack() as stack:
        for index in range(slices):
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="limits-")))
            given = Delivering(directory, server.url, "LIMITS_KEY", delivery, part=Slice(index, slices))
            stack.callback(given.close)
            given.submit(
                Delivery("s", 0, "e", "com.example", BODY, b"{}", None, Position("t", 0, offset), 0)
                for offset in range(20_000)
            )
        time.sleep(seconds)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMITS_KEY", "key-of-the-limits-test")


def test_an_unknown_limit_is_found_and_hardly_overstepped() -> None:
    """Once it is found, most of what the server takes is used, and hardly anything is refused."""
    with serving(takes_at_a_time=20, latency_seconds=0.1) as server:
        began_s = time.monotonic()
        send_for(server, 20, DeliveryTable(ramp_requests_per_second_per_minute=0, adaptive_limits=True))
    settled = [began_s + 8, began_s + 19]
    passed, refused = (
        bisect_left(times, settled[1]) - bisect_left(times, settled[0]) for times in (server.passed_s, server.refused_s)
    )
    assert server.mean_under_way(*settled) >= 0.5 * 20
    assert refused <= 0.05 * (passed + refused)
    assert passed > 300


@pytest.mark.parametrize("slices", [1, 3])
def test_no_second_holds_more_than_the_limit_over_all_slices(slices: int) -> None:
    """By the server's own clock; and most of the limit is used."""
    limit = 150
    with serving(takes_at_a_time=10_000, latency_seconds=0.01) as server:
        send_for(server, 8, DeliveryTable(max_requests_per_second=limit), slices)
    arrived = sorted(server.arrived_s)
    most = max(bisect_left(arrived, start + 1.0) - place for place, start in enumerate(arrived))
    longest_pause_s = max(later - earlier for earlier, later in pairwise(arrived))
    # What was spaced comes bunched where the machine stands still, and then the server sees a pause.
    assert most <= (1.2 + min(longest_pause_s, 0.3)) * limit
    within = [each for each in arrived if arrived[0] + 1 <= each < arrived[0] + 7]
    assert len(within) >= 0.5 * limit * 6
