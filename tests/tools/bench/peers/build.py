"""Puts the peers together from their sources, and this stream's compiled wheel; says how each is started."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent
BUILT: Final = SOURCES.parents[2] / "run" / "bench"
"""Where they are put together; no part of the repository."""
_BUILD_SECONDS: Final = 600
_REPOSITORY: Final = SOURCES.parents[2]
_COMPILED: Final = _REPOSITORY / ".venv-compiled"
_MUST_BE_COMPILED: Final = (
    "import flows.operators.stages as m, sys; sys.exit(m.__file__ if m.__file__.endswith('.py') else 0)"
)


class BuildError(Exception):
    """A peer cannot be built; says what is missing."""


def build(name: str) -> None:
    """Build a peer; one that needs no building is left alone. Raises BuildError."""
    BUILT.mkdir(parents=True, exist_ok=True)
    if name == "go":
        _run("go", ["go", "build", "-trimpath", "-o", str(BUILT / "go-forwarder"), "."], SOURCES / "go")
    elif name == "node":
        shutil.copytree(SOURCES / "node", BUILT / "node", dirs_exist_ok=True)
        _run("npm", ["npm", "ci", "--no-audit", "--no-fund", "--omit=dev"], BUILT / "node")
    elif name == "compiled":
        _run("make", ["make", "--silent", f"{_COMPILED.name}/.complete"], _REPOSITORY)
        _run(str(compiled_python()), [str(compiled_python()), "-P", "-c", _MUST_BE_COMPILED], _REPOSITORY)


def compiled_python() -> Path:
    """Return the interpreter that has this stream installed as its compiled wheel."""
    return _COMPILED / "bin" / "python"


def go_command() -> list[str]:
    """Return how the Go forwarder is started."""
    return [str(BUILT / "go-forwarder")]


def node_command() -> list[str]:
    """Return how the Node forwarder is started."""
    return ["node", str(BUILT / "node" / "forwarder.mjs")]


def aiohttp_command() -> list[str]:
    """Return how the aiohttp forwarder is started."""
    return [sys.executable, "-m", "tests.tools.bench.peers.python.forwarder"]


def _run(tool: str, command: list[str], directory: Path) -> None:
    if shutil.which(tool) is None:
        raise BuildError(f"{tool} is not there; install it, or leave the peer out with --only")
    environment = {**os.environ, "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS
    )
    if done.returncode:
        raise BuildError(f"{' '.join(command)} failed (--only leaves it out): {done.stderr[-800:]}")
