"""deploy/compose.yaml for real: `make compose`.

It checks the file strictly, starts Kafka, the stand-in AppsFlyer, the stream and its events with the image that
`make image` has built, waits until events arrive, stops the stream cleanly, and removes everything again. `PARTS=all`
starts Prometheus and Grafana too, whose images come from a registry. No port is published, for those may be taken here.
It needs `docker compose` 2.18 or later. Exit code 0 if events arrived, 1 if something went wrong, 2 without the tool.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

from tests.tools.deploy.manifests import DEPLOY

_OURS: Final = ("kafka", "topics", "sandbox", "stream", "events")
_DELIVERED: Final = 20
_PATIENCE_SECONDS: Final = 180.0
_STATUS: Final = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/status').read().decode())"


class ComposeError(Exception):
    """It refuses, or something does not come about in time."""


def main() -> int:
    """Start it, look at it, and take it away."""
    console = Console(stderr=True, highlight=False)
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        console.print("docker with its compose plugin is needed")
        return 2
    with tempfile.TemporaryDirectory() as place:
        compose = Compose(Path(place))
        try:
            compose("config", "--quiet")
            compose("down", "--volumes", may_fail=True)  # what a rehearsal that was killed has left
            console.print("[green]✓[/] every field of deploy/compose.yaml is known")
            _rehearse(compose, console)
        except ComposeError as problem:
            console.print(f"✗ {problem}", markup=False)
            console.print(compose("logs", "--tail", "20", may_fail=True), markup=False)
            return 1
        finally:
            compose("down", "--volumes", "--timeout", "60", may_fail=True)
    return 0


class Compose:
    """deploy/compose.yaml as a project of its own, without the ports that it publishes."""

    def __init__(self, place: Path) -> None:
        """Write the file that takes the ports away."""
        file = DEPLOY / "compose.yaml"
        services = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
        closed = ", ".join(f"{name}: {{ports: !reset []}}" for name, each in services.items() if "ports" in each)
        (place / "no-ports.yaml").write_text(f"services: {{{closed}}}\n", encoding="utf-8")
        self._command = ["docker", "compose", "--project-name", "stream-rehearsal", "--file", str(file)]
        self._command += ["--file", str(place / "no-ports.yaml")]

    def __call__(self, *arguments: str, may_fail: bool = False) -> str:
        """Run docker compose; return what it printed. Raises ComposeError."""
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode and not may_fail:
            raise ComposeError(f"docker compose {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def status(self) -> dict[str, Any] | None:
        """Return the stream's status; None while there is none."""
        answer = self("exec", "--no-TTY", "stream", "python", "-c", _STATUS, may_fail=True)
        try:
            found: dict[str, Any] = json.loads(answer)
        except json.JSONDecodeError:
            return None
        return found


def _rehearse(compose: Compose, console: Console) -> None:
    parts = () if os.environ.get("PARTS") == "all" else _OURS
    with console.status("up"):
        began = time.monotonic()
        compose("up", "--detach", "--no-build", *parts)
        while (status := compose.status()) is None or _delivered(status) < _DELIVERED:
            if time.monotonic() - began > _PATIENCE_SECONDS:
                raise ComposeError(f"after {_PATIENCE_SECONDS:.0f} s fewer than {_DELIVERED} events arrived")
            time.sleep(1)
    seconds = time.monotonic() - began
    console.print(f"[green]✓[/] {_delivered(status)} of {status['read']} events arrived {seconds:.0f} s after `up`")
    with console.status("stop"):
        compose("stop", "stream")
    code = json.loads(compose("ps", "--all", "--format", "json", "stream").splitlines()[0])["ExitCode"]
    if code:
        raise ComposeError(f"the stream's stop ended with {code}")
    console.print("[green]✓[/] the stream stopped cleanly")


def _delivered(status: dict[str, Any]) -> int:
    return sum(int(sync["delivered"]) for sync in status["syncs"])


if __name__ == "__main__":
    sys.exit(main())
