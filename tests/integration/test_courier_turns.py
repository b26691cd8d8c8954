"""Apps take turns in what may be under way, with a real courier and a real server."""

import time
from threading import Condition

import pytest

from connectors.appsflyer.courier import Courier, LaneSecrets
from connectors.appsflyer.parcel import Attempts, Parcel
from connectors.appsflyer.report import Report
from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.secrets import Secret
from flows.process import now_ms
from flows.settings.model import Delivery, SecretRef
from flows.steps.event import Position

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

    def note(self, parcel: Parcel) -> None:
        with self._changed:
            self.apps.append(parcel.app_id)
            self._changed.notify_all()

    def await_count(self, app: str, least: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.apps.count(app) >= least, PATIENCE_SECONDS), self.apps


def parcels(app: str, count: int) -> list[tuple[Parcel, Attempts]]:
    return [
        (Parcel("s", 0, "e", app, BODY, b"{}", None, Position(app, 0, offset), 0), Attempts())
        for offset in range(count)
    ]


def courier(url: str, delivered: Delivered, max_in_flight: int) -> Courier:
    report = Report(
        delivered=delivered.note,
        given_up=lambda _letter: None,
        attempted=lambda _parcel, _attempts: None,
        settled=lambda: None,
    )
    settings = Delivery(max_in_flight=max_in_flight, timeout_seconds=600)
    return Courier(settings, {"s": LaneSecrets(url, [Secret(SecretRef("env", "TURNS_KEY"))])}, report, now_ms)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNS_KEY", KEY)


@pytest.mark.parametrize("max_in_flight", [2, 20])
def test_an_app_that_never_answers_does_not_stop_another(max_in_flight: int) -> None:
    """Far more waits for it than may be under way, and came first: all of the other app's is delivered."""
    black_hole = {"rule": [{"app_id": SLOW, "kind": "black_hole"}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=black_hole) as sandbox:
        delivered = Delivered()
        sender = courier(sandbox.url, delivered, max_in_flight)
        try:
            sender.submit(parcels(LIVELY, 1))  # so both are known
            delivered.await_count(LIVELY, 1)
            sender.submit(parcels(SLOW, 200))
            held = sender_holds(sender, max_in_flight)
            sender.submit(parcels(LIVELY, 100))
            delivered.await_count(LIVELY, 101)
            assert sender.lanes[f"s/{SLOW}"].in_flight == held
        finally:
            sender.close()
    assert set(delivered.apps) == {LIVELY}
    assert max_in_flight // 2 <= held < max_in_flight


def sender_holds(sender: Courier, max_in_flight: int) -> int:
    """Wait until the slow app has under way what it may have; return how many these are."""
    most = max(4 * max_in_flight // 5, 1)
    until = time.monotonic() + PATIENCE_SECONDS
    while (lane := sender.lanes.get(f"s/{SLOW}")) is None or lane.in_flight < most:
        assert time.monotonic() < until
        time.sleep(0.005)  # the courier tells nobody that it has sent
    return lane.in_flight


def test_apps_are_sent_to_in_turn_where_there_is_one_place_only() -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox:
        delivered = Delivered()
        sender = courier(sandbox.url, delivered, 1)
        try:
            sender.submit(parcels(SLOW, 30) + parcels(LIVELY, 30))
            delivered.await_count(LIVELY, 30)
        finally:
            sender.close()
    assert 29 <= delivered.apps.count(SLOW) <= 30
    assert delivered.apps[:40].count(LIVELY) in range(15, 26)
