"""History: every run, in docs/benchmarks/DATE.json. What is there is never replaced, only added to."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pycurl

from tests.tools.bench import traffic
from tests.tools.bench.rounds import Results

FORMAT: Final = 1
_VERSIONS: Final = {
    "nginx": ["nginx", "-v"],
    "h2load": ["h2load", "--version"],
    "go": ["go", "version"],
    "node": ["node", "--version"],
}


def entry(results: Results, shape: traffic.Shape, repository: Path, note: str = "") -> dict[str, Any]:
    """Return what a run adds: when, of which commit, on what, and every round's figures."""
    return {
        "format": FORMAT,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(repository),
        "machine": _machine(),
        "versions": _versions(),
        "events": shape.events,
        "users": shape.users,
        "seed": shape.seed,
        "note": note,
        "contestants": {
            name: [
                {**asdict(each), "per_cpu_second": each.per_cpu_second, "per_second": each.per_second}
                for each in measurements
            ]
            for name, measurements in results.items()
        },
    }


def append(directory: Path, added: Mapping[str, Any]) -> Path:
    """Add a run to the file of its day; return the file. Raises ValueError if the file holds anything but runs."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{added['at'][:10]}.json"
    runs = orjson.loads(path.read_bytes()) if path.exists() else []
    if not isinstance(runs, list):
        raise ValueError(f"{path} is no list of runs")  # noqa: TRY004 - it is the file that is wrong
    fresh = path.with_suffix(".new")
    fresh.write_bytes(orjson.dumps([*runs, added], option=orjson.OPT_INDENT_2) + b"\n")
    fresh.replace(path)
    return path


def _commit(repository: Path) -> str:
    command = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=10"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _machine() -> dict[str, Any]:
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory[1]) / 1e6) if memory else None,
        "kernel": platform.release(),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "libcurl": pycurl.version}
    for name, command in _VERSIONS.items():
        if shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
            environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            found[name] = (done.stdout + done.stderr).strip()
    return found
