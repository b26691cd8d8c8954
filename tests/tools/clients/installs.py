"""Amplitude's clients as they are published: pinned, checked by hash, and installed in the user's cache."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DRIVERS: Final = Path(__file__).parent / "drivers"
"""What makes each client send, and what pins its version."""
LOCK: Final = "package-lock.json"
_INSTALL_SECONDS: Final = 600
_COPY_JARS: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


class NotInstalledError(Exception):
    """A client cannot be installed; says why."""


@dataclass(frozen=True)
class Install:
    """Clients that are installed together."""

    name: str
    """Its directory below `drivers`."""
    tools: tuple[str, ...]
    """Commands that must be on the PATH."""
    build: Callable[[Path], None]
    """Makes the clients ready in a directory that has a copy of its drivers. Raises OSError and SubprocessError."""

    @property
    def missing_tool(self) -> str | None:
        """The first of its tools that is not there."""
        return next((each for each in self.tools if shutil.which(each) is None), None)

    @property
    def home(self) -> Path:
        """Where it is installed; another directory after each change of its drivers."""
        files = sorted(each for each in (DRIVERS / self.name).iterdir() if each.is_file())
        digest = hashlib.sha256(b"".join(each.name.encode() + each.read_bytes() for each in files)).hexdigest()[:12]
        return _cache() / f"clients-{self.name}-{digest}"

    def install(self) -> Path:
        """Install it where that is not done yet; return where. Raises NotInstalledError."""
        if self.missing_tool is not None:
            raise NotInstalledError(f"no {self.missing_tool} on the PATH")
        home = self.home
        home.parent.mkdir(parents=True, exist_ok=True)
        with (home.parent / f"clients-{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not home.exists():
                with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
                    made = Path(scratch) / "made"
                    shutil.copytree(DRIVERS / self.name, made)
                    self._build(made)
                    made.rename(home)
        return home

    def _build(self, directory: Path) -> None:
        try:
            self.build(directory)
        except subprocess.CalledProcessError as error:
            raise NotInstalledError(
                f"{error.cmd[0]} failed:\n{error.stderr.decode(errors='replace')[-2000:]}"
            ) from error
        except (OSError, subprocess.SubprocessError) as error:
            raise NotInstalledError(str(error)) from error


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "amplitude-appsflyer-stream"


def _run(directory: Path, *command: str) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=_INSTALL_SECONDS)


def _build_node(directory: Path) -> None:
    if "://" in (directory / LOCK).read_text(encoding="utf-8"):
        raise OSError(f"{LOCK} holds addresses: write it with `python -m tests.tools.clients.lock`")
    _run(directory, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def _build_go(directory: Path) -> None:
    _run(directory, "go", "build", "-mod=readonly", "-o", "send", ".")


def _build_java(directory: Path) -> None:
    _run(directory, "mvn", "-q", "-B", _COPY_JARS, "-DoutputDirectory=jars")
    lines = (directory / "jars.sha256").read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in (directory / "jars").iterdir()}
    if found != expected:
        differing = sorted(name for name, _ in found.items() ^ expected.items())
        raise OSError(f"not the files of jars.sha256: {', '.join(differing)}")
    _run(directory, "javac", "-d", "classes", "-cp", "jars/*", *(each.name for each in directory.glob("*.java")))


NODE: Final = Install("node", ("npm", "node"), _build_node)
"""The clients for Node and for browsers."""
GO: Final = Install("go", ("go",), _build_go)
JAVA: Final = Install("java", ("mvn", "javac", "java", "keytool"), _build_java)
"""The clients for Java and Kotlin."""
INSTALLS: Final = (NODE, GO, JAVA)
