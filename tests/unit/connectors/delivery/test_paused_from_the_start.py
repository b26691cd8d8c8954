"""A paused sync: nothing of it is sent, not even what an earlier run had left in the outbox."""

import time
from pathlib import Path

import pytest

from connectors.clock import now_ms
from connectors.delivery.delivery import Delivery
from connectors.delivery.engines.in_memory import InMemoryEngine
from connectors.delivery.lanes import Lanes, LaneSecrets
from connectors.delivery.sender import Sender
from connectors.delivery.settings import DeliveryTable
from connectors.delivery.stats import Tally
from connectors.secrets import Secret, SecretRef
from flows.domain.event import Position
from flows.domain.slice import ALL
from tests.fixtures.delivering import PATIENCE_SECONDS, Observer, an_outbox, take


@pytest.mark.parametrize("paused", [frozenset({"s"}), frozenset()])
def test_what_was_taken_up_before_the_sender_began_waits_while_its_sync_is_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paused: frozenset[str]
) -> None:
    monkeypatch.setenv("PAUSED_KEY", "key-of-the-paused-test")
    observer, settings = Observer(), DeliveryTable()
    outbox = an_outbox(tmp_path, observer=observer)
    take(
        outbox, [Delivery("s", 0, "e", "id1", b"{}", b"{}", None, Position("t", 0, number), 0) for number in range(100)]
    )
    secrets = {"s": LaneSecrets("http://127.0.0.1:9", [Secret(SecretRef("env", "PAUSED_KEY"))])}
    rounds: list[int] = []
    lanes = Lanes(settings, secrets, ALL, paused)
    sender = Sender(settings, lanes, outbox, Tally(now_ms), InMemoryEngine(), now_ms, beat=rounds.append)
    until = time.monotonic() + PATIENCE_SECONDS
    while len(rounds) < 3 or (not paused and len(outbox)):
        assert time.monotonic() < until
        sender.pause(paused)  # wakes it
    sender.close()
    assert len(observer.delivered) == (0 if paused else 100)
    assert len(outbox) == 100 - len(observer.delivered)
