"""Latency: what the stream adds at 30 % of what it can do, from the event's production to its request's arrival.

The events' own time is the time at which they are handed to the producer, AppsFlyer's `eventTime` carries it to the
endpoint, and the endpoint notes when each request came. So the figure holds more than the stream: Kafka's way in and
out, and half of the endpoint's work.
"""

import argparse
import statistics
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import orjson
from confluent_kafka import Producer
from rich.console import Console

from flows.settings.tables import WindowTable
from tests.tools.bench import document, rounds, this_stream, traffic
from tests.tools.bench.contestants import STREAM, chosen
from tests.tools.bench.endpoint import BODIES
from tests.tools.bench.measure import Running
from tests.tools.bench.workplace import Workplace, ready

LOAD: Final = 0.3
P50_OVER_WINDOW_MS: Final = 5
P99_OVER_WINDOW_MS: Final = 50
_WARM_UP_SECONDS: Final = 10.0  # the broker compiles itself on the core that it shares with producer and endpoint
_SETTLE_SECONDS: Final = 2.0
_TURN_SECONDS: Final = 0.005


class Latency(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    worst: float
    requests: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Latency":
        """Return the percentiles of at least two values."""
        points = statistics.quantiles(values, n=100)
        return cls(points[49], points[94], points[98], max(values), len(values))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=60_000, help="for finding out what it can do")
    parser.add_argument("--seconds", type=int, default=45)
    parser.add_argument("--rate", type=float, default=0.0, help="events per second; 0 is 30 %% of what it can do")
    parser.add_argument("--document", action="store_true", help="write it into docs/performance.md")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and print the percentiles."""
    rate = arguments.rate
    if not rate:
        with ready(traffic.Shape(arguments.events), console) as place:
            full = rounds.once(chosen(STREAM)[0], "what it can do", place)
            rate = LOAD * full.per_second * place.topic.events / place.topic.selected
    with ready(traffic.Shape(1000), console, log=BODIES) as place:
        latency = at(rate, arguments.seconds, place)
    window_ms = WindowTable().max_wait_ms
    said = (
        f"At {rate:,.0f} events a second, {latency.requests:,} requests, from produced to arrived: p50 "
        f"{latency.p50:.0f} ms, p95 {latency.p95:.0f}, p99 {latency.p99:.0f}, worst {latency.worst:.0f}. "
        f"The window waits up to {window_ms} ms; the targets are p50 at most {window_ms + P50_OVER_WINDOW_MS} ms and "
        f"p99 at most {window_ms + P99_OVER_WINDOW_MS}."
    )
    console.print(f"\n{said}")
    if arguments.document:
        document.write(document.PERFORMANCE, "latency", said)
    return 0


def at(rate: float, seconds: float, place: Workplace) -> Latency:
    """Produce at a steady rate while the stream runs; return what the endpoint saw. Raises ContestantError."""
    job = place.job(f"latency-{uuid.uuid4().hex[:8]}")
    before = place.endpoint.requests()
    running = Running(this_stream.launches(job), job.directory / "processes")
    try:
        while place.endpoint.requests() - before < place.topic.selected:  # what the topic holds already
            running.raise_if_failed()
            time.sleep(_TURN_SECONDS)
        began_ms = _produce(rate, seconds, place)
        time.sleep(_SETTLE_SECONDS)
        running.stop()
    finally:
        running.kill()
    waits = []
    for line in place.endpoint.new_lines():
        ended, took, _, body = line.split(" ", 3)
        event_ms = _ms(orjson.loads(body)["eventTime"])
        if event_ms >= began_ms + _WARM_UP_SECONDS * 1000:
            waits.append((float(ended) - float(took)) * 1000 - event_ms)
    return Latency.of(waits)


def _produce(rate: float, seconds: float, place: Workplace) -> float:
    """Produce; return when it began, in ms since the epoch."""
    producer = Producer({"bootstrap.servers": place.topic.bootstrap, "log_level": 0, "linger.ms": 1})
    shape = traffic.Shape(int(rate * seconds), seed=2)
    began = time.time()
    task = place.progress.add_task("at a steady rate", total=shape.events)
    for number, message in enumerate(traffic.messages(shape, traffic.now())):
        while (early := began + number / rate - time.time()) > 0:
            producer.poll(0)
            place.progress.update(task, completed=number)
            time.sleep(max(early, _TURN_SECONDS))
        producer.produce(place.topic.name, _now_is(message.value), message.key)
    producer.flush(30)
    return began * 1000


def _now_is(value: bytes) -> bytes:
    """Return the event as one that happens at this moment."""
    row = orjson.loads(value)
    row["event_time"] = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
    return orjson.dumps(row)


def _ms(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000
