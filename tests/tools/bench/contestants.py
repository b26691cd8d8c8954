"""The contestants: what is measured side by side."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tests.tools.bench import this_stream, traffic
from tests.tools.bench.job import S2S_KEY, Job
from tests.tools.bench.measure import Launch
from tests.tools.bench.peers.build import BuildError, aiohttp_command, compiled_python, go_command, node_command

STREAM: Final = "stream"
COMPILED: Final = "compiled"
LIMIT: Final = "libcurl"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One of them."""

    name: str
    """As `--only` takes it."""
    title: str
    launches: Callable[[Job], Sequence[Launch]]
    check: Callable[[Job], None] = lambda _job: None
    """Called after a run; raises ContestantError."""
    is_limit: bool = False
    """It only sends: no forwarder with that client can be faster."""
    is_ours: bool = False
    """It is this stream, in whatever form."""


def chosen(*names: str, checkouts: Sequence[Path] = ()) -> list[Contestant]:
    """Return those of the names, in the order of the table; all of them without any.

    `checkouts` are further trees of this stream, as stream@DIRECTORY. Raises BuildError where a name is unknown.
    """
    everyone = [
        Contestant("h2load", "h2load, any client's limit", _h2load, is_limit=True),
        Contestant(LIMIT, "bare libcurl, this client's limit", _libcurl, is_limit=True),
        Contestant(STREAM, "this stream", this_stream.launches, this_stream.check, is_ours=True),
        Contestant(
            COMPILED,
            "this stream, compiled",
            partial(this_stream.launches, installed=compiled_python()),
            this_stream.check,
            is_ours=True,
        ),
        *[
            Contestant(
                f"{STREAM}@{each.name}",
                f"this stream, {each.name}",
                partial(this_stream.launches, checkout=each),
                this_stream.check,
                is_ours=True,
            )
            for each in checkouts
        ],
        Contestant("go", "Go: franz-go, net/http", lambda job: [_peer(job, go_command())]),
        Contestant("node", "Node: kafkajs, undici", lambda job: [_peer(job, node_command())]),
        Contestant("aiohttp", "Python: confluent-kafka, aiohttp", lambda job: [_peer(job, aiohttp_command())]),
    ]
    unknown = set(names) - {each.name for each in everyone}
    if unknown:
        there_are = ", ".join(each.name for each in everyone)
        raise BuildError(f"{', '.join(sorted(unknown))} is unknown; there are {there_are}")
    return [each for each in everyone if not names or each.name in names]


def _peer(job: Job, command: Sequence[str], **more: str) -> Launch:
    return Launch(
        command,
        {
            "BOOTSTRAP": job.topic.bootstrap,
            "TOPIC": job.topic.name,
            "GROUP": job.group,
            "ENDPOINT": job.endpoint.url,
            "CA_FILE": str(job.endpoint.ca_file),
            "S2S_KEY": S2S_KEY,
            "GOMAXPROCS": "1",
            "NODE_ENV": "production",
            **more,
        },
        this_stream.REPOSITORY,
    )


def _url(job: Job) -> str:
    return f"{job.endpoint.url}/inappevent/{traffic.IOS_APP_ID}"


def _libcurl(job: Job) -> list[Launch]:
    arguments = [_url(job), str(job.endpoint.ca_file), str(job.body_file), str(job.topic.selected)]
    return [Launch([sys.executable, "-m", "tests.tools.bench.libcurl", *arguments], directory=this_stream.REPOSITORY)]


def _h2load(job: Job) -> list[Launch]:
    h2load = shutil.which("h2load") or "h2load"
    options = ["-n", str(job.topic.selected), "-c", "4", "-m", "64", "-d", str(job.body_file)]
    headers = ["-H", f"authentication: {S2S_KEY}", "-H", "content-type: application/json"]
    return [Launch([h2load, *options, *headers, _url(job)], ends_by_itself=True)]
