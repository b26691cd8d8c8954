"""Apps take turns in what may be under way, with a real sender and a real server."""

import time
from threading import Condition

import pytest

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.clock import now_ms
from connectors.delivery.delivery import Attempts, Delivery
from connectors.delivery.engines.open import open_engine
from connectors.delivery.report import Report
from connectors.delivery.sender import LaneSecrets, Sender
from connectors.delivery.settings import DeliveryTable
from connectors.secrets import Secret, SecretRef
from flows.domain.event import Position

SLOW, LIVELY = "com.example.slow", "com.example.lively"
KEY = "key-of-the-turns-test"
BODY = (
    b'{"appsflyer_id":"1700000000000-1234567890123456789","eventName":"af_purchase","eventValue":"",'
    b'"customer_user_id":"u"}'
)
PATIENCE_SECONDS = 30.0


class Delivered:
    """The apps of what was delivered, in order; to be waited for."""

    def __init__(self) -> None:
        self.apps: list[str] = []
        self._changed = Condition()

    def note(self, delivery: Delivery) -> None:
        with self._changed:
            self.apps.append(delivery.app_id)
            self._changed.notify_all()

    def await_count(self, app: str, least: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.apps.count(app) >= least, PATIENCE_SECONDS), self.apps


def deliveries(app: str, count: int) -> list[tuple[Delivery, Attempts]]:
    return [
        (Delivery("s", 0, "e", app, BODY, b"{}", None, Position(app, 0, offset), 0), Attempts())
        for offset in range(count)
    ]


def sender(url: str, delivered: Delivered, max_in_flight: int) -> Sender:
    report = Report(
        delivered=delivered.note,
        given_up=lambda _letter: None,
        attempted=lambda _delivery, _attempts: None,
        settled=lambda: None,
    )
    settings = DeliveryTable(max_in_flight=max_in_flight, timeout_seconds=300)
    return Sender(
        settings,
        {"s": LaneSecrets(url, [Secret(SecretRef("env", "TURNS_KEY"))])},
        report,
        open_engine(settings),
        now_ms,
    )


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNS_KEY", KEY)


@pytest.mark.parametrize("max_in_flight", [2, 20])
def test_an_app_that_never_answers_does_not_stop_another(max_in_flight: int) -> None:
    """Far more waits for it than may be under way, and came first: all of the other app's is delivered."""
    black_hole = {"rule": [{"app_id": SLOW, "kind": "black_hole"}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=black_hole) as sandbox:
        delivered = Delivered()
        submitter = sender(sandbox.url, delivered, max_in_flight)
        try:
            submitter.submit(deliveries(LIVELY, 1))  # so both are known
            delivered.await_count(LIVELY, 1)
            submitter.submit(deliveries(SLOW, 200))
            held = sender_holds(submitter, max_in_flight)
            submitter.submit(deliveries(LIVELY, 100))
            delivered.await_count(LIVELY, 101)
            assert submitter.lanes[f"s/{SLOW}"].in_flight == held
        finally:
            submitter.close()
    assert set(delivered.apps) == {LIVELY}
    assert max_in_flight // 2 <= held < max_in_flight


def sender_holds(submitter: Sender, max_in_flight: int) -> int:
    """Wait until the slow app has under way what it may have; return how many these are."""
    most = max(4 * max_in_flight // 5, 1)
    until = time.monotonic() + PATIENCE_SECONDS
    while (lane := submitter.lanes.get(f"s/{SLOW}")) is None or lane.in_flight < most:
        assert time.monotonic() < until
        time.sleep(0.005)  # the sender tells nobody that it has sent
    return lane.in_flight


def test_apps_are_sent_to_in_turn_where_there_is_one_place_only() -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        delivered = Delivered()
        submitter = sender(sandbox.url, delivered, 1)
        try:
            submitter.submit(deliveries(SLOW, 30) + deliveries(LIVELY, 30))
            delivered.await_count(LIVELY, 30)
        finally:
            submitter.close()
    assert 29 <= delivered.apps.count(SLOW) <= 30
    assert delivered.apps[:40].count(LIVELY) in range(15, 26)
