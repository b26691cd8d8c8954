"""The rig: a Kafka, an endpoint, and settings that connect the stream to both. All of it ends with its context."""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

from flows.observe.metrics.metric import PACKAGE
from flows.settings.model import Settings
from tests.tools.load.broker import Broker, find_broker, new_topic
from tests.tools.load.children import Child, python
from tests.tools.load.endpoint import Endpoint, run_endpoint
from tests.tools.load.generator import Job
from tests.tools.load.result import Parts
from tests.tools.load.settings import DEFAULT, Place, names, platforms, settings
from tests.tools.load.stream import Stream, free_ports

_PARTITIONS_PER_SLICE: Final = 4


@dataclass(frozen=True, slots=True)
class Rig:
    """What a stream is put into to be measured."""

    work: Path
    broker: Broker
    topic: str
    endpoint: Endpoint
    settings: Settings
    slices: int

    def stream(self) -> Stream:
        """Return the stream, not started yet."""
        return Stream(self.work, self.settings.path, self.slices, self.settings.health.port)

    def generator(self, name: str, **wanted: Any) -> Child:
        """Start a generator, a process whose events go to the topic; `wanted` are the job's fields for the traffic."""
        job = Job(
            **wanted,
            bootstrap=self.broker.address,
            topic=self.topic,
            produced=str(self.work / name),
            run=f"{self.topic}-{name}",
            names=names(self.settings),
            platforms=platforms(self.settings),
            paths={identifier: list(paths) for identifier, paths in self.settings.identity.identifier_paths.items()},
        )
        job.write(self.work / f"{name}.json")
        command = python("tests.tools.load.generator", str(self.work / f"{name}.json"))
        return Child("the generator", command, self.work / f"{name}.log")

    def parts(self) -> Parts:
        """Return what it is made of, in words."""
        cores = len(os.sched_getaffinity(0))
        memory = psutil.virtual_memory().total / 2**30
        return Parts(
            broker=self.broker.what,
            endpoint=self.endpoint.what,
            endpoint_processes=len(self.endpoint.pids),
            machine=f"{cores} cores ({_processor()}), {memory:.0f} GB, Python {platform.python_version()}",
            cores=cores,
            version=version(PACKAGE),
        )


@contextmanager
def rig(
    directory: Path,
    slices: int = 1,
    *,
    text: str = DEFAULT,
    limit: float = 0.0,
    answer_ms: int = 0,
    endpoint: str = "",
    keep: bool = False,
) -> Iterator[Rig]:
    """Set it up in a directory; `text` is a stream.toml. Raises what its parts raise."""
    work = directory.absolute() / "work"
    (work / "kafka").mkdir(parents=True)
    with ExitStack() as stack:
        if not keep:
            stack.callback(shutil.rmtree, work, ignore_errors=True)
        broker = stack.enter_context(find_broker(work / "kafka"))
        topic = stack.enter_context(new_topic(broker, _PARTITIONS_PER_SLICE * slices))
        server = stack.enter_context(run_endpoint(work / "endpoint", slices, answer_ms, endpoint))
        place = Place(work, broker.address, topic, server.url, server.ca_file, free_ports(slices), limit)
        yield Rig(work, broker, topic, server, settings(text, place, work / "stream.toml"), slices)


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.machine()
