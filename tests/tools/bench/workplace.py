"""The workplace: a directory, an endpoint, a broker and a filled topic, which are all gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.tools.bench import bodies, broker, endpoint, traffic
from tests.tools.bench.broker import Topic
from tests.tools.bench.endpoint import Endpoint
from tests.tools.bench.job import Job

BODIES = 5000
"""How many different ones those who only send have at most."""


class Workplace(NamedTuple):
    """Where contestants work."""

    directory: Path
    endpoint: Endpoint
    topic: Topic
    body_file: Path
    bodies_file: Path
    progress: Progress

    def job(self, name: str) -> Job:
        """Return a run's job; its name must be new."""
        return Job(self.topic, self.endpoint, self.directory / name, f"bench-{name}", self.body_file, self.bodies_file)


@contextmanager
def ready(shape: traffic.Shape, console: Console, *, log: str = endpoint.COUNTS) -> Iterator[Workplace]:
    """Set everything up. Raises BrokerError, EndpointError."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name,
        Progress(*columns, console=console, transient=True) as progress,
        endpoint.running(Path(name) / "endpoint", log) as served,
        broker.running(Path(name) / "broker") as bootstrap,
        broker.filled(bootstrap, shape, progress) as topic,
    ):
        directory = Path(name)
        made = list(bodies.requests(shape._replace(events=min(shape.events, BODIES))))
        body_file, bodies_file = directory / "body.json", directory / "bodies.ndjson"
        body_file.write_bytes(sorted((each.body for each in made), key=len)[len(made) // 2])
        bodies_file.write_bytes(b"".join(orjson.dumps([each.app_id, each.body.decode()]) + b"\n" for each in made))
        yield Workplace(directory, served, topic, body_file, bodies_file, progress)
