"""Docker or podman, as a test uses it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.fixtures.leftovers import LABEL, is_left

ROOT = Path(__file__).parents[3]


class Engine:
    """One of them. Raises LookupError if none works."""

    def __init__(self) -> None:
        reasons = []
        for name in ("podman", "docker"):
            if shutil.which(name) is None:
                reasons.append(f"{name} is not on the PATH")
                continue
            asked = subprocess.run([name, "info"], capture_output=True, text=True, check=False)
            if asked.returncode == 0:
                self.name = name
                return
            reasons.append(f"{name} does not work: {asked.stderr.strip()[-200:]}")
        raise LookupError("; ".join(reasons))

    def __call__(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a command; return what it printed."""
        done = subprocess.run([self.name, *arguments], capture_output=True, text=True, check=False)
        assert may_fail or done.returncode == 0, f"{self.name} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def remove_left_containers(self) -> None:
        """Remove the containers of test runs on this machine that were killed."""
        label = f'{{{{index .Config.Labels "{LABEL}"}}}}'
        for each in self("ps", "--all", "--quiet", "--filter", f"label={LABEL}").split():
            if is_left(self("inspect", "--format", label, each, may_fail=True).strip()):
                self("rm", "--force", "--volumes", each, may_fail=True)

    def build(self, image: str) -> None:
        """Build the image as `make image` does."""
        environment = {**os.environ, "ENGINE": self.name, "IMAGE": image}
        done = subprocess.run(
            ["deploy/build-image.sh"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"

    def inspect(self, image: str) -> dict[str, Any]:
        """Return what it knows of an image."""
        (found,) = json.loads(self("image", "inspect", image))
        return dict(found)

    def health_check(self, image: str) -> list[str]:
        """Return the command of its health check, which podman and docker keep in different places."""
        found = self.inspect(image)
        kind, *command = (found["Config"].get("Healthcheck") or found["Healthcheck"])["Test"]
        assert kind == "CMD"
        return list(command)
