"""The stream's sender alone, with the real bodies: everything that the HTTP half does, and nothing before it.

    python -m tests.tools.bench.sender_alone ENDPOINT CA_FILE BODIES_FILE COUNT

Keys, lanes, limits, circuits, classification and reports as in the stream; nothing is journalled.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import orjson

from connectors.delivery.delivery import Attempts, Delivery
from connectors.delivery.engines.open import open_engine
from connectors.delivery.report import Report
from connectors.delivery.sender import LaneSecrets, Sender
from connectors.delivery.settings import DeliveryTable
from connectors.secrets import Secret, SecretRef
from flows.domain.event import Position
from flows.runtime.start import _collect_garbage_rarely
from tests.tools.bench.job import S2S_KEY

_BATCH = 100
_AHEAD = 2000
_KEY_VARIABLE = "BENCH_S2S_KEY"


def main(endpoint: str, ca_file: str, bodies_file: str, count: int) -> int:
    """Send so many; 1 if any was given up."""
    os.environ[_KEY_VARIABLE] = S2S_KEY
    bodies = [
        (app_id, body.encode()) for app_id, body in map(orjson.loads, Path(bodies_file).read_bytes().splitlines())
    ]
    delivered = given_up = 0
    moved = threading.Event()

    def note_delivery(_delivery: Delivery) -> None:
        nonlocal delivered
        delivered += 1

    def note_loss(_letter: object) -> None:
        nonlocal given_up
        given_up += 1

    report = Report(delivered=note_delivery, given_up=note_loss, attempted=lambda *_: None, settled=moved.set)
    settings = DeliveryTable(endpoint=endpoint, ca_file=Path(ca_file), ramp_requests_per_second_per_minute=0)
    lanes = {"bench": LaneSecrets(endpoint, [Secret(SecretRef("env", _KEY_VARIABLE))])}
    sender = Sender(settings, lanes, report, open_engine(settings), lambda: time.time_ns() // 1_000_000)
    _collect_garbage_rarely()
    sent = 0
    while delivered + given_up < count:
        while sent < count and sent - delivered < _AHEAD:
            batch = range(sent, min(sent + _BATCH, count))
            sender.submit([(_delivery(number, *bodies[number % len(bodies)]), Attempts()) for number in batch])
            sent += len(batch)
        moved.wait(1.0)
        moved.clear()
        if sender.error is not None:
            raise sender.error
    if not given_up:
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    sender.close()
    return 1 if given_up else 0


def _delivery(number: int, app_id: str, body: bytes) -> Delivery:
    return Delivery("bench", 0, "event", app_id, body, b"", None, Position("bench", 0, number), 0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
