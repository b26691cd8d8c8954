"""Collector: events per CPU-second from an upload to its durability, in an inbox and in Kafka; then the answers' times.

Batches of ten over fifty kept connections. The clients share the serving core with the broker. «CPU-second» is of the
collector alone, whose disk is synced for each group of uploads.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import tomli_w
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.console import Console
from rich.progress import Progress

from connectors.clock import now_ms
from tests.fixtures.ports import free_port
from tests.tools.bench import broker, cores, document, uploads, usage
from tests.tools.bench.latency import Latency
from tests.tools.bench.measure import ContestantError

TARGET_PER_CPU_SECOND: Final = 20_000
TARGET_P99_MS: Final = 20
_CLIENTS: Final = 50
_WARM_UP: Final = 0.1
_START_SECONDS: Final = 60.0
_MEGABYTE: Final = 1 << 20


class Taken(NamedTuple):
    """What one run took."""

    kind: str
    per_cpu_second: float
    per_second: float
    latency: Latency
    """At half the rate that it can do."""
    first_rss_bytes: int
    last_rss_bytes: int

    @property
    def words(self) -> str:
        """Say it."""
        latency, first, last = self.latency, self.first_rss_bytes / _MEGABYTE, self.last_rss_bytes / _MEGABYTE
        return (
            f"Into {self.kind}: {self.per_cpu_second:,.0f} events per CPU-second ({self.per_second:,.0f} a second); at "
            f"half of that an upload of ten is answered after p50 {latency.p50:.1f} ms, p99 {latency.p99:.1f}, worst "
            f"{latency.worst:.0f}; memory {first:.0f} → {last:.0f} MB."
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=10, help="how long the answers are timed")
    parser.add_argument("--document", action="store_true", help="write it into docs/performance.md")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure both, and print the figures."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with Progress(console=console, transient=True) as progress:
            found.append(_measure({"kind": "inbox"}, "an inbox", directory / "inbox", arguments, progress))
            with broker.running(directory / "broker") as bootstrap:
                source = {"kind": "kafka", "bootstrap_servers": bootstrap, "topic": _topic(bootstrap)}
                found.append(_measure(source, "Kafka", directory / "kafka", arguments, progress))
    said = "\n".join(f"- {each.words}" for each in found)
    console.print(
        f"\n{said}\n\nThe targets are {TARGET_PER_CPU_SECOND:,} per CPU-second and a p99 below {TARGET_P99_MS} ms."
    )
    if arguments.document:
        document.write(document.PERFORMANCE, "collector", said)
    return 0


def _measure(
    source: Mapping[str, object], kind: str, directory: Path, arguments: argparse.Namespace, progress: Progress
) -> Taken:
    bodies = uploads.requests(arguments.events // uploads.BATCH, now_ms())
    with _running(source, directory) as (pid, port):
        warm = int(len(bodies) * _WARM_UP)
        _post(port, bodies[:warm], 0, f"{kind}: warm-up", progress)
        first_rss = usage.peak_rss_bytes([pid])
        cpu, began = usage.cpu_seconds([pid]), time.monotonic()
        _post(port, bodies[warm:], 0, f"{kind}: as fast as it can", progress)
        took, used = time.monotonic() - began, usage.cpu_seconds([pid]) - cpu
        events = (len(bodies) - warm) * uploads.BATCH
        half = events / used / 2 / uploads.BATCH
        timed = uploads.requests(int(half * arguments.seconds), now_ms())
        seconds = _post(port, timed, half, f"{kind}: at half its load", progress)
        latency = Latency.of([each * 1000 for each in seconds])
        return Taken(kind, events / used, events / took, latency, first_rss, usage.peak_rss_bytes([pid]))


def _post(port: int, bodies: list[bytes], per_second: float, what: str, progress: Progress) -> list[float]:
    task = progress.add_task(what, total=len(bodies))
    try:
        return asyncio.run(
            uploads.post_all(port, bodies, _CLIENTS, per_second, lambda: progress.update(task, advance=1))
        )
    except (OSError, RuntimeError, EOFError) as problem:
        raise ContestantError(f"{what}: {problem}") from problem


@contextmanager
def _running(source: Mapping[str, object], directory: Path) -> Iterator[tuple[int, int]]:
    """Run a collector on the measured core; give its process id and its port. Raises ContestantError."""
    directory.mkdir()
    port = free_port()
    table = {"port": port, "health_port": 0, "api_keys": ["env:AMPLITUDE_API_KEY"]}
    settings, log = directory / "stream.toml", directory / "log"
    settings.write_text(tomli_w.dumps({"source": source, "collector": table}), encoding="utf-8")
    command = cores.on([cores.MEASURED], [sys.executable, "-m", "flows", "collect", "--settings", str(settings)])
    environment = {**os.environ, "AMPLITUDE_API_KEY": uploads.API_KEY}
    with log.open("wb") as errors, subprocess.Popen(command, env=environment, stderr=errors) as process:
        try:
            end = time.monotonic() + _START_SECONDS
            while b"events are taken in" not in log.read_bytes():
                if process.poll() is not None or time.monotonic() > end:
                    raise ContestantError(f"the collector did not start: {log.read_text()[-500:]}")
                time.sleep(0.05)
            yield process.pid, port
        finally:
            process.terminate()


def _topic(bootstrap: str) -> str:
    name = f"bench-{os.getpid()}-{now_ms()}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, broker.PARTITIONS, 1)])[name].result(30)
    return name
