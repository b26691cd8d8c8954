"""The generator: a process of its own that produces at the plan's pace.

    python -m tests.tools.load.generator JOB.json

It ends when every event is with the broker, when it is asked to (SIGTERM), or when its parent is gone.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from confluent_kafka import KafkaError, Producer
from confluent_kafka.cimpl import Message as Record

from tests.tools.load.archive import Archive
from tests.tools.load.invented import Invented
from tests.tools.load.pace import Pace
from tests.tools.load.produced import Produced
from tests.tools.load.skew import InTurn, Skew
from tests.tools.load.traffic import Traffic

_TICK_SECONDS: Final = 0.005
_MOST_AT_ONCE: Final = 2000
_FLUSH_SECONDS: Final = 30.0
_LOCAL_QUEUE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Job:
    """What the generator is to do."""

    bootstrap: str
    topic: str
    produced: str
    """The mapped file's path."""
    events: int
    rate: float
    burst: float
    burst_seconds: float
    users: int
    skew: float
    """Below 0: one user after another, again and again."""
    introduced: bool
    """Every user's device is known already, so that `without_ids` holds from their first event on."""
    selected: float
    without_ids: float
    seed: int
    run: str
    archive: str | None
    names: Sequence[str]
    platforms: Sequence[str]
    paths: dict[str, Sequence[str]]

    def write(self, path: Path) -> None:
        """Write it for the process."""
        path.write_bytes(orjson.dumps(asdict(self)))


def traffic(job: Job) -> Traffic:
    """Return where the events come from."""
    if job.archive is not None:
        return Archive(Path(job.archive), job.run)
    rng = Random(job.seed)
    return Invented(
        InTurn(job.users) if job.skew < 0 else Skew(job.users, job.skew, rng),
        rng,
        job.names,
        selected=job.selected,
        without_ids=job.without_ids,
        introduced=job.introduced,
        platforms=job.platforms,
        paths=job.paths,
        run=job.run,
    )


class Generator:
    """Sends what is due, and notes when the broker took it."""

    def __init__(self, job: Job, produced: Produced, is_over: Callable[[], bool]) -> None:
        self._topic = job.topic
        self._produced = produced
        self._pace = Pace(job.events, job.rate, job.burst, job.burst_seconds)
        self._traffic = traffic(job)
        self._is_over = is_over
        self._producer = Producer(
            {
                "bootstrap.servers": job.bootstrap,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": _LOCAL_QUEUE,
                "log_level": 3,
            }
        )

    def run(self) -> None:
        """Produce everything, or as much as there is time for."""
        produced = self._produced
        produced.begun_ms = time.time_ns() // 1_000_000
        begun, sent = time.monotonic(), 0
        while sent < self._pace.events and not self._is_over():
            due = self._pace.due(time.monotonic() - begun) - sent
            produced.behind = due
            if due <= 0:
                self._producer.poll(_TICK_SECONDS)
                continue
            sent += self._send(sent, min(due, _MOST_AT_ONCE))
            produced.sent = sent
        produced.sent_ms = time.time_ns() // 1_000_000
        produced.behind = 0
        self._producer.flush(_FLUSH_SECONDS)

    def _send(self, first: int, count: int) -> int:
        produce, poll = self._producer.produce, self._producer.poll
        now_ms = time.time_ns() // 1_000_000
        for number, (key, value) in enumerate(self._traffic.messages(first, count, now_ms), first):
            while True:
                try:
                    produce(self._topic, value, key, on_delivery=partial(self._taken, number))
                except BufferError:  # the broker is slower than we are
                    poll(0.01)
                    if self._is_over():
                        return number - first
                else:
                    break
        poll(0)
        return count

    def _taken(self, number: int, error: KafkaError | None, record: Record) -> None:
        if error is not None:
            self._produced.failed += 1
        else:
            self._produced.stamp(number, record.timestamp()[1])


def main(arguments: Sequence[str]) -> int:
    """Run the job of a file."""
    job = Job(**orjson.loads(Path(arguments[0]).read_bytes()))
    parent, asked = os.getppid(), []

    def stop(*_: Any) -> None:
        asked.append(True)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    with Produced(Path(job.produced)) as produced:
        Generator(job, produced, lambda: bool(asked) or os.getppid() != parent).run()
        return 0 if produced.taken == produced.sent else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
