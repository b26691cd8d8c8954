"""Profile: where the stream spends its time under this load, as a flame graph."""

import argparse
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.tools.bench import cores, this_stream, traffic
from tests.tools.bench.measure import ContestantError, Running, await_first
from tests.tools.bench.peers.build import BUILT, BuildError
from tests.tools.bench.this_stream import REPOSITORY
from tests.tools.bench.workplace import ready

COMMITTED: Final = REPOSITORY / "docs" / "benchmarks" / "flame-graph.svg"
LARGEST_COMMITTED: Final = 200_000
_RATE: Final = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--native", action="store_true", help="with the frames of C and Rust")
    parser.add_argument("--document", action="store_true", help="keep the graph in docs/, if it is small enough")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Record, and say where the graph is."""
    sampler = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if sampler is None:
        raise BuildError("py-spy is not there: make profile installs it")
    BUILT.mkdir(parents=True, exist_ok=True)
    graph = BUILT / "flame-graph.svg"
    with ready(traffic.Shape(arguments.events, arguments.users), console) as place:
        job = place.job(f"profile-{uuid.uuid4().hex[:8]}")
        base = place.endpoint.requests()
        running = Running(this_stream.launches(job), job.directory / "processes")
        try:
            await_first(running, place.endpoint, base)
            with console.status(f"sampling for {arguments.seconds} s"):
                _record(sampler, running.processes[0].pid, graph, arguments)
            running.stop()
        finally:
            running.kill()
    console.print(f"The flame graph is {graph.relative_to(REPOSITORY)}")
    if arguments.document:
        size = graph.stat().st_size
        if size > LARGEST_COMMITTED:
            console.print(f"It has {size:,} bytes, which is too much for docs/.")
        else:
            COMMITTED.write_text(_anonymous(graph.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def _anonymous(graph: str) -> str:
    """Return it without the command line, which names this machine's directories."""
    return re.sub(r'(<text id="title"[^>]*>)[^<]*', r"\1The interpreter's time under the benchmark's load", graph)


def _record(sampler: str, pid: int, graph: Path, arguments: argparse.Namespace) -> None:
    command = [
        *(sampler, "record", "--pid", str(pid), "--output", str(graph), "--duration", str(arguments.seconds)),
        # Only who holds the interpreter: threads that wait are told from those that work on few kernels.
        *("--rate", str(_RATE), "--gil", "--threads", "--function", "--format", "flamegraph"),
        *(("--native",) if arguments.native else ()),
    ]
    done = subprocess.run(cores.on((cores.SERVING,), command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContestantError(
            f"py-spy cannot look into the stream ({done.stderr.strip()[-300:]}): it needs root, or "
            "kernel.yama.ptrace_scope = 0"
        )
