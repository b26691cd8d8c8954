"""Runs a page's commands as a reader would, in a folder of its own, and compares what they print with the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.markdown import ROOT

LONGEST_SECONDS = 60


class Shell:
    """A terminal in a folder, whose `python` is the one that runs the tests."""

    def __init__(self, directory: Path, **variables: str) -> None:
        self.directory = directory
        tools = directory / ".bin"
        tools.mkdir()
        python = tools / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, "COLUMNS": "200", **variables}

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )

    def start(self, script: str) -> subprocess.Popen[str]:
        """Start what runs on and on."""
        command = ["bash", "-euo", "pipefail", "-c", f"exec {script}"]
        return subprocess.Popen(
            command, cwd=self.directory, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


def is_like(said: str, page: str) -> bool:
    """Return whether what was printed is what the page says, where `…` stands for anything."""
    parts = map(re.escape, re.sub(r" +$", "", page.strip(), flags=re.MULTILINE).split("…"))
    said = re.sub(r" +$", "", said.strip(), flags=re.MULTILINE)
    return re.fullmatch(".*".join(parts), said, re.DOTALL) is not None
