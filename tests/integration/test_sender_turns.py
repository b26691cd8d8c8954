"""Apps take turns in what may be under way, with a real sender and a real server."""

import time
from pathlib import Path

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.delivery.delivery import Delivery
from connectors.delivery.settings import DeliveryTable
from flows.domain.event import Position
from tests.fixtures.delivering import PATIENCE_SECONDS, Delivering

SLOW, LIVELY = "com.example.slow", "com.example.lively"
KEY = "key-of-the-turns-test"
BODY = (
    b'{"appsflyer_id":"1700000000000-1234567890123456789","eventName":"af_purchase","eventValue":"",'
    b'"customer_user_id":"u"}'
)


class Rig(Delivering):
    """A sender that has so many places."""

    def __init__(self, directory: Path, url: str, max_in_flight: int) -> None:
        settings = DeliveryTable(max_in_flight=max_in_flight, timeout_seconds=300)
        super().__init__(directory, url, "TURNS_KEY", settings)

    @property
    def apps(self) -> list[str]:
        """The apps of what was delivered, in order."""
        return [each.app_id for each in list(self.observer.delivered)]

    def await_count(self, app: str, least: int) -> None:
        self.wait_for(lambda: self.apps.count(app) >= least)


def deliveries(app: str, count: int) -> list[Delivery]:
    return [Delivery("s", 0, "e", app, BODY, b"{}", None, Position(app, 0, offset), 0) for offset in range(count)]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNS_KEY", KEY)


@pytest.mark.parametrize("max_in_flight", [2, 20])
def test_an_app_that_never_answers_does_not_stop_another(tmp_path: Path, max_in_flight: int) -> None:
    """Far more waits for it than may be under way, and came first: all of the other app's is delivered."""
    black_hole = {"rule": [{"app_id": SLOW, "kind": "black_hole"}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=black_hole) as sandbox:
        submitter = Rig(tmp_path, sandbox.url, max_in_flight)
        try:
            submitter.submit(deliveries(LIVELY, 1))  # so both are known
            submitter.await_count(LIVELY, 1)
            submitter.submit(deliveries(SLOW, 200))
            held = sender_holds(submitter, max_in_flight)
            submitter.submit(deliveries(LIVELY, 100))
            submitter.await_count(LIVELY, 101)
            assert submitter.sender.lanes[f"s/{SLOW}"].in_flight == held
        finally:
            submitter.close()
    assert set(submitter.apps) == {LIVELY}
    assert max_in_flight // 2 <= held < max_in_flight


def sender_holds(submitter: Rig, max_in_flight: int) -> int:
    """Wait until the slow app has under way what it may have; return how many these are."""
    most = max(4 * max_in_flight // 5, 1)
    until = time.monotonic() + PATIENCE_SECONDS
    while (lane := submitter.sender.lanes.get(f"s/{SLOW}")) is None or lane.in_flight < most:
        assert time.monotonic() < until
        time.sleep(0.005)  # the sender tells nobody that it has sent
    return lane.in_flight


def test_apps_are_sent_to_in_turn_where_there_is_one_place_only(tmp_path: Path) -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        submitter = Rig(tmp_path, sandbox.url, 1)
        try:
            submitter.submit(deliveries(SLOW, 30) + deliveries(LIVELY, 30))
            submitter.await_count(LIVELY, 30)
        finally:
            submitter.close()
    assert 29 <= submitter.apps.count(SLOW) <= 30
    assert submitter.apps[:40].count(LIVELY) in range(15, 26)
