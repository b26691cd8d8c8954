"""The way to AppsFlyer in trouble, with a real sender: others answer in its place, or connections go silent."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest
import structlog

from connectors.appsflyer.sandbox.app import SandboxServer
from connectors.clock import now_ms
from connectors.delivery.breaker import Circuit
from connectors.delivery.delivery import Attempts, Delivery, attempts_of
from connectors.delivery.settings import DeliveryTable
from flows.domain.event import Position
from flows.domain.fate import DeadLetterReason
from tests.fixtures.dead_end import dead_end
from tests.fixtures.delivering import Delivering

APP = "com.example.way"
KEY = "key-of-the-way-test"
LANE = f"s/{APP}"
PAGE = "<!doctype html><title>Sign in</title>"


def body(user: str) -> bytes:
    return (
        b'{"appsflyer_id":"1700000000000-1234567890123456789","eventName":"af_purchase","eventValue":"",'
        b'"customer_user_id":"%s"}' % user.encode()
    )


class Rig(Delivering):
    """A sender, and what became of what was given to it."""

    def __init__(self, url: str, now_ms: Callable[[], int] = now_ms, **settings: Any) -> None:
        self._directory = TemporaryDirectory(prefix="way-")
        super().__init__(Path(self._directory.name), url, "WAY_KEY", DeliveryTable(**settings), now_ms=now_ms)
        self._next = 0

    def send(self, *users: str, so_far: Attempts | None = None) -> list[int]:
        numbers = list(range(self._next, self._next + len(users)))
        self._next += len(users)
        deliveries = (
            Delivery("s", 0, "e", APP, body(user), b"{}", None, Position("t", 0, number), 0)
            for user, number in zip(users, numbers, strict=True)
        )
        self.submit(deliveries, so_far)
        return numbers

    def close(self) -> None:
        with self._directory:
            super().close()


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAY_KEY", KEY)


@pytest.mark.parametrize("park", ["pause", "park"])
@pytest.mark.parametrize(
    "rule",
    [
        {"status": 200, "text": PAGE},
        {"kind": "page"},
        {"kind": "page", "status": 403},
        {"status": 404, "text": PAGE},
        {"status": 403, "text": PAGE},
        {"status": 400, "text": PAGE},
        {"status": 204},
        {"status": 302, "text": "moved"},
        {"status": 407, "text": "sign in"},
        {"status": 421, "text": ""},
        {"status": 511, "text": "sign in"},
    ],
    ids=str,
)
def test_what_answers_in_appsflyers_place_pauses_the_app_and_costs_no_event(
    rule: dict[str, Any], park: str, logs: list[Any]
) -> None:
    """Nothing is delivered, given up or counted as an attempt, also with "park"; then a probe finds the way clear."""
    with SandboxServer.in_thread(keys=(KEY,), faults={"rule": [rule]}) as sandbox:
        submitter = Rig(sandbox.url, on_rejected_credentials=park)
        try:
            numbers = submitter.send(*map(str, range(20)))
            sandbox.wait_until(lambda summary: summary["requests"] >= 21)  # probes are among them
            submitter.wait_for(lambda: submitter.sender.circuits == {LANE: Circuit.PAUSED})
            assert (submitter.delivered, submitter.letters) == ([], [])
            sandbox.set_faults({})
            submitter.wait_for(lambda: sorted(submitter.delivered) == numbers)
        finally:
            submitter.close()
    assert {attempts.made for attempts in submitter.attempts.values()} == {0}
    paused = [entry for entry in logs if entry["event"].startswith("app paused")]
    assert len(paused) == 1
    assert paused[0]["log_level"] == "error"
    assert "network" in paused[0]["do"]
    assert "the key is not at fault" in paused[0]["do"]


def test_one_event_that_a_firewall_dislikes_does_not_hold_up_the_others() -> None:
    plan = {"rule": [{"customer_user_id": "disliked", "status": 403, "text": PAGE}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=plan) as sandbox:
        submitter = Rig(sandbox.url)
        try:
            numbers = submitter.send("disliked", *map(str, range(300)))
            submitter.wait_for(lambda: sorted(submitter.delivered) == numbers[1:])
            sandbox.set_faults({})
            submitter.wait_for(lambda: sorted(submitter.delivered) == numbers)
        finally:
            submitter.close()
    assert submitter.letters == []


def test_one_event_that_is_forbidden_pauses_the_app_once_at_most_and_is_given_up_in_time(logs: list[Any]) -> None:
    """A 403 speaks of the plan, the key or the app, unless what is sent after it passes."""
    plan = {"rule": [{"customer_user_id": "forbidden", "status": 403}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=plan) as sandbox:
        submitter = Rig(sandbox.url, retry_minutes=0.01)
        try:
            numbers = submitter.send("forbidden", *map(str, range(300)))
            submitter.wait_for(lambda: sorted(submitter.delivered) == numbers[1:])
            submitter.wait_for(lambda: bool(submitter.letters))
            assert submitter.sender.circuits == {LANE: Circuit.CLOSED}
        finally:
            submitter.close()
    (letter,) = submitter.letters
    assert (letter.reason, letter.position.offset) == (DeadLetterReason.RETRIES_EXHAUSTED, numbers[0])
    assert len([entry for entry in logs if entry["event"].startswith("app paused")]) <= 1


def test_another_text_than_ok_is_a_delivery_and_told_once(logs: list[Any]) -> None:
    plan = {"rule": [{"status": 200, "text": f"taken, number 17 of a@example.com {KEY}"}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=plan) as sandbox:
        submitter = Rig(sandbox.url)
        try:
            numbers = submitter.send(*map(str, range(30)))
            submitter.wait_for(lambda: sorted(submitter.delivered) == numbers)
        finally:
            submitter.close()
    (told,) = [entry for entry in logs if entry["log_level"] == "warning"]
    assert told["answer"] == "taken, number # of # ***"


@pytest.mark.parametrize("step_ms", [5 * 3_600_000, -75_000])
def test_a_step_of_the_wall_clock_gives_nothing_up(step_ms: int) -> None:
    """Between its first failure and the next ones the clock steps, further than `retry_minutes`."""
    stepped = [0]
    plan = {"rule": [{"customer_user_id": "unlucky", "attempt": [1, 2, 3], "status": 503}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=plan) as sandbox:
        submitter = Rig(sandbox.url, lambda: now_ms() + stepped[0], retry_minutes=240)
        try:
            (unlucky,) = submitter.send("unlucky")
            submitter.wait_for(lambda: unlucky in submitter.attempts)
            stepped[0] = step_ms
            submitter.wait_for(lambda: submitter.delivered == [unlucky] or bool(submitter.letters))
        finally:
            submitter.close()
    assert submitter.letters == []
    assert submitter.attempts[unlucky].made == 3
    assert 0 <= submitter.attempts[unlucky].tried_ms < 60_000


def test_time_spent_before_a_stop_counts_and_the_stop_does_not() -> None:
    """What an earlier run has tried for nearly all of `retry_minutes` is given up soon, but not at once."""
    plan = {"rule": [{"customer_user_id": "unlucky", "status": 503}]}
    with SandboxServer.in_thread(keys=(KEY,), faults=plan) as sandbox:
        submitter = Rig(sandbox.url, retry_minutes=1)
        try:
            submitter.send("unlucky", so_far=Attempts(4, 59_999, 503, "Service Unavailable"))
            submitter.wait_for(lambda: bool(submitter.letters))
        finally:
            submitter.close()
    (letter,) = submitter.letters
    assert (letter.reason, letter.attempts) == (DeadLetterReason.RETRIES_EXHAUSTED, 6)


@pytest.mark.parametrize(("stored_ms", "tried_ms"), [(1_790_000_000_000, 0), (5000, 5000), (0, 0)])
def test_what_an_earlier_version_stored_is_read(stored_ms: int, tried_ms: int) -> None:
    """It stored the time of the first attempt; how long it was tried since then nobody knows."""
    assert attempts_of((3, stored_ms, 503, "no")) == Attempts(3, tried_ms, 503, "no")


@contextmanager
def refusing_proxy(status: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """Answer each CONNECT with a status; yield the proxy's address, and how many it has answered."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65_536))
                    connection.sendall(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)

        server = Thread(target=serve, daemon=True)
        server.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", lambda: len(asked)
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            server.join()
    assert all(each.startswith(b"CONNECT ") for each in asked)


@pytest.mark.parametrize("status", [407, 403, 302])
def test_a_proxy_that_refuses_the_tunnel_pauses_the_app(status: int, logs: list[Any]) -> None:
    """No key and no event is at fault, so no attempt counts, and the log says where to look."""
    with refusing_proxy(status) as (proxy, asked):
        submitter = Rig("https://127.0.0.1:9", proxy=proxy)
        try:
            numbers = submitter.send(*map(str, range(5)))
            submitter.wait_for(lambda: sorted(submitter.attempts) == numbers)
            assert submitter.sender.circuits == {LANE: Circuit.PAUSED}
        finally:
            submitter.close()
        assert asked() >= len(numbers)
    assert {attempts.made for attempts in submitter.attempts.values()} == {0}
    assert submitter.letters == []
    (paused,) = [entry for entry in logs if entry["event"].startswith("app paused")]
    assert "the key is not at fault" in paused["do"]


def test_a_probe_finds_the_way_again_though_every_connection_of_before_is_dead() -> None:
    with SandboxServer.in_thread(keys=(KEY,)) as sandbox, dead_end(sandbox.port) as proxy:
        submitter = Rig(f"http://127.0.0.1:{proxy.port}", timeout_seconds=0.4)
        try:
            first = submitter.send(*map(str, range(12)))
            submitter.wait_for(lambda: sorted(submitter.delivered) == first)
            proxy.refuses = True
            proxy.silence()
            lost = submitter.send(*map(str, range(12, 40)))
            submitter.wait_for(lambda: submitter.sender.circuits[LANE] is Circuit.OPEN)
            proxy.refuses = False
            submitter.wait_for(lambda: sorted(submitter.delivered) == first + lost)
            assert submitter.sender.circuits == {LANE: Circuit.CLOSED}
        finally:
            submitter.close()
    assert submitter.letters == []
