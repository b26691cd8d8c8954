"""Runs the stream over a hostile topic, and measures the memory that the process takes at the most."""

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import psutil

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.tools.load.hostile.kinds import Kind

_LOOK_SECONDS: Final = 0.02
_LONGEST_SECONDS: Final = 300.0
_KEY: Final = "key-of-the-hostile-topics"
_SETTINGS: Final = """
[source]
kind = "files"
paths = ["topic.json.gz"]

[dead_letters]
kind = "files"
directory = "dead-letters"

[health]
port = 0

[[sync]]
name = "one"
enabled = true
ios_app_id = "id123456789"
s2s_key = "env:HOSTILE_KEY"
events = "all"
"""


class Figures(NamedTuple):
    """What came of it."""

    records: int
    """How many were written."""
    peak_bytes: int
    seconds: float
    summary: dict[str, Any]


class FailedError(Exception):
    """The stream did not come to its end; the message is its log."""


def run(kind: Kind, directory: Path) -> Figures:
    """Run it to its end. Raises FailedError."""
    directory.mkdir(parents=True, exist_ok=True)
    with gzip.open(directory / "topic.json.gz", "wb", compresslevel=1) as file:
        records = 0 if kind.ends else 1
        for line in kind.lines():
            file.write(line + b"\n" if kind.ends else line)
            records += kind.ends
    faults = {"rule": [{"delay_ms": kind.answer_ms}]} if kind.answer_ms else {}
    with SandboxServer.in_thread(faults=faults, drop_bodies=True) as sandbox:
        (directory / "stream.toml").write_text(_settings(kind, sandbox.url), encoding="utf-8")
        began = time.monotonic()
        peak_bytes = _peak_bytes(directory)
    summary = orjson.loads((directory / "summary.json").read_bytes())
    return Figures(records, peak_bytes, time.monotonic() - began, summary)


def accounted(kind: Kind, figures: Figures) -> bool:
    """Return whether each event was read, and has ended in exactly one outcome."""
    summary = figures.summary
    is_read = summary["read"] == figures.records * kind.parts and not summary["empty"]
    entries = summary["read"] - sum(summary["refused"].values()) - summary["refused_pending"]
    sync = summary["syncs"]["one"]
    fates = sync["delivered"] + sync["duplicate"] + sum(sync["filtered"].values()) + sum(sync["dead_lettered"].values())
    return bool(is_read and entries + sync["copies"] == fates and not sync["pending"])


def _settings(kind: Kind, endpoint: str) -> str:
    own = kind.settings
    tables = {"delivery": f'endpoint = "{endpoint}"\nbrake_share = 1.0\nramp_requests_per_second_per_minute = 0\n'}
    tables |= {"state": 'directory = "state"\n'}
    for name, text in tables.items():
        if f"[{name}]\n" in own:
            own = own.replace(f"[{name}]\n", f"[{name}]\n{text}")
        else:
            own += f"[{name}]\n{text}"
    return own + _SETTINGS


def _peak_bytes(directory: Path) -> int:
    variables = {
        **os.environ,
        "STREAM_SETTINGS": str(directory / "stream.toml"),
        "STREAM_SUMMARY": str(directory / "summary.json"),
        "HOSTILE_KEY": _KEY,
    }
    with (directory / "log").open("wb") as log:
        command = [sys.executable, "-m", "flows", "run"]
        stream = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=directory)
    process, peak_bytes = psutil.Process(stream.pid), 0
    until = time.monotonic() + _LONGEST_SECONDS
    while stream.poll() is None and time.monotonic() < until:
        try:
            peak_bytes = max(peak_bytes, process.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(_LOOK_SECONDS)
    if stream.poll() is None:
        stream.kill()
    if stream.wait() != 0:
        raise FailedError((directory / "log").read_text(encoding="utf-8"))
    return peak_bytes
