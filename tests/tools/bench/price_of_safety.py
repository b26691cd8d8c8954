"""What ledger, journal and recovery cost: delivered events per CPU-second, with and without them, in one run.

    python -m tests.tools.bench.price_of_safety [--events 60000] [--rounds 3]

The endpoint is the sandbox in a process of its own; what is counted is the CPU time of the stream's process, so that
the endpoint's speed does not matter.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson
from rich.progress import track

USERS = 5000
SETTINGS = """
[source]
kind = "files"
paths = ["events.ndjson"]
[delivery]
endpoint = "{endpoint}"
[[sync]]
name = "bench"
ios_app_id = "id1234"
android_app_id = "com.example.bench"
s2s_key = "env:BENCH_KEY"
exclude = ["padding"]
[[sync.event]]
name = "Order Completed"
"""


def main() -> int:
    """Run both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _write_events(directory / "events.ndjson", arguments.events)
        port = directory / "port"
        sandbox = subprocess.Popen(
            [sys.executable, "-m", "flows", "sandbox", "--drop-bodies", "--port-file", str(port), "--port", "0"],
            stdout=subprocess.PIPE,
        )
        if sandbox.stdout is not None:
            sandbox.stdout.readline()
        (directory / "stream.toml").write_text(
            SETTINGS.format(endpoint=f"http://127.0.0.1:{port.read_text().strip()}"), encoding="utf-8"
        )
        rates: dict[str, list[float]] = {"safe": [], "unsafe": []}
        try:
            for _ in track(range(arguments.rounds), "rounds"):
                for kind, measured in rates.items():
                    measured.append(_run(directory, kind, arguments.events))
        finally:
            sandbox.terminate()
            sandbox.wait()
    for kind, measured in rates.items():
        spread = f"{min(measured):,.0f} to {max(measured):,.0f}"
        print(f"{kind:>6}: {statistics.median(measured):,.0f} events per CPU-second ({spread})")  # noqa: T201
    ratio = statistics.median(safe / unsafe for safe, unsafe in zip(rates["safe"], rates["unsafe"], strict=True))
    print(f" price: the safe stream does {ratio:.0%} of the unsafe one's work per CPU-second")  # noqa: T201
    return 0


def _run(directory: Path, kind: str, events: int) -> float:
    for place in ("state", "recovery", "dead-letters"):
        shutil.rmtree(directory / place, ignore_errors=True)
    command = [sys.executable, "-m", "bytewax.run"]
    if kind == "safe":
        (directory / "recovery").mkdir()
        subprocess.run([sys.executable, "-m", "bytewax.recovery", str(directory / "recovery"), "1"], check=True)
        command += ["flows.stream", "-r", str(directory / "recovery"), "-s", "10", "-b", "0"]
    else:
        command.append("tests.tools.bench.unsafe_flow")
    environment = {**os.environ, "STREAM_SETTINGS": str(directory / "stream.toml"), "BENCH_KEY": "key"}
    before = os.times()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu_seconds = after.children_user - before.children_user + after.children_system - before.children_system
    return events / cpu_seconds


def _write_events(path: Path, count: int) -> None:
    chance = random.Random(1)
    with path.open("wb") as file:
        for number in range(count):
            user = chance.randrange(USERS)
            ios = user % 2 == 1
            event = {
                "$insert_id": f"insert-{number}",
                "event_type": "Order Completed" if chance.random() < 0.8 else "Screen Viewed",
                "user_id": f"user-{user}",
                "device_id": f"device-{user}",
                "event_time": "2026-01-01 03:00:00.123000",
                "platform": "iOS" if ios else "Android",
                "os_version": "17.4",
                "version_name": "3.1.4",
                "ip_address": "203.0.113.7",
                "event_properties": {"$price": 4.99, "$quantity": 2, "$productId": "sku-1", "$currency": "EUR"},
                "user_properties": {
                    "appsflyer_id": f"1700000000000-{user:07d}" if ios else f"1700000000000-{user:019d}",
                    "plan": "pro",
                    "padding": "x" * 600,
                },
            }
            file.write(orjson.dumps(event) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
