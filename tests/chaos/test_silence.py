"""Connections go silent without FIN or RST; new ones work. It costs one time-out, at one event a second and under load.

Over HTTP/2 as well as HTTP/1.1, where several connections go silent at once; behind a proxy that hangs, which still
acknowledges what it gets, and where the kernel drops their packets. nginx speaks HTTP/2, as a server of many does.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.appsflyer.sandbox.certificate import CA_FILE
from connectors.delivery.delivery import Delivery
from connectors.delivery.items import Item
from connectors.delivery.settings import DeliveryTable
from flows.domain.event import Position
from tests.fixtures.dead_end import DeadEnd, dead_end
from tests.fixtures.delivering import Delivering, Observer
from tests.fixtures.http2 import http2_server
from tests.fixtures.packet_drop import PacketDrop, packet_drop
from tests.tools.load.endpoint import run_endpoint

pytestmark = pytest.mark.chaos

TIMEOUT_SECONDS = 3.0
SPARE_SECONDS = 3.0
"""For a probe's wait, a retry's, and a busy machine."""
BODY = (
    b'{"appsflyer_id":"1700000000000-1234567890123456789","eventName":"af_purchase","eventValue":"",'
    b'"customer_user_id":"%d"}'
)


class Arrivals(Observer):
    """When what was sent was delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[int, float] = {}

    def final(self, item: Item, fate: str) -> None:
        self.at[item.position.offset] = time.monotonic()
        super().final(item, fate)


Way = DeadEnd | PacketDrop
WAYS: dict[str, Callable[[int], AbstractContextManager[Way]]] = {"proxy": dead_end, "packets": packet_drop}


@contextmanager
def endpoint(protocol: str, way: str, directory: Path) -> Iterator[tuple[Way, str, Path | None]]:
    with ExitStack() as stack:
        if protocol == "HTTP/2":
            server = stack.enter_context(http2_server(directory, lambda session, stream: session.answer(stream)))
            between = stack.enter_context(WAYS[way](server.port))
            yield between, f"https://127.0.0.1:{between.port}", directory / CA_FILE
        elif protocol == "nginx":
            nginx = stack.enter_context(run_endpoint(directory / "nginx", 1, kind="nginx"))
            between = stack.enter_context(WAYS[way](int(nginx.url.rpartition(":")[2])))
            yield between, f"https://127.0.0.1:{between.port}", nginx.ca_file
        else:
            sandbox = stack.enter_context(SandboxServer.in_thread())
            between = stack.enter_context(WAYS[way](sandbox.port))
            yield between, f"http://127.0.0.1:{between.port}", None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("protocol", ["HTTP/2", "HTTP/1.1", "nginx"])
@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 16), (200.0, 12)], ids=["one a second", "load"])
def test_silence_costs_one_time_out(
    protocol: str, way: str, rate: float, seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything arrives once; nothing that is sent waits for longer than one time-out and what a retry takes."""
    monkeypatch.setenv("SILENCE_KEY", "a-key")
    arrivals = Arrivals()
    sent_at: dict[int, float] = {}
    with endpoint(protocol, way, tmp_path) as (between, url, ca_file):
        settings = DeliveryTable(timeout_seconds=TIMEOUT_SECONDS, ca_file=ca_file)
        given = Delivering(tmp_path / "state", url, "SILENCE_KEY", settings, observer=arrivals)
        try:
            count = int(rate * seconds)
            for number in range(count):
                if number == count // 4:
                    assert between.silence() >= 1
                sent_at[number] = time.monotonic()
                delivery = Delivery("s", 0, "e", "id1", BODY % number, b"{}", None, Position("t", 0, number), 0)
                given.submit([delivery])
                time.sleep(1 / rate)
            given.wait_for(lambda: len(arrivals.at) >= count or bool(given.letters))
        finally:
            given.close()
        assert given.letters == []
    longest = max(arrivals.at[number] - sent_at[number] for number in sent_at)
    assert TIMEOUT_SECONDS <= longest <= TIMEOUT_SECONDS + SPARE_SECONDS
    assert between.silenced >= 1
