"""The stream's sender alone, with the real bodies: everything that the HTTP half does, and nothing before it.

    python -m tests.tools.bench.sender_alone ENDPOINT CA_FILE BODIES_FILE COUNT

Keys, lanes, limits, circuits, classification, outbox and journal as in the stream.
"""

import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from connectors.delivery.delivery import Delivery
from connectors.delivery.settings import DeliveryTable
from flows.domain.event import Position
from flows.runtime.start import _collect_garbage_rarely
from tests.fixtures.delivering import Delivering, Observer
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
    settings = DeliveryTable(endpoint=endpoint, ca_file=Path(ca_file), ramp_requests_per_second_per_minute=0)
    with TemporaryDirectory() as directory:
        given = Delivering(Path(directory), endpoint, _KEY_VARIABLE, settings, sync="bench", observer=Counting())
        _collect_garbage_rarely()
        sent = 0
        while len(given.outbox) or sent < count:
            while sent < count and len(given.outbox) < _AHEAD:
                batch = range(sent, min(sent + _BATCH, count))
                given.submit(_delivery(number, *bodies[number % len(bodies)]) for number in batch)
                sent += len(batch)
            time.sleep(0.001)
            if given.sender.error is not None:
                raise given.sender.error
            if given.letters:
                break
        if not given.letters:
            signal.sigwait({signal.SIGTERM, signal.SIGINT})
        given.close()
    return 1 if given.letters else 0


class Counting(Observer):
    """Keeps nothing."""

    def final(self, item: object, fate: str) -> None:
        pass


def _delivery(number: int, app_id: str, body: bytes) -> Delivery:
    return Delivery("bench", 0, "event", app_id, body, b"", None, Position("bench", 0, number), 0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
